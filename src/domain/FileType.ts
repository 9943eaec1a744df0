import type { MediaKind } from "./Media.ts"

/** As many first bytes as {@link sniff} looks at. */
export const sniffedBytes = 4096

/**
 * The type that a file's first bytes show; what its sender declares counts only to tell apart what looks alike, such as the
 * formats that are ZIP archives, by the name's end.
 */
export const sniff = (head: Uint8Array, fileName?: string | null): string => {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength)
  const found = signatures.find(([offset, signature]) => bytes.subarray(offset, offset + signature.length).equals(signature))?.[2]
  const extension = /\.([a-z0-9]{1,8})$/i.exec(fileName ?? "")?.[1]?.toLowerCase() ?? ""
  if (found === "riff") return riff[bytes.toString("latin1", 8, 12)] ?? unknown
  if (found === "iso") return isoType(bytes)
  if (found === "ogg") return bytes.includes("OpusHead") ? "audio/ogg; codecs=opus" : bytes.includes("theora") ? "video/ogg" : "audio/ogg"
  if (found === "webm") return bytes.includes("matroska") ? "video/x-matroska" : "video/webm"
  if (found === "application/zip") return archives[extension] ?? found
  if (found === "application/x-cfb") return compounds[extension] ?? found
  if (found !== undefined) return found
  if (bytes.length > 2 && bytes[0] === 0xff && (bytes[1]! & 0xf6) === 0xf0) return "audio/aac"
  if (bytes.length > 2 && bytes[0] === 0xff && (bytes[1]! & 0xe6) > 0xe0) return "audio/mpeg"
  return isText(bytes) ? texts[extension] ?? "text/plain" : unknown
}

const unknown = "application/octet-stream"
const at = (offset: number, signature: string, type: string) => [offset, Buffer.from(signature, "latin1"), type] as const
const signatures = [
  at(0, "\xff\xd8\xff", "image/jpeg"),
  at(0, "\x89PNG\r\n\x1a\n", "image/png"),
  at(0, "GIF87a", "image/gif"),
  at(0, "GIF89a", "image/gif"),
  at(0, "RIFF", "riff"),
  at(4, "ftyp", "iso"),
  at(0, "OggS", "ogg"),
  at(0, "\x1aE\xdf\xa3", "webm"),
  at(0, "ID3", "audio/mpeg"),
  at(0, "#!AMR", "audio/amr"),
  at(0, "fLaC", "audio/flac"),
  at(0, "%PDF-", "application/pdf"),
  at(0, "PK\x03\x04", "application/zip"),
  at(0, "PK\x05\x06", "application/zip"),
  at(0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-cfb"),
  at(0, "Rar!\x1a\x07", "application/vnd.rar"),
  at(0, "7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
  at(0, "\x1f\x8b", "application/gzip"),
  at(0, "{\\rtf", "application/rtf"),
  at(0, "BM", "image/bmp"),
  at(0, "II*\0", "image/tiff"),
  at(0, "MM\0*", "image/tiff")
]
const riff: Readonly<Record<string, string>> = { WEBP: "image/webp", "WAVE": "audio/wav", "AVI ": "video/x-msvideo" }
const ooxml = "application/vnd.openxmlformats-officedocument"
const archives: Readonly<Record<string, string>> = {
  docx: `${ooxml}.wordprocessingml.document`,
  xlsx: `${ooxml}.spreadsheetml.sheet`,
  pptx: `${ooxml}.presentationml.presentation`,
  odt: "application/vnd.oasis.opendocument.text",
  ods: "application/vnd.oasis.opendocument.spreadsheet",
  odp: "application/vnd.oasis.opendocument.presentation",
  epub: "application/epub+zip",
  apk: "application/vnd.android.package-archive"
}
const compounds: Readonly<Record<string, string>> = {
  doc: "application/msword",
  xls: "application/vnd.ms-excel",
  ppt: "application/vnd.ms-powerpoint"
}
const texts: Readonly<Record<string, string>> = { csv: "text/csv", vcf: "text/vcard", ics: "text/calendar", json: "application/json" }

const isoType = (bytes: Buffer): string => {
  const brand = bytes.toString("latin1", 8, 12)
  if (/^(heic|heix|hevc|mif1|msf1)$/.test(brand)) return "image/heic"
  if (brand === "avif") return "image/avif"
  if (/^(M4A |M4B )$/.test(brand)) return "audio/mp4"
  if (brand === "qt  ") return "video/quicktime"
  return brand.startsWith("3g") ? "video/3gpp" : "video/mp4"
}

/** UTF-8 without control characters; a character may be cut off at the end of what is looked at. */
const isText = (bytes: Buffer): boolean => {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true })
    // oxlint-disable-next-line no-control-regex
    return text.length > 0 && !/[\0-\x08\x0e-\x1a\x1c-\x1f]/.test(text)
  } catch {
    return false
  }
}

const accepted: Readonly<Record<Exclude<MediaKind, "document">, ReadonlyArray<string>>> = {
  image: ["image/jpeg", "image/png"],
  video: ["video/mp4", "video/3gpp"],
  audio: ["audio/mpeg", "audio/mp4", "audio/aac", "audio/amr", "audio/ogg; codecs=opus", "audio/ogg"],
  voice: ["audio/ogg; codecs=opus"],
  sticker: ["image/webp"]
}
/** The types that phones show as this kind; anything may be a document. */
export const acceptedAs = (kind: MediaKind): ReadonlyArray<string> | undefined => kind === "document" ? undefined : accepted[kind]
export const isAcceptedAs = (kind: MediaKind, mimetype: string): boolean => acceptedAs(kind)?.includes(mimetype) ?? true

/** What a file of this type is sent as if its sender does not say. */
export const kindOf = (mimetype: string): MediaKind =>
  (["image", "video", "audio"] as const).find((kind) => isAcceptedAs(kind, mimetype)) ?? "document"

/** The last part of a name that somebody made up: no folder, no control or direction characters, short. */
export const safeFileName = (name: string): string | null => {
  const last = name.normalize("NFC").split(/[/\\]/).at(-1) ?? ""
  const plain = last.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}"<>|:*?]/gu, "").trim().replace(/^\.+/, "")
  if (plain === "") return null
  const extension = /\.[A-Za-z0-9]{1,8}$/.exec(plain)?.[0] ?? ""
  return (plain.length > 120 ? plain.slice(0, 120 - extension.length) + extension : plain).toWellFormed()
}

const extensions: Readonly<Record<string, string>> = {
  "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif", "video/mp4": "mp4", "video/3gpp": "3gp",
  "audio/mpeg": "mp3", "audio/mp4": "m4a", "audio/aac": "aac", "audio/amr": "amr", "audio/ogg; codecs=opus": "ogg",
  "audio/ogg": "ogg", "application/pdf": "pdf", "application/zip": "zip", "text/plain": "txt", "text/csv": "csv"
}
export const extensionOf = (mimetype: string): string => extensions[mimetype] ?? "bin"
