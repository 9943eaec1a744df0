import { DateTime } from "effect"
import { describe, expect, it } from "vitest"
import { Lanes } from "../../src/actors/outbox/Lanes.ts"
import type { JobId } from "../../src/domain/Job.ts"
import type { MessageId } from "../../src/domain/Message.ts"
import type { OutboxRow } from "../../src/sql/outbox/Outbox.ts"

const row = (id: number, more: Partial<OutboxRow> = {}): OutboxRow => ({
  id,
  messageId: `${id}` as MessageId,
  chatKey: `c${id}`,
  phone: null,
  lid: null,
  groupJid: null,
  messageType: "text",
  content: "halo",
  outgoing: null,
  payload: null,
  attempts: 0,
  createdAt: DateTime.unsafeMake(0),
  jobId: null,
  jobDelay: null,
  priority: 0,
  opensChat: false,
  firstWroteAt: null,
  ...more
})
const job = (id: number, delay = 0) => row(id, { jobId: "job" as JobId, jobDelay: delay })
/** Enters what finds a lane. */
const enter = (lanes: Lanes, rows: ReadonlyArray<OutboxRow>) => {
  lanes.asking()
  const entered = rows.filter((each) => {
    const free = lanes.isFree(each)
    if (free) lanes.enter(each)
    return free
  })
  return entered.map(({ id }) => id)
}
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index)

describe("lanes", () => {
  it("take one message of a chat, and the next one once the queue has been asked again", () => {
    const lanes = new Lanes()
    const [first, second] = [row(1, { chatKey: "c" }), row(2, { chatKey: "c" })]
    expect(enter(lanes, [first, second])).toEqual([1])
    lanes.leave(first)
    expect(lanes.isFree(second)).toBe(false)
    expect(enter(lanes, [second])).toEqual([2])
    lanes.leave(second)
    expect(lanes.isIdle).toBe(true)
  })

  it("are left in part to what is urgent", () => {
    const lanes = new Lanes()
    expect(enter(lanes, numbers(0, 20).map((id) => job(id))).length).toBe(12)
    expect(enter(lanes, numbers(100, 110).map((id) => row(id))).length).toBe(4)
  })

  it("take one message of a job that waits between two", () => {
    const lanes = new Lanes()
    expect(enter(lanes, [job(1, 3000), job(2, 3000), row(3)])).toEqual([1, 3])
    lanes.leave(job(1, 3000))
    expect(enter(lanes, [job(2, 3000)])).toEqual([2])
  })

  it("take four files that are not uploaded yet, and texts beside them", () => {
    const lanes = new Lanes()
    const file = (id: number) => row(id, { messageType: "image" })
    expect(enter(lanes, numbers(0, 6).map(file))).toEqual([0, 1, 2, 3])
    expect(enter(lanes, [file(4), row(7)])).toEqual([7])
    lanes.uploaded(file(0))
    expect(enter(lanes, [file(4)])).toEqual([4])
  })

  it("are crowded while something waits for one and few are free", () => {
    const lanes = new Lanes()
    const rows = numbers(0, 13).map((id) => job(id))
    enter(lanes, rows.slice(0, 12))
    expect(lanes.isCrowded).toBe(false)
    enter(lanes, rows)
    expect(lanes.isCrowded).toBe(true)
    for (const each of rows.slice(0, 4)) lanes.leave(each)
    expect(lanes.isCrowded).toBe(false)
  })
})
