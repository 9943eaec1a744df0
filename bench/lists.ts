import { SqlClient, Statement } from "@effect/sql"
import { type DateTime, Duration, Effect, Layer, Option, Redacted, Schema } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { type Day, dayOf, TimeZone } from "../src/domain/Calendar.ts"
import { DeviceId } from "../src/domain/DeviceId.ts"
import { phoneJid } from "../src/domain/Jid.ts"
import { Contacts } from "../src/sql/contacts/Contacts.ts"
import { DailyChats } from "../src/sql/messages/DailyChats.ts"
import { mysql, sqlite } from "../src/sql/database/Database.ts"
import { EventLog } from "../src/sql/events/EventLog.ts"
import { Messages } from "../src/sql/messages/Messages.ts"
import { MessageSearch } from "../src/sql/messages/MessageSearch.ts"
import { Statistics } from "../src/sql/statistics/Statistics.ts"
import { Spread } from "./Measured.ts"
import { withDatabase } from "./mysql.ts"
import { devices, now, seed } from "./Seed.ts"

const usage = `Usage: npm run bench:lists -- [options]

  --messages N   how many to have (1000000)
  --plans        how the database comes to each answer
  --only NAME    sqlite or mysql`
const { values: options } = parseArgs({
  options: { messages: { type: "string", default: "1000000" }, plans: { type: "boolean", default: false }, only: { type: "string" } }
})
const count = Number(options.messages)
if (!(count >= 1000)) {
  process.stderr.write(`${usage}\n`)
  process.exit(2)
}
const say = (text: string) => process.stdout.write(`${text}\n`)
const bound = 20
const rounds = 30

const zone = Schema.decodeSync(TimeZone)("Asia/Jakarta")
const today = dayOf(zone, now - 86_400_000)
const before = (days: number) => (today - days) as Day
const someDevice = (round: number) => DeviceId.make(`bench-${round % devices}`)
/** the busy chat of a device, or one of the others */
const chatOf = (round: number, chat: number) => phoneJid(`628${1_000_000_000 + (round % devices) + chat * devices}`)
const daysAgo = (days: number) => Schema.decodeSync(Schema.DateTimeUtcFromNumber)(now - days * 86_400_000) satisfies DateTime.Utc

const reads = Effect.gen(function*() {
  const contacts = yield* Contacts
  const messages = yield* Messages
  const chats = yield* DailyChats
  const search = yield* MessageSearch
  const statistics = yield* Statistics
  const history = (chat: number, query: Partial<Parameters<typeof messages.history>[1]> = {}) => (round: number) =>
    messages.history(someDevice(round), { chat: chatOf(round, chat || 1 + round * 7), limit: 50, ...query })
  const month = { from: before(29), to: today, timeZone: zone }
  return {
    "contacts: first page": (round: number) => contacts.list(someDevice(round), { limit: 100 }),
    "contacts: search": (round: number) => contacts.list(someDevice(round), { search: `name ${round * 13}`, limit: 100 }),
    "history of a chat": history(0),
    "history of the busiest chat": (round: number) => messages.history(someDevice(round), { chat: chatOf(round, 0), limit: 50 }),
    "history: in the middle": (round: number) =>
      messages.history(someDevice(round), { chat: chatOf(round, 0), before: Math.floor(count / 2) + (round % devices), limit: 50 }),
    "history: failed ones": (round: number) =>
      messages.history(someDevice(round), { chat: chatOf(round, 0), status: "failed", limit: 50 }),
    "history: none of this type": (round: number) =>
      messages.history(someDevice(round), { chat: chatOf(round, 0), type: "poll", limit: 50 }),
    "history: a week": (round: number) =>
      messages.history(someDevice(round), { chat: chatOf(round, 0), from: daysAgo(60), to: daysAgo(53), limit: 50 }),
    "daily list": (round: number) => chats.list(someDevice(round), { day: before(round), timeZone: zone, limit: 50 }),
    "daily list: totals": (round: number) => chats.totals(someDevice(round), { day: before(round), timeZone: zone }),
    "statistics: a month": (round: number) => statistics.period(someDevice(round), month),
    "statistics: a hundred days": (round: number) => statistics.period(someDevice(round), { ...month, from: before(99) }),
    "statistics: a month by day": (round: number) => statistics.daily(someDevice(round), month),
    "statistics: all devices": () => statistics.total(),
    "search: a rare word": (round: number) => search.find(someDevice(round), { words: [`kata${(round * 7919) % 20_011}`], limit: 50 }),
    "search: two words": (round: number) => search.find(someDevice(round), { words: ["pesanan", `kata${round * 31}`], limit: 50 }),
    "search: a word of every message": (round: number) => search.find(someDevice(round), { words: ["terima"], limit: 50 })
  } satisfies Record<string, (round: number) => Effect.Effect<unknown, unknown>>
})

