import { SqlClient } from "@effect/sql"
import { Context, Effect, Layer } from "effect"
import type { DeviceId } from "../domain/DeviceId.ts"
import type { Message } from "../domain/Message.ts"
import type { StorageUnavailable } from "../domain/Storage.ts"
import { atBoundary } from "./Boundary.ts"
import { makeDialect } from "./Dialect.ts"
import { decodeMessages, messageColumns, messagesWithContacts } from "./MessageRow.ts"

/** Shorter words are not looked for: MySQL's index has none. */
export const shortestWord = 3
const longestWord = 80
const mostWords = 10
// what the index of MySQL leaves out, see INNODB_FT_DEFAULT_STOPWORD
const leftOut = new Set(("about are com for from how that the this was what when where who will with und www").split(" "))

/**
 * The words of a text that can be looked for; punctuation separates and means nothing, but for a `*` that ends a word: it
 * stands for the rest of a longer one.
 */
export const wordsOf = (text: string): ReadonlyArray<string> =>
  [...new Set(text.normalize("NFC").toLowerCase().match(/[\p{L}\p{M}\p{N}_]+\*?/gu) ?? [])]
    .filter((word) => bare(word).length >= shortestWord && bare(word).length <= longestWord && !leftOut.has(word))
    .slice(0, mostWords)

const bare = (word: string) => word.replace("*", "")

/** Full-text search of what was said. */
export class MessageSearch extends Context.Tag("whatsapp-service/MessageSearch")<MessageSearch, {
  /** Messages with all of these words, those that came last first; see {@link wordsOf}. */
  readonly find: (deviceId: DeviceId, query: {
    readonly words: ReadonlyArray<string>
    /** row id of a message: only what came before it */
    readonly before?: number | undefined
    readonly limit: number
  }) => Effect.Effect<ReadonlyArray<Message>, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(MessageSearch, Effect.suspend(() => make))
}

const make = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const dialect = yield* makeDialect

  // words are letters and digits: nothing in them means anything to either query language
  const matching = (deviceId: DeviceId, words: ReadonlyArray<string>) =>
    dialect.onMysql
      ? sql`k.device_id = ${deviceId} AND MATCH (k.content) AGAINST (${words.map((word) => `+${word}`).join(" ")} IN BOOLEAN MODE)`
      : sql`messages_text MATCH ${`device : ${Buffer.from(deviceId).toString("hex")} AND content : (${words.map((word) => word.replace(/^([^*]+)/, '"$1" ')).join(" AND ")})`}`

  const find = Effect.fn("MessageSearch.find")(function*(deviceId: DeviceId, query: {
    readonly words: ReadonlyArray<string>
    readonly before?: number | undefined
    readonly limit: number
  }) {
    if (query.words.length === 0) return []
    const [id, source] = dialect.onMysql ? ["k.id", "messages k"] : ["k.rowid", "messages_text k"]
    const key = sql.literal(id!)
    const older = query.before === undefined ? sql`1 = 1` : sql`${key} < ${query.before}`
    const rows = yield* sql`SELECT ${sql.literal(messageColumns)} FROM ${sql.literal(messagesWithContacts)} JOIN (
        SELECT ${key} AS id FROM ${sql.literal(source!)} WHERE ${matching(deviceId, query.words)} AND ${older}
        ORDER BY ${key} DESC ${dialect.limit(query.limit)}
      ) page ON page.id = m.id ORDER BY m.id DESC`
    return yield* decodeMessages(rows)
  }, atBoundary)

  return MessageSearch.of({ find })
})
