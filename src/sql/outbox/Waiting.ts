import { SqlClient, type Statement } from "@effect/sql"
import { Clock, Context, DateTime, Effect, Layer, Schema } from "effect"
import type { Device } from "../../domain/Device.ts"
import { type Job, JobStatus } from "../../domain/Job.ts"
import { Message } from "../../domain/Message.ts"
import { Pace } from "../../domain/Pace.ts"
import { pacingConfig, settingsOf } from "../../domain/Pacing.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { WaitingFor, WaitingReason } from "../../domain/WaitingFor.ts"
import { atBoundary } from "../database/Boundary.ts"
import { DevicePacing } from "./DevicePacing.ts"
import { makeDialect } from "../database/Dialect.ts"
import { HoldReason, makeOutboxPace } from "./OutboxPace.ts"
import { Priority } from "./Priority.ts"

/** Why messages are not out yet, as it is at the moment of asking: nothing of it is stored with them. */
export class Waiting extends Context.Tag("whatsapp-service/Waiting")<Waiting, {
  /** The same messages of this device, those that wait with why and until when. */
  readonly explain: (device: Device, messages: ReadonlyArray<Message>) => Effect.Effect<ReadonlyArray<Message>, StorageUnavailable>
  /** Of the message that this job sends next; null if it is over. */
  readonly explainJob: (device: Device, job: Job) => Effect.Effect<WaitingFor | null, StorageUnavailable>
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

  const rowsOf = (condition: Statement.Fragment) =>
    Effect.flatMap(
      sql`SELECT m.id, m.chat_key, m.priority, m.send_at, m.held_for, j.status AS job_status, j.next_send_at,
          CASE WHEN EXISTS (
            SELECT 1 FROM messages e ${dialect.through("messages_lane")} WHERE e.queue = m.queue AND e.chat_key = m.chat_key
              AND e.priority <= m.priority AND (e.due_at < m.due_at OR (e.due_at = m.due_at AND e.id < m.id))
          ) THEN 1 ELSE 0 END AS is_behind
        FROM messages m LEFT JOIN jobs j ON j.job_id = m.job_id
        WHERE ${condition} AND m.queue IS NOT NULL AND m.send_at IS NOT NULL`,
      decode
    )
  /** The window of its messages in the queue is short. */
  const nextOf = ({ deviceId, jobId }: Job) =>
    sql`m.id = (SELECT n.id FROM messages n ${dialect.through("messages_due")}
      WHERE ${sql.in("n.queue", [deviceId, jobId])} AND n.priority = ${Priority.bulk} AND n.job_id = ${jobId}
      ORDER BY n.send_at, n.id LIMIT 1)`

  const byPace = Effect.fnUntraced(function*({ deviceId }: Device, now: number) {
    const { choice, pairedAt } = yield* pacing.get(deviceId)
    const settings = settingsOf(defaults, choice)
    const { before, recent } = yield* gone(deviceId)
    const pace = Pace.after(before, recent, settings.gapMax * 1000)
    // a message that is held since it begins a chat is known by its row
    return ({ chatKey, priority }: Row) =>
      pace.wait({ chatKey, urgent: priority === Priority.interactive, opensChat: false }, settings, pairedAt, now)
  })

  const reasonsOf = Effect.fnUntraced(function*(device: Device, rows: ReadonlyArray<Row>) {
    const now = yield* Clock.currentTimeMillis
    const known = rows.map((row) => ({ row, reason: byItself(row, device, now) }))
    const paced = isOn && known.some(({ reason }) => reason === undefined)
      // a device that is gone sends nothing
      ? yield* Effect.catchTag(byPace(device, now), "DeviceNotFound", () => Effect.succeed(undefined))
      : undefined
    return new Map(known.map(({ reason, row }) => {
      const wait = reason === undefined ? paced?.(row) : undefined
      return [row.id, reason ?? (wait === undefined ? waits("sending", null) : waits(wait.reason, wait.until))]
    }))
  })

  const explain = Effect.fn("Waiting.explain")(function*(device: Device, messages: ReadonlyArray<Message>) {
    const pending = messages.filter(({ direction, status }) => direction === "outgoing" && status === "pending")
    if (pending.length === 0) return messages
    const reasons = yield* reasonsOf(device, yield* rowsOf(sql.in("m.id", pending.map(({ id }) => id))))
    return messages.map((message) => {
      const waitingFor = reasons.get(message.id)
      return waitingFor === undefined ? message : new Message({ ...message, waitingFor }, { disableValidation: true })
    })
  }, atBoundary)

  const explainJob = Effect.fn("Waiting.explainJob")(function*(device: Device, job: Job) {
    if (job.isOver) return null
    const rows = yield* rowsOf(nextOf(job))
    const [reason] = (yield* reasonsOf(device, rows)).values()
    if (reason !== undefined) return reason
    // none of its messages is in the queue yet
    if (job.status === "paused") return waits("job_paused", null)
    return device.isConnected ? waits("job_delay", null) : offline(device)
  }, atBoundary)

  return Waiting.of({ explain, explainJob })
})

const waits = (reason: WaitingReason, until: number | null): WaitingFor => ({
  reason,
  until: until === null ? null : DateTime.unsafeMake(until)
})

const offline = ({ retryAt }: Device): WaitingFor => ({ reason: "device_disconnected", until: retryAt })

/** What holds it beside the pace. */
const byItself = ({ heldFor, isBehind, jobStatus, nextSendAt, sendAt }: Row, device: Device, now: number): WaitingFor | undefined => {
  if (jobStatus === "paused") return waits("job_paused", null)
  if (!device.isConnected) return offline(device)
  if (isBehind) return waits("chat_order", null)
  if (sendAt > now) return waits(heldFor ?? "retry", sendAt)
  if (jobStatus === "queued") return waits("job_delay", null)
  return nextSendAt !== null && nextSendAt > now ? waits("job_delay", nextSendAt) : undefined
}
