import { SqlClient } from "@effect/sql"
import { it } from "@effect/vitest"
import { Clock, DateTime, Effect, TestClock } from "effect"
import { expect } from "vitest"
import type { DeviceId } from "../../src/domain/DeviceId.ts"
import { phoneJid } from "../../src/domain/Jid.ts"
import type { JobId } from "../../src/domain/Job.ts"
import { Devices } from "../../src/sql/devices/Devices.ts"
import { Jobs } from "../../src/sql/jobs/Jobs.ts"
import { Contacts } from "../../src/sql/contacts/Contacts.ts"
import { OptOuts } from "../../src/sql/contacts/OptOuts.ts"
import { Outbox, type OutboxRow } from "../../src/sql/outbox/Outbox.ts"
import { describeDatabases } from "../support/databases.ts"
import { eventsOf, lid, makeDevice, phone, time, world } from "./world.ts"

const number = (index: number) => phone(`62812000${String(index).padStart(5, "0")}`)
const jid = (index: number) => phoneJid(number(index))

const makeJob = Effect.fnUntraced(function*(deviceId: DeviceId, count: number, { delay = 0, to = (index: number) => index } = {}) {
  const jobs = yield* Jobs
  const devices = yield* Devices
  const { userId } = yield* devices.get(deviceId)
  const row = yield* jobs.begin({ deviceId, userId })
  yield* jobs.add(row, Array.from({ length: count }, (_, position) => ({
    position, recipient: jid(to(position)), variables: { name: `n${position}` }
  })))
  const { job } = yield* jobs.finish(row, {
    deviceId, content: { _tag: "Text", text: "halo {{name}}", mentions: [], preview: null }, delay, name: "Promo", total: count,
    idempotencyKey: undefined, requestHash: undefined
  })
  return { job, row }
})

/** Sends what may be sent, as the pump does; answers the texts. */
const sendDue = Effect.fnUntraced(function*(deviceId: DeviceId, epoch: number, settle?: (row: OutboxRow) => boolean) {
  const outbox = yield* Outbox
  const texts: Array<string | null> = []
  for (const row of yield* outbox.due(deviceId, 100)) {
    const [mine] = yield* outbox.claim(deviceId, epoch, [{ row, payload: Uint8Array.of(1) }])
    if (mine !== true) continue
    if (settle?.(row) === false) {
      yield* outbox.failed(deviceId, row, { code: "NOT_ON_WHATSAPP", text: "no", whatsapp: null })
    } else yield* outbox.sent(deviceId, [{ row, at: time(1) }])
    texts.push(row.content)
  }
  return texts
})

const device = Effect.gen(function*() {
  const deviceId = yield* makeDevice
  const devices = yield* Devices
  return { deviceId, epoch: (yield* devices.claim(deviceId)).epoch }
})
const progress = (jobId: JobId) => Effect.flatMap(Jobs, (jobs) => Effect.map(jobs.get(jobId), (job) => ({ status: job.status, ...job.progress })))

