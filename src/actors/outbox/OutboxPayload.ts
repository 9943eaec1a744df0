import { Effect, Schema } from "effect"
import type { Jid } from "../../domain/Jid.ts"
import { type MediaContent, StoredContent } from "../../domain/OutgoingContent.ts"
import type { OutboxRow } from "../../sql/outbox/Outbox.ts"
import type { FileParts } from "../../whatsapp/Connection.ts"
import { encodeContent, encodeMedia, encodeText } from "../../whatsapp/sending/OutgoingContent.ts"

/** No message can be made of what is stored: a later version wrote it, or it is damaged. */
export class ContentUnreadable extends Schema.TaggedError<ContentUnreadable>()("ContentUnreadable", {
  cause: Schema.Defect
}) {}

/** The bytes to send: those of the first attempt, if there was one. A file is uploaded for them. */
export const payloadOf = Effect.fnUntraced(function*<E>(
  row: OutboxRow,
  to: Jid,
  upload: (content: MediaContent) => Effect.Effect<FileParts, E>
) {
  if (row.payload !== null) return row.payload
  if (row.outgoing === null) return encodeText(row.content ?? "")
  const { content } = yield* Effect.mapError(decode(row.outgoing), unreadable)
  if (content._tag !== "Media") return yield* encoded(() => encodeContent(content, to))
  const parts = yield* upload(content)
  return yield* encoded(() => encodeMedia(content, parts, to))
})

const unreadable = (cause: unknown) => new ContentUnreadable({ cause })
const decode = Schema.decode(StoredContent)
/** Quoted and forwarded messages are somebody else's bytes. */
const encoded = (encode: () => Uint8Array) => Effect.try({ try: encode, catch: unreadable })
