import { isAttachmentKind, mediaKinds } from "../media/MediaKind.ts"
import type { MessageMedium } from "../media/mediaOf.ts"
import { phoneOf } from "./phoneOf.ts"
import { BadRequest, type Call, flagIf, numberIf, type Route, text, textIf } from "./Route.ts"

/** The hash in hex, as `sha256sum` says it. */
export const shownMedium = ({ caption, facts, fileName, kind, mimetype, viewOnce }: MessageMedium) => ({
  kind,
  mimetype,
  caption,
  fileName,
  viewOnce,
  size: facts.fileLength,
  sha256: facts.fileSha256.toString("hex")
})

const sourceOf = (body: Call["body"]) => {
  const base64 = textIf(body, "base64")
  if (base64 !== undefined) return Buffer.from(base64, "base64")
  const path = textIf(body, "path")
  if (path !== undefined) return { path }
  const size = numberIf(body, "size")
  if (size === undefined) throw new BadRequest("base64, path or size is missing")
  return { size }
}

const present = <A extends object>(fields: A) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

const attachmentOf = (body: Call["body"]) => {
  const kind = text(body, "kind")
  if (!isAttachmentKind(kind)) throw new BadRequest(`kind must be one of ${Object.keys(mediaKinds).join(", ")}`)
  const thumbnail = textIf(body, "thumbnail")
  const options = present({
    mimetype: textIf(body, "mimetype"),
    caption: textIf(body, "caption"),
    fileName: textIf(body, "fileName"),
    thumbnail: thumbnail === undefined ? undefined : Buffer.from(thumbnail, "base64"),
    seconds: numberIf(body, "seconds"),
    width: numberIf(body, "width"),
    height: numberIf(body, "height"),
    viewOnce: flagIf(body, "viewOnce")
  })
  return { kind, source: sourceOf(body), ...options }
}

/** Media: attached by a person, read from what arrived, lost and found again. */
export const mediaRoutes: ReadonlyArray<Route> = [
  ["POST", "/phones/:phone/media", async (call) => {
    const id = textIf(call.body, "id")
    const options = id === undefined ? {} : { id }
    const phone = phoneOf(call)
    const sent = await phone.sendMedia(text(call.body, "to"), attachmentOf(call.body), options)
    return { id: sent, ...shownMedium(await phone.medium(sent)) }
  }],
  ["GET", "/phones/:phone/messages/:id/medium", async (call) =>
    shownMedium(await phoneOf(call).medium(call.params.id ?? ""))],
  ["POST", "/phones/:phone/messages/:id/medium/expire", (call) => {
    const status = numberIf(call.body, "status") ?? 410
    if (status !== 404 && status !== 410) throw new BadRequest("status must be 404 or 410")
    phoneOf(call).expireMedium(call.params.id ?? "", status)
    return {}
  }],
  ["POST", "/phones/:phone/reuploads", (call) => {
    const how = text(call.body, "how")
    if (how !== "yes" && how !== "not-found" && how !== "never") throw new BadRequest("how must be yes, not-found or never")
    phoneOf(call).reuploads = how
    return {}
  }]
]
