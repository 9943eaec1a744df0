import { SqlClient } from "@effect/sql"
import { Effect, Schema } from "effect"
import type { Contact } from "../../domain/Contact.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { Inbound } from "../../domain/Inbound.ts"
import { chatKeyOf } from "../contacts/ContactRow.ts"
import { makeDialect } from "../database/Dialect.ts"
import type { Place } from "./Mention.ts"

/** Who has written to us for the first time; what was held back from him as from a stranger may go. Joins the caller's transaction. */
export const makeFirstWords = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const dialect = yield* makeDialect

  const release = (deviceId: DeviceId, chatKeys: ReadonlyArray<string>) =>
    sql`UPDATE messages ${dialect.onMysql ? dialect.through("messages_lane") : sql.literal("")} SET send_at = due_at, held_for = NULL
      WHERE queue = ${deviceId} AND ${sql.in("chat_key", chatKeys)} AND held_for IS NOT NULL`

  /** `at` in milliseconds; contacts that are known to have written before cost nothing. */
  const note = Effect.fnUntraced(function*(deviceId: DeviceId, contactIds: ReadonlySet<number>, at: number) {
    if (contactIds.size === 0) return
    const ids = [...contactIds]
    yield* sql`UPDATE contacts SET first_wrote_at = ${at} WHERE ${sql.in("id", ids)} AND first_wrote_at IS NULL`
    yield* release(deviceId, ids.map(chatKeyOf))
  })

  /** Two contacts are one person: who has written as one of them has written. */
  const merge = Effect.fnUntraced(function*(deviceId: DeviceId, loser: number, winner: number) {
    const written = yield* decode(
      yield* sql`SELECT MIN(first_wrote_at) AS at FROM contacts WHERE ${sql.in("id", [loser, winner])}`
    )
    const { at } = written[0]
    if (at !== null) yield* note(deviceId, new Set([winner]), at)
  })

  return { note, merge }
})

const decode = Schema.decodeUnknown(Schema.Tuple(Schema.Struct({ at: Schema.NullOr(Schema.Int) })))

/** The stranger whose words these are, if they are a stranger's in a chat with us alone. */
export const strangerOf = (
  fact: Extract<Inbound, { readonly _tag: "Message" | "Undecryptable" }>,
  { columns }: Place,
  people: ReadonlyArray<Contact>
): number | undefined => {
  if (fact.origin.fromMe || columns.groupJid !== null || columns.senderKey !== "" || columns.contactId === null) return undefined
  const person = people.find(({ id }) => id === columns.contactId)
  return person?.firstWroteAt === null ? person.id : undefined
}
