import { randomBytes } from "node:crypto"

const file = (signature: string, size: number) => Buffer.concat([Buffer.from(signature, "latin1"), randomBytes(Math.max(0, size - signature.length))])

/** A frame header behind an application's segment, as cameras write them. */
const picture = (width: number, height: number, size = 5000) => {
  const head = Buffer.from("ffd8ffe000104a46494600010100000100010000ffc00011080000000003012200021101031101", "hex")
  head.writeUInt16BE(height, 25)
  head.writeUInt16BE(width, 27)
  return Buffer.concat([head, randomBytes(size - head.length)])
}

/** Files whose first bytes say what they are; the rest is noise. */
export const sampleFiles = {
  /** a JPEG of so many pixels */
  picture,
  jpeg: (size = 5000) => file("\xff\xd8\xff\xe0", size),
  png: (size = 5000) => file("\x89PNG\r\n\x1a\n", size),
  webp: (size = 5000) => file("RIFF\0\0\0\0WEBPVP8 ", size),
  mp4: (size = 5000) => file("\0\0\0\x20ftypisom", size),
  mp3: (size = 5000) => file("ID3\x04", size),
  ogg: (size = 5000) => file("OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x13OpusHead", size),
  pdf: (size = 5000) => file("%PDF-1.7\n", size)
} as const
