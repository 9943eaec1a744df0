import { SqlClient } from "@effect/sql"
import { Clock, type DateTime, Effect, Schema } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { JobId } from "../../domain/Job.ts"
import { type ChatRef, isForward, MessageId, MessageStatus, SendFailure } from "../../domain/Message.ts"
import type { NewEvent } from "../../domain/ServiceEvent.ts"
import { chatColumns, chatFields, chatOf, messagesWithContacts } from "./MessageRow.ts"
import { makeJobTally } from "../jobs/JobTally.ts"
import { type Countable, makeTally } from "../statistics/Tally.ts"

/** As much of a message as its way from `pending` to `read` needs. */
export interface Tracked {
  readonly messageId: MessageId
  readonly chat: ChatRef
  readonly messageType: string
  readonly status: MessageStatus
  readonly failure: SendFailure | null
  readonly sentAt: number | null
  readonly deliveredAt: number | null
  readonly readAt: number | null
}
/** A stored row on its way; `stored` is what the database has. */
export interface TrackedRow extends Tracked, Countable {
  readonly id: number
  readonly jobId: JobId | null
  readonly stored: Countable
}

/** The message after it has become `status` at `at`; undefined if that is no step forward. Read implies delivered implies sent. */
export const moved = <Row extends Tracked>(
  row: Row,
  status: MessageStatus,
  at: DateTime.Utc,
  failure: SendFailure | null = null
): Row | undefined => {
  if (!isForward(row.status, status)) return undefined
  const reached = (...those: ReadonlyArray<MessageStatus>) => those.includes(status) ? at.epochMillis : null
  return {
    ...row,
    status,
    failure,
    sentAt: row.sentAt ?? reached("sent", "delivered", "read"),
    deliveredAt: row.deliveredAt ?? reached("delivered", "read"),
    readAt: row.readAt ?? reached("read")
  }
}

export const statusEvents = (deviceId: DeviceId, row: Tracked, timestamp: DateTime.Utc): ReadonlyArray<NewEvent> => {
  const { chat, failure, messageId, status } = row
  const data = { messageId, chat, status, failure, timestamp }
  return [
    { type: "message.status", deviceId, data },
    ...(status === "delivered" ? [{ type: "message.delivered", deviceId, data } as const] : [])
  ]
}

/** The columns of a status. What has left `pending` no longer waits to be sent. */
export const statusColumns = (row: Tracked) => ({
  status: row.status,
  failure: row.failure === null ? null : encodeFailure(row.failure),
  sentAt: row.sentAt,
  deliveredAt: row.deliveredAt,
  readAt: row.readAt
})
const encodeFailure = Schema.encodeSync(Schema.parseJson(SendFailure))

const nullableTime = Schema.NullOr(Schema.Int)
const TrackedRow = Schema.Struct({
  ...chatFields,
  id: Schema.Int,
  jobId: Schema.NullOr(JobId),
  messageId: MessageId,
  senderKey: Schema.String,
  messageType: Schema.String,
  timestamp: Schema.Int,
  historical: Schema.transformLiterals([1, true], [0, false]),
  status: MessageStatus,
  failure: Schema.NullOr(Schema.parseJson(SendFailure)),
  sentAt: nullableTime,
  deliveredAt: nullableTime,
  readAt: nullableTime
})
const decode = Schema.decodeUnknown(Schema.Array(TrackedRow))
const columns = `m.id, m.job_id, m.message_id, m.sender_key, m.message_type, m.timestamp, m.historical, m.status, m.failure, m.sent_at, m.delivered_at, m.read_at,
  ${chatColumns}`

export const makeStatusChange = Effect.map(Effect.all([SqlClient.SqlClient, makeTally, makeJobTally]), ([sql, tally, jobs]) => ({
  find: (where: Parameters<typeof sql.and>[0]) =>
    sql`SELECT ${sql.literal(columns)} FROM ${sql.literal(messagesWithContacts)} WHERE ${sql.and(where)} ORDER BY m.id`.pipe(
      Effect.flatMap(decode),
      Effect.map((rows) => rows.map((row) => ({ ...row, chat: chatOf(row), stored: row })))
    ),

  /** One statement for all that became the same at the same time; counted where it makes a difference. */
  save: Effect.fnUntraced(function*(deviceId: DeviceId, rows: ReadonlyArray<TrackedRow>) {
    yield* tally.add(deviceId, rows.map((row) => [row.stored, row]))
    const now = yield* Clock.currentTimeMillis
    const alike = Map.groupBy(rows, (row) => JSON.stringify(statusColumns(row)))
    for (const group of alike.values()) {
      yield* sql`UPDATE messages SET ${
        sql.update({ ...statusColumns(group[0]!), queue: null, sendAt: null, updatedAt: now })
      } WHERE ${sql.in("id", group.map((row) => row.id))}`
    }
    yield* jobs.moved(rows.map(({ jobId, status, stored }) => ({ jobId, before: stored.status, after: status })))
  })
}))
