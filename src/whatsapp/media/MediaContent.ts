import type { proto } from "@whiskeysockets/baileys"
import type { MediaFacts, MessageSecrets } from "../../domain/MessageMetadata.ts"
import { type Loose, some } from "../receiving/Loose.ts"

interface MediaMessage {
  readonly mimetype?: string | null
  readonly fileLength?: unknown
  readonly mediaKey?: Uint8Array | null
  readonly directPath?: string | null
  readonly url?: string | null
  readonly fileSha256?: Uint8Array | null
  readonly fileEncSha256?: Uint8Array | null
  readonly mediaKeyTimestamp?: unknown
}

/** A message that is a file: what is told of it, and apart from that what it takes to fetch it. */
export const describeMedia = (m: proto.IMessage) => {
  if (m.imageMessage) {
    const { caption, height, width } = m.imageMessage
    return described("image", caption, m.imageMessage, { width, height })
  }
  const video = m.videoMessage ?? m.ptvMessage
  if (video) {
    const { caption, gifPlayback, height, seconds, width } = video
    return described("video", caption, video, { seconds, width, height, gif: gifPlayback || null, note: m.ptvMessage ? true : null })
  }
  if (m.audioMessage) {
    const { ptt, seconds } = m.audioMessage
    return described("audio", null, m.audioMessage, { seconds, voice: ptt || null })
  }
  if (m.documentMessage) {
    const { caption, fileName, pageCount, title } = m.documentMessage
    const name = fileName || title
    return described("document", caption || name, m.documentMessage, { fileName: name, pages: pageCount || null })
  }
  if (m.stickerMessage) {
    const { height, isAnimated, width } = m.stickerMessage
    return described("sticker", null, m.stickerMessage, { width, height, animated: isAnimated || null })
  }
  return undefined
}

const described = (
  messageType: "image" | "video" | "audio" | "document" | "sticker",
  content: string | null | undefined,
  file: MediaMessage,
  facts: Loose<MediaFacts>
) => {
  const { directPath, fileEncSha256, fileSha256, mediaKey, mimetype, url } = file
  const secrets: MessageSecrets = {
    media: some({ mediaKey, directPath, url, fileSha256, fileEncSha256, mediaKeyTimestamp: whole(file.mediaKeyTimestamp) })
  }
  return {
    messageType,
    content,
    metadata: { media: some({ mimetype, size: whole(file.fileLength), ...facts }) },
    ...(Object.keys(secrets.media!).length > 0 && { secrets })
  }
}

/** A protobuf 64-bit number, if JavaScript can hold it. */
const whole = (value: unknown): number | undefined => {
  const number = value == null ? undefined : Number(String(value))
  return Number.isSafeInteger(number) && number! >= 0 ? number : undefined
}