const explain = Effect.fnUntraced(function*(read: Effect.Effect<unknown, unknown>) {
  const sql = yield* SqlClient.SqlClient
  const asked: Array<readonly [string, ReadonlyArray<unknown>]> = []
  yield* read.pipe(Statement.withTransformer((statement) => Effect.sync(() => {
    asked.push(statement.compile())
    return statement
  })))
  for (const [text, parameters] of asked) {
    const how = sql.onDialectOrElse({ mysql: () => "EXPLAIN ", orElse: () => "EXPLAIN QUERY PLAN " })
    const rows = yield* sql.unsafe<Record<string, unknown>>(how + text, [...parameters])
    for (const row of rows) say(`      ${row["detail"] ?? ["table", "type", "key", "rows", "extra", "Extra"].map((name) => row[name] ?? "").join(" ")}`)
  }
})

const repositories = Layer.mergeAll(Contacts.layer, Messages.layer, DailyChats.layer, MessageSearch.layer, Statistics.layer).pipe(
  Layer.provide(EventLog.layer)
)

const measure = (name: string) => Effect.gen(function*() {
  const migrated = yield* seed(count)
  say(`\n${name}: ${count} messages; its migrations took ${(migrated / 1000).toFixed(0)} s\n`)
  const all = yield* Effect.provide(reads, repositories)
  let missed = 0
  for (const [label, read] of Object.entries(all)) {
    const times: Array<number> = []
    let found: unknown
    for (let round = 0; round < rounds; round++) {
      const started = performance.now()
      found = yield* read(round)
      times.push(performance.now() - started)
    }
    const { max, median } = new Spread(times)
    const listed = label.startsWith("search") ? undefined : median <= bound
    if (listed === false) missed += 1
    const size = Array.isArray(found) ? `${found.length} rows` : ""
    say(`  ${label.padEnd(34)}${median.toFixed(2).padStart(9)} ms  max ${max.toFixed(1).padStart(8)}  ${size.padEnd(10)}${listed === false ? `over ${bound} ms` : ""}`)
    if (options.plans) yield* explain(read(0))
  }
  return missed
})

const onSqlite = Effect.suspend(() => {
  const folder = mkdtempSync(join(tmpdir(), "wa-lists-"))
  return measure("SQLite").pipe(
    Effect.provide(sqlite(join(folder, "lists.db"))),
    Effect.ensuring(Effect.sync(() => rmSync(folder, { recursive: true })))
  )
})
const onMysql = (at: string) => {
  const url = new URL(at)
  return measure("MySQL").pipe(Effect.provide(mysql({
    host: url.hostname,
    port: Number(url.port || 3306),
    user: decodeURIComponent(url.username),
    password: Option.getOrUndefined(Option.map(Option.liftPredicate(url.password, (text) => text !== ""), Redacted.make)),
    database: url.pathname.slice(1),
    tls: false,
    poolSize: 2,
    statementTimeout: Duration.hours(1)
  })))
}

let missed = 0
if (options.only !== "mysql") missed += await Effect.runPromise(onSqlite)
if (options.only !== "sqlite") missed += await withDatabase((url) => Effect.runPromise(onMysql(url)))
say(`\nNode ${process.version}, ${availableParallelism()} × ${cpus()[0]?.model ?? "CPU"}, load ${loadavg()[0]?.toFixed(1)}`)
say(missed === 0 ? `All lists and figures within ${bound} ms (median of ${rounds}); search is shown without a bound.` : `${missed} over ${bound} ms.`)
process.exitCode = missed === 0 ? 0 : 1