describeDatabases("Jobs", (database) => {
  it.layer(world(database), { timeout: 60_000 })((it) => {
    it.effect("what has not been finished is no job, and nothing of it stays", () =>
      Effect.gen(function*() {
        const { deviceId } = yield* device
        const jobs = yield* Jobs
        const sql = yield* SqlClient.SqlClient
        const { userId } = yield* (yield* Devices).get(deviceId)
        const row = yield* jobs.begin({ deviceId, userId })
        yield* jobs.add(row, Array.from({ length: 1200 }, (_, position) => ({ position, recipient: jid(position), variables: {} })))
        expect(yield* jobs.list({ deviceId, limit: 10 })).toEqual([])
        expect(yield* jobs.devicesAtWork).not.toContain(deviceId)
        yield* jobs.discardAbandoned
        expect(yield* jobs.recipients(row, 1199, 10)).toHaveLength(1)
        yield* TestClock.adjust("2 hours")
        yield* jobs.discardAbandoned
        expect(yield* sql`SELECT * FROM job_recipients WHERE job_row = ${row}`).toEqual([])
        const { job, row: finished } = yield* makeJob(deviceId, 3)
        yield* jobs.discard(finished)
        expect((yield* jobs.results(job.jobId, { limit: 10 })).length).toBe(3)
      }))

    it.effect("what ended long ago goes with its list; its messages stay, and so does a job that is sent once more", () =>
      Effect.gen(function*() {
        const { deviceId, epoch } = yield* device
        const jobs = yield* Jobs
        const sql = yield* SqlClient.SqlClient
        const [old, again, paused] = yield* Effect.all([makeJob(deviceId, 3), makeJob(deviceId, 2), makeJob(deviceId, 2)])
        yield* jobs.pause(paused.job.jobId)
        for (let round = 0; round < 6; round++) {
          yield* jobs.stage(deviceId)
          yield* sendDue(deviceId, epoch, ({ jobId }) => jobId !== again.job.jobId)
        }
        expect(yield* progress(old.job.jobId)).toMatchObject({ status: "completed", completed: 3 })
        expect(yield* progress(again.job.jobId)).toMatchObject({ status: "completed", failed: 2 })
        yield* TestClock.adjust("40 days")
        const recent = yield* makeJob(deviceId, 2)
        yield* jobs.cancel(recent.job.jobId)
        yield* jobs.retryFailed(again.job.jobId)

        const before = DateTime.subtract(yield* DateTime.now, { days: 30 })
        expect(yield* jobs.removeFinished(before)).toBe(false)
        expect(yield* Effect.flip(jobs.get(old.job.jobId))).toMatchObject({ _tag: "JobNotFound" })
        expect(yield* sql`SELECT position FROM job_recipients WHERE job_row = ${old.row}`).toEqual([])
        expect(yield* sql`SELECT status FROM messages WHERE job_id = ${old.job.jobId}`).toHaveLength(3)
        const left = yield* jobs.list({ deviceId, limit: 10 })
        expect(left.map(({ jobId, status }) => [jobId, status])).toEqual([
          [recent.job.jobId, "cancelled"], [paused.job.jobId, "paused"], [again.job.jobId, "processing"]
        ])
        expect(yield* jobs.results(again.job.jobId, { limit: 10 })).toHaveLength(2)
        // as a death in the middle leaves it
        yield* sql`UPDATE jobs SET status = 'removed' WHERE id = ${recent.row}`
        expect(yield* Effect.flip(jobs.get(recent.job.jobId))).toMatchObject({ _tag: "JobNotFound" })
        yield* TestClock.adjust("2 hours")
        yield* jobs.discardAbandoned
        expect(yield* sql`SELECT position FROM job_recipients WHERE job_row = ${recent.row}`).toEqual([])
        expect(yield* sql`SELECT id FROM jobs WHERE id = ${recent.row}`).toEqual([])
      }))

    it.effect("recipients become messages a window at a time, each once, in order", () =>
      Effect.gen(function*() {
        const { deviceId, epoch } = yield* device
        const jobs = yield* Jobs
        const { job } = yield* makeJob(deviceId, 230)
        const sent: Array<string | null> = []
        let most = 0
        for (let round = 0; round < 30 && (yield* jobs.get(job.jobId)).status !== "completed"; round++) {
          // twice: as two processes would
          yield* Effect.all([jobs.stage(deviceId), jobs.stage(deviceId)], { concurrency: 2 })
          const sql = yield* SqlClient.SqlClient
          most = Math.max(most, (yield* sql`SELECT id FROM messages WHERE queue = ${deviceId}`).length)
          sent.push(...(yield* sendDue(deviceId, epoch)))
        }
        expect(most).toBeLessThanOrEqual(100)
        expect(sent).toEqual(Array.from({ length: 230 }, (_, index) => `halo n${index}`))
        expect(yield* progress(job.jobId)).toEqual({ status: "completed", total: 230, completed: 230, failed: 0, pending: 0, cancelled: 0, optedOut: 0 })
        const ids = (yield* jobs.results(job.jobId, { limit: 1000 })).map(({ messageId }) => messageId)
        expect(new Set(ids).size).toBe(230)
        const told = (yield* eventsOf(deviceId)).filter(({ type }) => type.startsWith("job."))
        expect(told.at(-1)).toMatchObject({ type: "job.completed", data: { jobId: job.jobId, status: "completed", progress: { completed: 230, pending: 0 } } })
        // time stands still: what is told now and then is told once
        expect(told.filter(({ type }) => type === "job.progress").length).toBeLessThanOrEqual(2)
        expect(yield* jobs.devicesAtWork).not.toContain(deviceId)
      }))

    it.effect("the delay is kept whoever sends, and one device does one job at a time", () =>
      Effect.gen(function*() {
        const { deviceId, epoch } = yield* device
        const jobs = yield* Jobs
        const outbox = yield* Outbox
        const first = yield* makeJob(deviceId, 3, { delay: 5000 })
        const second = yield* makeJob(deviceId, 2)
        yield* jobs.stage(deviceId)
        expect(yield* sendDue(deviceId, epoch)).toEqual(["halo n0"])
        expect(yield* outbox.due(deviceId, 10)).toEqual([])
        yield* TestClock.adjust("4999 millis")
        expect(yield* sendDue(deviceId, epoch)).toEqual([])
        yield* TestClock.adjust("1 millis")
        expect(yield* sendDue(deviceId, epoch)).toEqual(["halo n1"])
        expect((yield* jobs.get(second.job.jobId)).status).toBe("queued")
        yield* TestClock.adjust("5 seconds")
        expect(yield* sendDue(deviceId, epoch)).toEqual(["halo n2"])
        expect((yield* jobs.get(first.job.jobId)).status).toBe("completed")
        yield* jobs.stage(deviceId)
        expect(yield* sendDue(deviceId, epoch)).toEqual(["halo n0", "halo n1"])
      }))

    it.effect("a clock that is put back does not hold it up", () =>
      Effect.gen(function*() {
        const { deviceId, epoch } = yield* device
        const jobs = yield* Jobs
        const start = yield* Clock.currentTimeMillis
        yield* makeJob(deviceId, 3, { delay: 5000 })
        yield* jobs.stage(deviceId)
        yield* TestClock.setTime(start + 3_600_000)
        expect(yield* sendDue(deviceId, epoch)).toEqual(["halo n0"])
        yield* TestClock.setTime(start + 1000)
        expect(yield* sendDue(deviceId, epoch)).toEqual(["halo n1"])
        expect(yield* sendDue(deviceId, epoch)).toEqual([])
        yield* TestClock.adjust("5 seconds")
        expect(yield* sendDue(deviceId, epoch)).toEqual(["halo n2"])
      }))

    it.effect("a claim that ends with its process counts for the delay", () =>
      Effect.gen(function*() {
        const { deviceId, epoch } = yield* device
        const jobs = yield* Jobs
        const outbox = yield* Outbox
        yield* makeJob(deviceId, 2, { delay: 5000 })
        yield* jobs.stage(deviceId)
        const rows = yield* outbox.due(deviceId, 10)
        expect(yield* outbox.claim(deviceId, epoch, rows.map((row) => ({ row, payload: Uint8Array.of(1) })))).toEqual([true, false])
        expect(yield* outbox.due(deviceId, 10)).toEqual([])
        yield* TestClock.adjust("5 seconds")
        expect(yield* sendDue(deviceId, epoch)).toEqual(["halo n0"])
      }))

    it.effect("paused it lets others pass, resumed it goes on", () =>
      Effect.gen(function*() {
        const { deviceId, epoch } = yield* device
        const jobs = yield* Jobs
        const outbox = yield* Outbox
        const { job } = yield* makeJob(deviceId, 3, { to: () => 1 })
        yield* jobs.stage(deviceId)
        const [head] = yield* outbox.due(deviceId, 10)
        yield* jobs.pause(job.jobId)
        expect(yield* outbox.claim(deviceId, epoch, [{ row: head!, payload: Uint8Array.of(1) }])).toEqual([false])
        expect(yield* jobs.stage(deviceId)).toBe(0)
        const other = yield* makeJob(deviceId, 1, { to: () => 1 })
        yield* jobs.stage(deviceId)
        expect(yield* sendDue(deviceId, epoch)).toEqual(["halo n0"])
        expect((yield* jobs.get(other.job.jobId)).status).toBe("completed")
        expect(yield* Effect.flip(jobs.pause(job.jobId))).toMatchObject({ _tag: "JobNotChangeable", status: "paused" })
        yield* jobs.resume(job.jobId)
        for (const text of ["halo n0", "halo n1", "halo n2"]) expect(yield* sendDue(deviceId, epoch)).toEqual([text])
        expect((yield* jobs.get(job.jobId)).status).toBe("completed")
      }))

    it.effect("cancelled, nothing of it goes; what was on its way still counts when it arrives", () =>
      Effect.gen(function*() {
        const { deviceId, epoch } = yield* device
        const jobs = yield* Jobs
        const outbox = yield* Outbox
        const { job } = yield* makeJob(deviceId, 130)
        yield* jobs.stage(deviceId)
        const [onItsWay] = yield* outbox.due(deviceId, 1)
        yield* outbox.claim(deviceId, epoch, [{ row: onItsWay!, payload: Uint8Array.of(1) }])
        yield* jobs.cancel(job.jobId)
        expect(yield* outbox.due(deviceId, 10)).toEqual([])
        expect(yield* jobs.stage(deviceId)).toBe(0)
        expect(yield* progress(job.jobId)).toMatchObject({ status: "cancelled", pending: 0, cancelled: 130, completed: 0 })
        yield* outbox.sent(deviceId, [{ row: onItsWay!, at: time(1) }])
        expect(yield* progress(job.jobId)).toMatchObject({ status: "cancelled", pending: 0, cancelled: 129, completed: 1 })
        const results = yield* jobs.results(job.jobId, { limit: 200 })
        expect(results.map(({ status }) => status)).toEqual(["sent", ...Array.from({ length: 129 }, () => "cancelled")])
        expect((yield* jobs.results(job.jobId, { status: "cancelled", after: 100, limit: 200 })).length).toBe(29)
      }))

    it.effect("failed ones are sent once more under their ids, and only those", () =>
      Effect.gen(function*() {
        const { deviceId, epoch } = yield* device
        const jobs = yield* Jobs
        const { job } = yield* makeJob(deviceId, 6)
        yield* jobs.stage(deviceId)
        yield* sendDue(deviceId, epoch, (row) => !["halo n1", "halo n4"].includes(row.content ?? ""))
        expect(yield* progress(job.jobId)).toMatchObject({ status: "completed", completed: 4, failed: 2 })
        const failed = yield* jobs.results(job.jobId, { status: "failed", limit: 10 })
        expect(failed.map(({ position }) => position)).toEqual([1, 4])
        yield* jobs.retryFailed(job.jobId)
        for (let round = 0; round < 3; round++) {
          yield* jobs.stage(deviceId)
          yield* sendDue(deviceId, epoch, (row) => row.content !== "halo n4")
        }
        expect(yield* progress(job.jobId)).toMatchObject({ status: "completed", completed: 5, failed: 1, pending: 0 })
        const [again] = yield* jobs.results(job.jobId, { after: 0, limit: 1 })
        expect(again).toMatchObject({ position: 1, status: "sent", failure: null, messageId: failed[0]!.messageId })
      }))

    it.effect("who wants nothing is left out, also after the start", () =>
      Effect.gen(function*() {
        const { deviceId, epoch } = yield* device
        const jobs = yield* Jobs
        const optOuts = yield* OptOuts
        const { userId } = yield* (yield* Devices).get(deviceId)
        expect(yield* optOuts.add(userId, [jid(1), jid(1)], "asked")).toBe(1)
        expect(yield* optOuts.add(userId, [jid(1)], null)).toBe(0)
        const { job, row } = yield* makeJob(deviceId, 3)
        expect(yield* jobs.optedOut(row)).toBe(1)
        yield* optOuts.add(userId, [jid(2)], null)
        yield* jobs.stage(deviceId)
        expect(yield* sendDue(deviceId, epoch)).toEqual(["halo n0"])
        expect(yield* progress(job.jobId)).toMatchObject({ status: "completed", completed: 1, cancelled: 2, optedOut: 2 })
        const all = yield* makeJob(deviceId, 1, { to: () => 2 })
        yield* jobs.stage(deviceId)
        expect((yield* jobs.get(all.job.jobId)).status).toBe("completed")
        expect(yield* optOuts.remove(userId, jid(2))).toBe(true)
        expect(yield* optOuts.remove(userId, jid(2))).toBe(false)
        expect((yield* optOuts.list(userId, { limit: 10 })).map(({ address }) => address)).toEqual([jid(1)])
      }))

    it.effect("who wants nothing under one of his two addresses is left out under the other", () =>
      Effect.gen(function*() {
        const { deviceId, epoch } = yield* device
        const [jobs, optOuts] = [yield* Jobs, yield* OptOuts]
        const { userId } = yield* (yield* Devices).get(deviceId)
        yield* (yield* Contacts).upsert(deviceId, [{ phone: number(1), lid: lid("901") }, { phone: number(2), lid: lid("902") }])
        yield* optOuts.add(userId, [lid("901")], null)
        const { job, row } = yield* makeJob(deviceId, 3)
        expect(yield* jobs.optedOut(row)).toBe(1)
        yield* jobs.stage(deviceId)
        expect(yield* sendDue(deviceId, epoch)).toEqual(["halo n0", "halo n2"])
        expect(yield* progress(job.jobId)).toMatchObject({ status: "completed", completed: 2, optedOut: 1 })
        // somebody else's list is none of this user's business
        const other = yield* makeDevice
        yield* optOuts.add((yield* (yield* Devices).get(other)).userId, [lid("902")], null)
        expect(yield* jobs.optedOut((yield* makeJob(deviceId, 3)).row)).toBe(1)
      }))

    it.effect("ends with its device", () =>
      Effect.gen(function*() {
        const { deviceId, epoch } = yield* device
        const jobs = yield* Jobs
        const { job } = yield* makeJob(deviceId, 5)
        yield* jobs.stage(deviceId)
        yield* jobs.pause(job.jobId)
        yield* (yield* Devices).remove(deviceId, epoch)
        expect(yield* progress(job.jobId)).toMatchObject({ status: "cancelled", cancelled: 5, pending: 0 })
        expect((yield* jobs.results(job.jobId, { limit: 10 })).every(({ status }) => status === "cancelled")).toBe(true)
      }))
  })
})
