import { innerMessage } from "../messages/innerMessage.ts"
import type { proto } from "../protocol/codec.ts"
import type { MediaFacts } from "./MediaCipher.ts"
import type { AttachmentKind } from "./MediaKind.ts"

/** The medium of a message: what it is, where it lies, and what it must turn out to be. */
export interface MessageMedium {
  readonly kind: AttachmentKind
  readonly directPath: string
  readonly facts: MediaFacts
  readonly mimetype: string
  readonly caption: string | undefined
  readonly fileName: string | undefined
  readonly viewOnce: boolean
}

type Part = {
  readonly directPath?: string | null
  readonly mediaKey?: Uint8Array | null
  readonly fileSha256?: Uint8Array | null
  readonly fileEncSha256?: Uint8Array | null
  readonly fileLength?: number | { readonly toNumber: () => number } | null
  readonly mimetype?: string | null
  readonly caption?: string | null
  readonly fileName?: string | null
  readonly viewOnce?: boolean | null
}

const partOf = (message: proto.IMessage): readonly [AttachmentKind, Part] | undefined => {
  const { audioMessage, documentMessage, imageMessage, ptvMessage, stickerMessage, videoMessage } = message
  if (imageMessage) return ["image", imageMessage]
  if (videoMessage ?? ptvMessage) return ["video", videoMessage ?? ptvMessage ?? {}]
  if (audioMessage) return [audioMessage.ptt ? "ptt" : "audio", audioMessage]
  if (documentMessage) return ["document", documentMessage]
  return stickerMessage ? ["sticker", stickerMessage] : undefined
}

export const mediaOf = (message: proto.IMessage): MessageMedium | undefined => {
  const [kind, part] = partOf(innerMessage(message)) ?? []
  if (!kind || !part?.directPath || !part.mediaKey || !part.fileSha256 || !part.fileEncSha256) return undefined
  const { caption, directPath, fileEncSha256, fileLength, fileName, fileSha256, mediaKey, mimetype, viewOnce } = part
  return {
    kind,
    directPath,
    facts: {
      mediaKey: Buffer.from(mediaKey),
      fileSha256: Buffer.from(fileSha256),
      fileEncSha256: Buffer.from(fileEncSha256),
      fileLength: typeof fileLength === "number" ? fileLength : fileLength?.toNumber() ?? 0
    },
    mimetype: mimetype ?? "",
    caption: caption ?? undefined,
    fileName: fileName ?? undefined,
    viewOnce: viewOnce === true || Boolean(message.viewOnceMessage ?? message.viewOnceMessageV2 ?? message.viewOnceMessageV2Extension)
  }
}
