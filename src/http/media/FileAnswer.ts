import { type HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { Effect } from "effect"
import { extensionOf } from "../../domain/FileType.ts"
import type { StoredMedia } from "../../domain/Media.ts"
import type { MediaLibrary } from "../../media/MediaLibrary.ts"
import type { ByteRange } from "../../media/MediaStore.ts"

/** A file as an attachment, or the part of it that was asked for. */
export const fileAnswer = (
  library: MediaLibrary["Type"],
  request: HttpServerRequest.HttpServerRequest,
  file: StoredMedia,
  name: string
) =>
  Effect.gen(function*() {
    const etag = `"${file.sha256}"`
    const headers = {
      etag,
      "accept-ranges": "bytes",
      "cache-control": "private, max-age=0, must-revalidate",
      "content-disposition": disposition(file.fileName ?? `${name}.${extensionOf(file.mimetype)}`),
      "x-content-type-options": "nosniff"
    }
    if (matches(request.headers["if-none-match"], etag)) return HttpServerResponse.empty({ status: 304, headers })
    const conditional = request.headers["if-range"]
    const asked = conditional === undefined || conditional === etag ? rangeOf(request.headers["range"], file.size) : undefined
    if (asked === "beyond") {
      return HttpServerResponse.empty({ status: 416, headers: { ...headers, "content-range": `bytes */${file.size}` } })
    }
    const length = asked === undefined ? file.size : asked.end - asked.start + 1
    const common = {
      status: asked === undefined ? 200 : 206,
      contentType: file.mimetype,
      contentLength: length,
      headers: { ...headers, ...(asked !== undefined && { "content-range": `bytes ${asked.start}-${asked.end}/${file.size}` }) }
    }
    if (request.method === "HEAD" || length === 0) return HttpServerResponse.raw(null, common)
    return HttpServerResponse.raw(yield* library.open(file.mediaId, asked), common)
  })

const matches = (header: string | undefined, etag: string): boolean =>
  header !== undefined && header.split(",").some((one) => one.trim() === "*" || one.trim().replace(/^W\//, "") === etag)

/** One range; several, or what is none, are answered with the whole file. */
export const rangeOf = (header: string | undefined, size: number): ByteRange | "beyond" | undefined => {
  const [, from = "", to = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? "") ?? []
  if (from === "" && to === "") return undefined
  if (from === "") return Number(to) === 0 || size === 0 ? "beyond" : { start: Math.max(0, size - Number(to)), end: size - 1 }
  if (Number(from) >= size) return "beyond"
  if (to !== "" && Number(to) < Number(from)) return undefined
  return { start: Number(from), end: to === "" ? size - 1 : Math.min(Number(to), size - 1) }
}

/** RFC 6266: the whole name for those who read it, and one of plain letters for the others. */
const disposition = (fileName: string): string => {
  const plain = fileName.normalize("NFKD").replaceAll(/[^\x20-\x7e]|["\\%]/g, "_")
  const encoded = encodeURIComponent(fileName).replaceAll(/['()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`
}
