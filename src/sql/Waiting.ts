import { SqlClient } from "@effect/sql"
import { Clock, Context, DateTime, Effect, Layer, Schema } from "effect"
import type { Device } from "../domain/Device.ts"
import { JobStatus } from "../domain/Job.ts"
import { Message } from "../domain/Message.ts"
import { Pace } from "../domain/Pace.ts"
import { pacingConfig, settingsOf } from "../domain/Pacing.ts"
import type { StorageUnavailable } from "../domain/Storage.ts"
import type { WaitingFor, WaitingReason } from "../domain/WaitingFor.ts"
import { atBoundary } from "./Boundary.ts"
import { DevicePacing } from "./DevicePacing.ts"
import { makeDialect } from "./Dialect.ts"
import { HoldReason, makeOutboxPace } from "./OutboxPace.ts"
import { Priority } from "./Priority.ts"

/** Why messages are not out yet, as it is at the moment of asking: nothing of it is stored with them. */
export class Waiting extends Context.Tag("whatsapp-service/Waiting")<Waiting, {
  /** The same messages of this device, those that wait with why and until when. */
  readonly explain: (device: Device, messages: ReadonlyArray<Message>) => Effect.Effect<ReadonlyArray<Message>, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(Waiting, Effect.suspend(() => make))
}

const Row = Schema.Struct({
  id: Schema.Int,
  chatKey: Schema.String,
  priority: Schema.Int,
  sendAt: Schema.Int,
  heldFor: Schema.NullOr(HoldReason),
  isBehind: Schema.transformLiterals([1, true], [0, false]),
  jobStatus: Schema.NullOr(JobStatus),
  nextSendAt: Schema.NullOr(Schema.Int)
})
type Row = typeof Row.Type
const decode = Schema.decodeUnknown(Schema.Array(Row))

const make = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const dialect = yield* makeDialect
  const pacing = yield* DevicePacing
  const { gone } = yield* makeOutboxPace
  const { defaults, isOn } = yield* pacingConfig

  const rowsOf = (ids: ReadonlyArray<number>) =>
    Effect.flatMap(
      sql`SELECT m.id, m.chat_key, m.priority, m.send_at, m.held_for, j.status AS job_status, j.next_send_at,
          CASE WHEN EXISTS (
            SELECT 1 FROM messages e ${dialect.through("messages_lane")} WHERE e.queue = m.queue AND e.chat_key = m.chat_key
              AND e.priority <= m.priority AND (e.due_at < m.due_at OR (e.due_at = m.due_at AND e.id < m.id))
          ) THEN 1 ELSE 0 END AS is_behind
        FROM messages m LEFT JOIN jobs j ON j.job_id = m.job_id
        WHERE ${sql.in("m.id", ids)} AND m.queue IS NOT NULL AND m.send_at IS NOT NULL`,
      decode
    )

  const byPace = Effect.fnUntraced(function*({ deviceId }: Device, now: number) {
    const { choice, pairedAt } = yield* pacing.get(deviceId)
    const settings = settingsOf(defaults, choice)
    const { before, recent } = yield* gone(deviceId)
    const pace = Pace.after(before, recent, settings.gapMax * 1000)
    // a message that is held since it begins a chat is known by its row
    return ({ chatKey, priority }: Row) =>
      pace.wait({ chatKey, urgent: priority === Priority.interactive, opensChat: false }, settings, pairedAt, now)
  })

  const explain = Effect.fn("Waiting.explain")(function*(device: Device, messages: ReadonlyArray<Message>) {
    const pending = messages.filter(({ direction, status }) => direction === "outgoing" && status === "pending")
    if (pending.length === 0) return messages
    const now = yield* Clock.currentTimeMillis
    const rows = yield* rowsOf(pending.map(({ id }) => id))
    const known = rows.map((row) => ({ row, reason: byItself(row, device, now) }))
    const paced = isOn && known.some(({ reason }) => reason === undefined)
      // a device that is gone sends nothing
      ? yield* Effect.catchTag(byPace(device, now), "DeviceNotFound", () => Effect.succeed(undefined))
      : undefined
    const reasons = new Map(known.map(({ reason, row }) => {
      const wait = reason === undefined ? paced?.(row) : undefined
      return [row.id, reason ?? (wait === undefined ? waits("sending", null) : waits(wait.reason, wait.until))]
    }))
    return messages.map((message) => {
      const waitingFor = reasons.get(message.id)
      return waitingFor === undefined ? message : new Message({ ...message, waitingFor }, { disableValidation: true })
    })
  }, atBoundary)

  return Waiting.of({ explain })
})

const waits = (reason: WaitingReason, until: number | null): WaitingFor => ({
  reason,
  until: until === null ? null : DateTime.unsafeMake(until)
})

/** What holds it beside the pace. */
const byItself = ({ heldFor, isBehind, jobStatus, nextSendAt, sendAt }: Row, device: Device, now: number): WaitingFor | undefined => {
  if (jobStatus === "paused") return waits("job_paused", null)
  if (!device.isConnected) return { reason: "device_disconnected", until: device.retryAt }
  if (isBehind) return waits("chat_order", null)
  if (sendAt > now) return waits(heldFor ?? "retry", sendAt)
  if (jobStatus === "queued") return waits("job_delay", null)
  return nextSendAt !== null && nextSendAt > now ? waits("job_delay", nextSendAt) : undefined
}
