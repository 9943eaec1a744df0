import { Config } from "effect"
import { byteSize, wholeNumber } from "./Settings.ts"

const onOff = (name: string, fallback: "on" | "off") =>
  Config.map(Config.withDefault(Config.literal("on", "off")(name), fallback), (value) => value === "on")

/** `MEDIA_MAX_SIZE`: the largest file that is taken, from callers and from WhatsApp. */
export const maxSize = byteSize("MEDIA_MAX_SIZE", 100 * 1024 ** 2)
/** `MEDIA_AUTO_DOWNLOAD`: fetch what comes in; otherwise only what somebody asks for. */
export const autoDownload = onOff("MEDIA_AUTO_DOWNLOAD", "on")
/** `MEDIA_DOWNLOADS`, `MEDIA_UPLOADS`: files under way at the same time, of all devices of the process. */
export const downloads = wholeNumber("MEDIA_DOWNLOADS", { from: 1, to: 256, fallback: 4 })
export const uploads = wholeNumber("MEDIA_UPLOADS", { from: 1, to: 256, fallback: 8 })
/** `MEDIA_QUOTA`: what all files together may take. */
export const quota = byteSize("MEDIA_QUOTA", 20 * 1024 ** 3)
/** `MEDIA_RETENTION_DAYS`: how long files of messages are kept; 0 for ever. */
export const retentionDays = wholeNumber("MEDIA_RETENTION_DAYS", { from: 0, to: 36_500, fallback: 90 })
/** `MEDIA_ALLOW_PRIVATE`: files may be sent from addresses of one's own network. */
export const allowPrivate = onOff("MEDIA_ALLOW_PRIVATE", "off")
