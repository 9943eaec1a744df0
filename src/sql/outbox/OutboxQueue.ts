import { SqlClient } from "@effect/sql"
import { Clock, DateTime, Effect, Option, Schema } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { Jid } from "../../domain/Jid.ts"
import { JobId } from "../../domain/Job.ts"
import { changeTypes, MessageId, type MessageStatus, MessageType, type SendFailure } from "../../domain/Message.ts"
import { PhoneNumber } from "../../domain/PhoneNumber.ts"
import { OwnerChanged } from "../../domain/Storage.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { makeDeviceLock } from "../devices/DeviceLock.ts"
import { bytes, fit, makeDialect } from "../database/Dialect.ts"
import { EventLog } from "../events/EventLog.ts"
import { makeEventPeople } from "../events/EventPeople.ts"
import { incident, makeIncidents } from "../devices/Incidents.ts"
import { makeOwnChanges } from "../messages/ChangeSources.ts"
import { makeMessageChanges } from "../messages/MessageChanges.ts"
import type { Allowed, Claim, OutboxRow, SentRow } from "./Outbox.ts"
import { Priority } from "./Priority.ts"
import { makeStatusChange, moved, statusEvents } from "../messages/StatusChange.ts"

const Rows = Schema.Array(Schema.Struct({
  id: Schema.Int,
  messageId: MessageId,
  chatKey: Schema.String,
  phone: Schema.NullOr(PhoneNumber),
  lid: Schema.NullOr(Jid),
  groupJid: Schema.NullOr(Jid),
  messageType: MessageType,
  content: Schema.NullOr(Schema.String),
  outgoing: Schema.NullOr(Schema.String),
  payload: Schema.NullOr(Schema.Uint8ArrayFromSelf),
  attempts: Schema.Int,
  priority: Schema.Int,
  firstWroteAt: Schema.NullOr(Schema.DateTimeUtcFromNumber),
  opensChat: Schema.transformLiterals([1, true], [0, false]),
  createdAt: Schema.DateTimeUtcFromNumber,
  jobId: Schema.NullOr(JobId),
  jobDelay: Schema.NullOr(Schema.Int)
}))
const Times = Schema.Array(Schema.Struct({ sendAt: Schema.NullOr(Schema.DateTimeUtcFromNumber) }))

const all: Allowed = { urgentOnly: false, restingChats: [] }

interface Outcome {
  readonly row: OutboxRow
  readonly status: MessageStatus
  readonly at: DateTime.Utc
  readonly failure: SendFailure | null
}

