import { Effect, Schema } from "effect"
import type { Jid } from "../domain/Jid.ts"
import { StoredContent } from "../domain/OutgoingContent.ts"
import type { OutboxRow } from "../sql/Outbox.ts"
import { encodeContent, encodeText } from "../whatsapp/OutgoingContent.ts"

const decode = Schema.decode(StoredContent)

/** The bytes to send: those of the first attempt, if there was one. A row that cannot be read is a defect of that row alone. */
export const payloadOf = (row: OutboxRow, to: Jid): Effect.Effect<Uint8Array> =>
  row.payload !== null
    ? Effect.succeed(row.payload)
    : row.outgoing === null
    ? Effect.sync(() => encodeText(row.content ?? ""))
    : Effect.map(Effect.orDie(decode(row.outgoing)), ({ content }) => encodeContent(content, to))
