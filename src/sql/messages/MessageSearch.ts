import { SqlClient } from "@effect/sql"
import { Context, Effect, Layer, Option, Schema } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { Message } from "../../domain/Message.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { atBoundary } from "../database/Boundary.ts"
import { contains, makeDialect } from "../database/Dialect.ts"
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

/** As the indexes of both databases see it: without case and accents. */
const folded = (text: string) => text.normalize("NFD").replaceAll(/\p{M}/gu, "").toLowerCase()

/** Whether a text has all of these words. */
const hasWords = (words: ReadonlyArray<string>) => {
  const wanted = words.map(folded)
  return (text: string): boolean => {
    const said = new Set<string>(folded(text).match(/[\p{L}\p{N}_]+/gu) ?? [])
    return wanted.every((word) => word.endsWith("*") ? [...said].some((one) => one.startsWith(bare(word))) : said.has(word))
  }
}

/**
 * How many of a device's newest messages are looked at one by one before the index is asked. MySQL's index knows nothing of
 * devices: of a word that everybody uses it reads each message that has it, for seconds; and just such a word is found at once.
 */
const newest = 2000

interface Query {
  readonly words: ReadonlyArray<string>
  /** row id of a message: only what came before it */
  readonly before?: number | undefined
  readonly limit: number
}

/** Full-text search of what was said. */
export class MessageSearch extends Context.Tag("whatsapp-service/MessageSearch")<MessageSearch, {
  /** Messages with all of these words, those that came last first; see {@link wordsOf}. */
  readonly find: (deviceId: DeviceId, query: Query) => Effect.Effect<ReadonlyArray<Message>, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(MessageSearch, Effect.suspend(() => make))
}

const decodeTexts = Schema.decodeUnknown(Schema.Array(Schema.Struct({ id: Schema.Int, content: Schema.String })))

const make = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const dialect = yield* makeDialect

  // words are letters and digits: nothing in them means anything to either query language
  const matching = (deviceId: DeviceId, words: ReadonlyArray<string>) =>
    dialect.onMysql
      ? sql`k.device_id = ${deviceId} AND MATCH (k.content) AGAINST (${words.map((word) => `+${word}`).join(" ")} IN BOOLEAN MODE)`
      : sql`messages_text MATCH ${`device : ${Buffer.from(deviceId).toString("hex")} AND content : (${words.map((word) => word.replace(/^([^*]+)/, '"$1" ')).join(" AND ")})`}`

  /** A whole page of what came last, if it is there. */
  const amongNewest = Effect.fnUntraced(function*(deviceId: DeviceId, { before, limit, words }: Query) {
    const older = before === undefined ? sql`1 = 1` : sql`id < ${before}`
    const candidates = sql.and(words.map((word) => sql`content LIKE ${contains(bare(word))} ESCAPE '!'`))
    // the words may stand within longer ones, as in some of twice as many
    const rows = yield* decodeTexts(
      yield* sql`SELECT id, content FROM (
          SELECT id, content FROM messages ${dialect.through("messages_device")} WHERE device_id = ${deviceId} AND ${older}
          ORDER BY id DESC ${dialect.limit(newest)}
        ) newest WHERE ${candidates} ORDER BY id DESC ${dialect.limit(2 * limit)}`
    )
    const matches = hasWords(words)
    const ids = rows.flatMap(({ content, id }) => matches(content) ? [id] : []).slice(0, limit)
    return ids.length === limit ? Option.some(ids) : Option.none()
  })

  const find = Effect.fn("MessageSearch.find")(function*(deviceId: DeviceId, query: Query) {
    if (query.words.length === 0) return []
    const found = dialect.onMysql ? yield* amongNewest(deviceId, query) : Option.none()
    if (Option.isSome(found)) {
      return yield* decodeMessages(
        yield* sql`SELECT ${sql.literal(messageColumns)} FROM ${sql.literal(messagesWithContacts)}
          WHERE ${sql.in("m.id", found.value)} ORDER BY m.id DESC`
      )
    }
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