export const makeOutboxQueue = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const events = yield* EventLog
  const dialect = yield* makeDialect
  const lock = yield* makeDeviceLock
  const statuses = yield* makeStatusChange
  const changes = yield* makeMessageChanges
  const ownChanges = yield* makeOwnChanges
  const withPeople = yield* makeEventPeople

  /** A time further away than the delay was told by a clock that has been put back since. */
  const delayIsOver = (now: number) => sql`(j.next_send_at <= ${now} OR j.next_send_at > ${now} + j.delay)`
  const incidents = yield* makeIncidents

  const among = ({ restingChats, urgentOnly }: Allowed) =>
    urgentOnly
      ? sql`m.priority = ${Priority.interactive}`
      : restingChats.length === 0
      ? sql`1 = 1`
      : sql`(m.priority = ${Priority.interactive} OR m.chat_key NOT IN ${sql.in(restingChats)})`

  /** The first message to somebody who has never written: none before it has gone. */
  const opensChat = sql`CASE WHEN m.group_jid IS NULL AND c.first_wrote_at IS NULL AND m.attempts = 0
      AND m.message_type NOT IN ${sql.in(changeTypes)} AND NOT EXISTS (
        SELECT 1 FROM messages o ${dialect.through("messages_chat_time")}
        WHERE o.device_id = m.device_id AND o.chat_key = m.chat_key AND o.direction = 'outgoing' AND o.status IN ('sent', 'delivered', 'read')
      ) THEN 1 ELSE 0 END`

  /**
   * Waiting rows that nothing in their chat comes before: neither an earlier one of the same or higher priority, even if that
   * one has been put off, nor a more urgent one that may go now. Those of a job only while it runs, and not before its delay
   * is over.
   */
  const heads = (deviceId: DeviceId, now: number, allowed: Allowed) =>
    sql`m.queue = ${deviceId} AND m.send_at <= ${now} AND ${among(allowed)} AND NOT EXISTS (
      SELECT 1 FROM messages e ${dialect.through("messages_lane")}
      WHERE e.queue = m.queue AND e.chat_key = m.chat_key AND (
        (e.priority <= m.priority AND (e.due_at < m.due_at OR (e.due_at = m.due_at AND e.id < m.id)))
        OR (e.priority < m.priority AND e.send_at <= ${now})
      )
    ) AND (m.job_id IS NULL OR EXISTS (
      SELECT 1 FROM jobs j WHERE j.job_id = m.job_id AND j.status = 'processing' AND ${delayIsOver(now)}
    ))`

  /** Of a job's messages one in each delay, whatever happens to it; none while the job does not run. */
  const itsTurn = (jobId: JobId, now: number) =>
    Effect.map(
      dialect.affected(sql`UPDATE jobs AS j SET next_send_at = ${now} + delay
        WHERE job_id = ${jobId} AND status = 'processing' AND ${delayIsOver(now)}`),
      (rows) => rows > 0
    )

  const settle = Effect.fnUntraced(function*(deviceId: DeviceId, outcomes: ReadonlyArray<Outcome>) {
    const device = yield* lock.byId(deviceId)
    if (Option.isNone(device)) return
    const found = yield* statuses.find([sql.in("m.id", outcomes.map(({ row }) => row.id))])
    const known = new Map(found.map((message) => [message.id, message]))
    const steps = outcomes.flatMap(({ at, failure, row, status }) => {
      const message = known.get(row.id)
      const next = message && moved(message, status, at, failure)
      if (next === undefined) return []
      known.set(row.id, next)
      return [{ next, at }]
    })
    if (steps.length === 0) return
    const rows = steps.map(({ next }) => next)
    yield* statuses.save(deviceId, rows)
    yield* incidents.add(deviceId, rows.flatMap(({ failure }) =>
      failure === null ? [] : [failure.whatsapp === null ? incident("failed", failure.code) : incident("refused", failure.whatsapp)]))
    const own = yield* ownChanges(device.value, rows)
    const changed = own.length === 0 ? [] : yield* withPeople(device.value, yield* changes.apply(deviceId, own, []))
    yield* events.append([...steps.flatMap(({ at, next }) => statusEvents(deviceId, next, at)), ...changed])
  })

  return {
    due: Effect.fn("Outbox.due")(function*(deviceId: DeviceId, limit: number, allowed: Allowed = all) {
      const now = yield* Clock.currentTimeMillis
      const rows = yield* sql`SELECT m.id, m.message_id, m.chat_key, c.phone_number AS phone, c.lid, m.group_jid,
          m.message_type, m.content, m.outgoing, m.payload, m.attempts, m.priority, c.first_wrote_at, ${opensChat} AS opens_chat,
          m.created_at, m.job_id, (SELECT j.delay FROM jobs j WHERE j.job_id = m.job_id) AS job_delay
        FROM messages m ${dialect.through("messages_due")} LEFT JOIN contacts c ON c.id = m.contact_id
        WHERE ${heads(deviceId, now, allowed)} ORDER BY m.priority, m.send_at, m.id ${dialect.limit(limit)}`
      return yield* Schema.decodeUnknown(Rows)(rows)
    }, atBoundary),

    // a row behind one that was put off is not what to wake up for
    nextDueAt: Effect.fn("Outbox.nextDueAt")(function*(deviceId: DeviceId, allowed: Allowed = all) {
      const now = yield* Clock.currentTimeMillis
      const queued = dialect.through("messages_due")
      const due = yield* sql`SELECT m.send_at FROM messages m ${queued} WHERE ${heads(deviceId, now, allowed)}
        ORDER BY m.priority, m.send_at, m.id LIMIT 1`
      const rows = due.length > 0 ? due : yield* sql`SELECT MIN(at) AS send_at FROM (
          SELECT MIN(send_at) AS at FROM messages ${queued} WHERE queue = ${deviceId} AND send_at > ${now}
          UNION ALL
          SELECT MIN(next_send_at) FROM jobs WHERE status = 'processing' AND device_id = ${deviceId} AND next_send_at > ${now}
        ) times`
      const [row] = yield* Schema.decodeUnknown(Times)(rows)
      return Option.fromNullable(row?.sendAt)
    }, atBoundary),

    claim: Effect.fn("Outbox.claim")((deviceId: DeviceId, epoch: number, claims: ReadonlyArray<Claim>) =>
      Effect.gen(function*() {
        const device = yield* lock.byId(deviceId)
        if (!Option.exists(device, ({ ownerEpoch }) => ownerEpoch === epoch)) return yield* new OwnerChanged({ deviceId, epoch })
        const now = yield* Clock.currentTimeMillis
        return yield* Effect.forEach(claims, Effect.fnUntraced(function*({ payload, row }) {
          if (row.jobId !== null && !(yield* itsTurn(row.jobId, now))) return false
          const opening = sql.literal(row.opensChat ? ", opens_chat = 1" : "")
          const met = yield* dialect.affected(
            sql`UPDATE messages SET attempts = attempts + 1, payload = ${bytes(payload)}, updated_at = ${now}, claimed_at = ${now},
              held_for = NULL${opening} WHERE id = ${row.id} AND queue IS NOT NULL`
          )
          return met > 0
        }))
      }).pipe(sql.withTransaction, retryConflicts, atBoundary)
    ),

    sent: Effect.fn("Outbox.sent")((deviceId: DeviceId, acks: ReadonlyArray<SentRow>) =>
      settle(deviceId, acks.map(({ at, row }) => ({ row, status: "sent", at, failure: null }))).pipe(
        events.transaction,
        retryConflicts,
        atBoundary
      )
    ),

    failed: Effect.fn("Outbox.failed")((deviceId: DeviceId, row: OutboxRow, failure: SendFailure) =>
      DateTime.now.pipe(
        Effect.flatMap((at) =>
          settle(deviceId, [{ row, status: "failed", at, failure: { ...failure, text: fit(failure.text, 1000) } }])
        ),
        events.transaction,
        retryConflicts,
        atBoundary
      )
    ),

    catchUpWithClock: Effect.fn("Outbox.catchUpWithClock")(function*(deviceId: DeviceId) {
      const now = yield* Clock.currentTimeMillis
      yield* sql`UPDATE messages SET send_at = ${now}, due_at = ${now}
        WHERE queue = ${deviceId} AND send_at > ${now} AND created_at > ${now}`
    }, retryConflicts, atBoundary),

    postpone: Effect.fn("Outbox.postpone")(function*(row: OutboxRow, at: DateTime.Utc) {
      const now = yield* Clock.currentTimeMillis
      yield* sql`UPDATE messages SET send_at = ${at.epochMillis}, held_for = NULL, updated_at = ${now}
        WHERE id = ${row.id} AND queue IS NOT NULL`
    }, retryConflicts, atBoundary)
  }
})
