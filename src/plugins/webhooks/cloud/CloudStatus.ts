import { isGroupJid } from "../../../domain/Jid.ts"
import type { SendFailure } from "../../../domain/Message.ts"
import type { MessageStatusData } from "../../../domain/ServiceEvent.ts"
import { personOf } from "./CloudPerson.ts"

/** A status in Cloud API's shape; undefined for those that it has not: what waits, and what was cancelled. */
export const cloudStatus = ({ chat, failure, messageId, status, timestamp }: typeof MessageStatusData.Type) => {
  if (status === "pending" || status === "cancelled") return undefined
  const recipient = isGroupJid(chat.jid)
    ? { recipient_type: "group", recipient_id: chat.jid }
    : individual(personOf(chat) ?? { waId: chat.jid, userId: undefined })
  return {
    id: messageId,
    status,
    timestamp: String(Math.floor(timestamp.epochMillis / 1000)),
    ...recipient,
    ...(status === "failed" && { errors: [errorOf(failure)] })
  }
}

const individual = ({ userId, waId }: { readonly waId: string; readonly userId: string | undefined }) => ({
  recipient_id: waId,
  ...(userId !== undefined && { recipient_user_id: userId })
})

const errorOf = (failure: SendFailure | null) => {
  const [code, title] = failure === null ? other : errors[failure.code]
  return { code, title, message: title, error_data: { details: failure === null ? title : `${failure.code}: ${failure.text}` } }
}

const other = [131000, "Something went wrong"] as const
const undeliverable = [131026, "Message undeliverable"] as const
const mediaUpload = [131053, "Media upload error"] as const
/** Those of Cloud API that mean the same, or what a program does about is the same. */
const errors: Readonly<Record<SendFailure["code"], readonly [code: number, title: string]>> = {
  NOT_ON_WHATSAPP: undeliverable,
  NO_DEVICES: undeliverable,
  REFUSED_BY_WHATSAPP: other,
  REACHOUT_TIMELOCK: [131048, "Spam rate limit hit"],
  NEW_CHAT_CAP: [131048, "Spam rate limit hit"],
  RATE_LIMITED: [130429, "Rate limit hit"],
  ENCRYPTION_FAILED: other,
  CONTENT_UNREADABLE: other,
  UNACKNOWLEDGED: other,
  MEDIA_GONE: mediaUpload,
  MEDIA_REFUSED: mediaUpload,
  MEDIA_NOT_UPLOADED: mediaUpload
}
