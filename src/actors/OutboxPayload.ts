import { Effect, Schema } from "effect"
import type { Jid } from "../domain/Jid.ts"
import { type OutgoingContent, StoredContent } from "../domain/OutgoingContent.ts"
import type { OutboxRow } from "../sql/Outbox.ts"
import { encodeContent, encodeText } from "../whatsapp/OutgoingContent.ts"

/** No message can be made of what is stored: a later version wrote it, or it is damaged. */
export class ContentUnreadable extends Schema.TaggedError<ContentUnreadable>()("ContentUnreadable", {
  cause: Schema.Defect
}) {}

/** The bytes to send: those of the first attempt, if there was one. */
export const payloadOf = Effect.fnUntraced(function*(row: OutboxRow, to: Jid) {
  if (row.payload !== null) return row.payload
  if (row.outgoing === null) return encodeText(row.content ?? "")
  const { content } = yield* Effect.mapError(decode(row.outgoing), unreadable)
  return yield* encode(content, to)
})

const unreadable = (cause: unknown) => new ContentUnreadable({ cause })
const decode = Schema.decode(StoredContent)
/** Quoted and forwarded messages are somebody else's bytes. */
const encode = (content: OutgoingContent, to: Jid) =>
  Effect.try({ try: () => encodeContent(content, to), catch: unreadable })
