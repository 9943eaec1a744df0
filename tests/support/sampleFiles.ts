import { randomBytes } from "node:crypto"
import sharp from "sharp"

const file = (signature: string, size: number) => Buffer.concat([Buffer.from(signature, "latin1"), randomBytes(Math.max(0, size - signature.length))])

/** A real image, of noise: so many pixels, in bytes about as many. */
const picture = (width: number, height: number, { format = "jpeg", orientation = 1 }: { format?: "jpeg" | "png" | "webp"; orientation?: number } = {}) =>
  sharp(randomBytes(width * height * 3), { raw: { width, height, channels: 3 } }).withMetadata({ orientation }).toFormat(format).toBuffer()

/** Files whose first bytes say what they are; the rest is noise, but for `picture`. */
export const sampleFiles = {
  picture,
  jpeg: (size = 5000) => file("\xff\xd8\xff\xe0", size),
  png: (size = 5000) => file("\x89PNG\r\n\x1a\n", size),
  webp: (size = 5000) => file("RIFF\0\0\0\0WEBPVP8 ", size),
  mp4: (size = 5000) => file("\0\0\0\x20ftypisom", size),
  mp3: (size = 5000) => file("ID3\x04", size),
  ogg: (size = 5000) => file("OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x13OpusHead", size),
  pdf: (size = 5000) => file("%PDF-1.7\n", size)
} as const
