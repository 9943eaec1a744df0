import { SqlClient } from "@effect/sql"
import { Effect } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { type Direction, isChangeType, type MessageStatus } from "../../domain/Message.ts"
import { makeDialect } from "../database/Dialect.ts"

/** In every time zone a day begins with a quarter of an hour; milliseconds. */
export const quarter = 900_000
/** The bucket of a device's sum of all, under the chat ''. */
export const always = -1

/** As much of a message as its place in the statistics needs. */
export interface Countable {
  readonly chatKey: string
  readonly direction: Direction
  readonly messageType: string
  readonly status: MessageStatus
  /** milliseconds */
  readonly timestamp: number
  readonly sentAt: number | null
  readonly historical: boolean
}

interface Count {
  readonly chatKey: string
  readonly at: number
  readonly of: "incoming" | "outgoing" | "failed"
  readonly by: 1 | -1
}

/**
 * What a message counts as, by its state alone: an incoming one when it was written, an outgoing one when WhatsApp took it, or
 * as failed when it was accepted. So a change of state is counted by taking back the old one. What changes another message is none
 * by itself.
 */
const counts = (message: Countable | undefined, by: 1 | -1): ReadonlyArray<Count> => {
  if (message === undefined || message.historical || isChangeType(message.messageType)) return []
  const { chatKey, direction, sentAt, status, timestamp } = message
  if (direction === "incoming") return [{ chatKey, at: timestamp, of: "incoming", by }]
  if (sentAt !== null) return [{ chatKey, at: sentAt, of: "outgoing", by }]
  return status === "failed" ? [{ chatKey, at: timestamp, of: "failed", by }] : []
}

/** A message before and after; undefined where it is not there. */
export type Change = readonly [before: Countable | undefined, after: Countable | undefined]

/** The rows to add for these changes: one a chat and quarter of an hour, and their sum. */
const rowsOf = (deviceId: DeviceId, changes: ReadonlyArray<Change>) => {
  const rows = new Map<string, ReturnType<typeof blank>>()
  const rowAt = (bucket: number, chatKey: string) => {
    const key = `${bucket} ${chatKey}`
    const row = rows.get(key) ?? blank(deviceId, bucket, chatKey)
    rows.set(key, row)
    return row
  }
  for (const [before, after] of changes) {
    for (const { at, by, chatKey, of } of [...counts(before, -1), ...counts(after, 1)]) {
      const row = rowAt(Math.floor(at / quarter), chatKey)
      row[of] += by
      rowAt(always, "")[of] += by
      if (by < 0) continue
      if (of === "incoming") row.firstIncoming = Math.min(row.firstIncoming ?? at, at)
      if (of === "outgoing") row.lastOutgoing = Math.max(row.lastOutgoing ?? at, at)
    }
  }
  return [...rows.values()].filter((row) => row.incoming !== 0 || row.outgoing !== 0 || row.failed !== 0)
}

const blank = (deviceId: DeviceId, bucket: number, chatKey: string) => ({
  deviceId, bucket, chatKey, incoming: 0, outgoing: 0, failed: 0, firstIncoming: null as number | null, lastOutgoing: null as number | null
})

/** Writes the `statistics` table. For callers that have locked the device's row, in the transaction of what is counted. */
export const makeTally = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const { onMysql } = yield* makeDialect
  const added = (column: string) => onMysql ? `VALUES(${column})` : `excluded.${column}`
  const sum = (column: string) => `${column} = statistics.${column} + ${added(column)}`
  const outer = (column: string, pick: string) =>
    `${column} = COALESCE(${pick}(statistics.${column}, ${added(column)}), statistics.${column}, ${added(column)})`
  const adding = sql.literal(
    `${onMysql ? "ON DUPLICATE KEY UPDATE" : "ON CONFLICT (device_id, bucket, chat_key) DO UPDATE SET"} ${
      [
        ...["incoming", "outgoing", "failed"].map(sum),
        outer("first_incoming", onMysql ? "LEAST" : "MIN"),
        outer("last_outgoing", onMysql ? "GREATEST" : "MAX")
      ].join(", ")
    }`
  )

  return {
    add: Effect.fnUntraced(function*(deviceId: DeviceId, changes: ReadonlyArray<Change>) {
      const rows = rowsOf(deviceId, changes)
      if (rows.length > 0) yield* sql`INSERT INTO statistics ${sql.insert(rows)} ${adding}`
    }),

    /** Two chats are one. */
    merge: Effect.fnUntraced(function*(deviceId: DeviceId, from: string, to: string) {
      const moving = sql`device_id = ${deviceId} AND chat_key = ${from}`
      yield* sql`INSERT INTO statistics
          (device_id, bucket, chat_key, incoming, outgoing, failed, first_incoming, last_outgoing)
        SELECT device_id, bucket, ${to}, incoming, outgoing, failed, first_incoming, last_outgoing
        FROM (SELECT * FROM statistics WHERE ${moving}) moved WHERE 1 = 1 ${adding}`
      yield* sql`DELETE FROM statistics WHERE ${moving}`
    })
  }
})
