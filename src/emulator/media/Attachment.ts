import { randomBytes } from "node:crypto"
import { Readable } from "node:stream"
import type { proto } from "../protocol/codec.ts"
import { bytesOfFile } from "./MediaStore.ts"
import type { MediaFacts } from "./MediaCipher.ts"
import { type AttachmentKind, mediaKinds } from "./MediaKind.ts"

const PIECE = 1 << 16

/** What a person attaches: bytes, a file, or so many bytes of no meaning. */
export type AttachmentSource = Buffer | { readonly path: string } | { readonly size: number }

export interface Attachment {
  readonly kind: AttachmentKind
  readonly source: AttachmentSource
  readonly mimetype?: string
  readonly caption?: string
  readonly fileName?: string
  readonly thumbnail?: Buffer
  readonly seconds?: number
  readonly width?: number
  readonly height?: number
  readonly viewOnce?: boolean
  readonly contextInfo?: proto.IContextInfo
}

async function* noise(size: number): AsyncIterable<Buffer> {
  for (let rest = size; rest > 0; rest -= PIECE) yield randomBytes(Math.min(rest, PIECE))
}

export const bytesOfSource = (source: AttachmentSource): AsyncIterable<Buffer> => {
  if (Buffer.isBuffer(source)) return Readable.from([source])
  return "path" in source ? bytesOfFile(source.path) : noise(source.size)
}

/** The message that carries an attachment once it lies on the media server. */
export const attachmentMessage = (
  attachment: Attachment,
  facts: MediaFacts,
  where: { readonly url: string; readonly directPath: string }
): proto.IMessage => {
  const { caption, contextInfo, fileName, height, kind, seconds, source, thumbnail, viewOnce, width } = attachment
  const shared = {
    ...facts,
    ...where,
    mimetype: attachment.mimetype ?? mediaKinds[kind].mimetype,
    mediaKeyTimestamp: Math.floor(Date.now() / 1000),
    ...(contextInfo ? { contextInfo } : {})
  }
  const said = caption === undefined ? {} : { caption }
  const seen = {
    ...(thumbnail ? { jpegThumbnail: thumbnail } : {}),
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
    ...(viewOnce ? { viewOnce } : {})
  }
  const heard = seconds === undefined ? {} : { seconds }
  const named = fileName ?? (!Buffer.isBuffer(source) && "path" in source ? source.path.split("/").at(-1) : undefined)
  const byKind: Record<AttachmentKind, () => proto.IMessage> = {
    image: () => ({ imageMessage: { ...shared, ...said, ...seen } }),
    video: () => ({ videoMessage: { ...shared, ...said, ...seen, ...heard } }),
    audio: () => ({ audioMessage: { ...shared, ...heard, ptt: false } }),
    ptt: () => ({ audioMessage: { ...shared, ...heard, ptt: true } }),
    document: () => withCaption({ ...shared, ...said, ...(thumbnail ? { jpegThumbnail: thumbnail } : {}), fileName: named ?? "file" }),
    sticker: () => ({ stickerMessage: { ...shared, ...(thumbnail ? { pngThumbnail: thumbnail } : {}) } })
  }
  const message = byKind[kind]()
  return viewOnce ? { viewOnceMessageV2: { message } } : message
}

const withCaption = (documentMessage: proto.Message.IDocumentMessage): proto.IMessage =>
  documentMessage.caption ? { documentWithCaptionMessage: { message: { documentMessage } } } : { documentMessage }
