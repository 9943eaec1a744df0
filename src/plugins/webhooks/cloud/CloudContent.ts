import { MessageData } from "../../../domain/ServiceEvent.ts"
import { cloudContacts } from "./CloudContacts.ts"

type Content = { readonly type: string } & Readonly<Record<string, unknown>>

/** What events of earlier versions have as well. */
export const CloudMessage = MessageData.omit("people")
export type CloudMessage = typeof CloudMessage.Type

/** What a message says, in Cloud API's shape: its `type`, and under this name the rest. */
export const cloudContent = (message: CloudMessage): Content => {
  const { content, metadata } = message
  switch (message.messageType) {
    case "text":
      // of what was picked only the words are known, so that they stand for the payload as well
      return metadata?.choice === true
        ? { type: "button", button: { payload: content ?? "", text: content ?? "" } }
        : { type: "text", text: { body: content ?? "" } }
    case "image":
    case "video":
      return { type: message.messageType, [message.messageType]: { ...file(message), ...caption(content) } }
    case "audio":
      return { type: "audio", audio: { ...file(message), voice: metadata?.media?.voice ?? false } }
    case "document":
      return { type: "document", document: { ...file(message), ...caption(content), filename: metadata?.media?.fileName ?? "" } }
    case "sticker":
      return { type: "sticker", sticker: { ...file(message), animated: metadata?.media?.animated ?? false } }
    case "location":
      return metadata?.location === undefined ? unsupported("location") : { type: "location", location: placeOf(metadata.location) }
    case "contact":
      return { type: "contacts", contacts: cloudContacts(metadata?.contacts ?? []) }
    default:
      return unsupported(message.messageType === "unknown" ? metadata?.field ?? "unknown" : message.messageType)
  }
}

/** The id is the message's: that is what its file is fetched by. */
const file = ({ messageId, metadata }: CloudMessage) => ({ id: messageId, mime_type: metadata?.media?.mimetype ?? "application/octet-stream" })
const caption = (content: string | null) => content === null ? {} : { caption: content }
const placeOf = ({ address, latitude, longitude, name }: NonNullable<NonNullable<CloudMessage["metadata"]>["location"]>) => ({
  latitude,
  longitude,
  ...(name !== undefined && { name }),
  ...(address !== undefined && { address })
})

const unsupported = (type: string): Content => ({
  type: "unsupported",
  unsupported: { type },
  errors: [{
    code: 131051,
    title: "Message type unknown",
    message: "Message type unknown",
    error_data: { details: "Message type is currently not supported." }
  }]
})
