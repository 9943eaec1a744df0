import { SqlClient } from "@effect/sql"
import { Effect, Schema } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { isLidJid, isPhoneJid, type Jid } from "../../domain/Jid.ts"
import { chatKeyOf } from "../contacts/ContactRow.ts"

const decode = Schema.decodeUnknown(Schema.Array(Schema.Struct({ id: Schema.Int })))

/** The key of a chat by any address of it; undefined for a person that the device does not know. */
export const makeChatKey = Effect.map(SqlClient.SqlClient, (sql) =>
  Effect.fnUntraced(function*(deviceId: DeviceId, chat: Jid) {
    if (!isPhoneJid(chat) && !isLidJid(chat)) return chat
    const column = sql(isLidJid(chat) ? "lid" : "jid")
    const rows = yield* sql`SELECT id FROM contacts WHERE device_id = ${deviceId} AND ${column} = ${chat}`
    const [contact] = yield* decode(rows)
    return contact === undefined ? undefined : chatKeyOf(contact.id)
  }))
