/** The kinds of media that a message can carry, and what one needs to know to seal and to name them. */
export const mediaKinds = {
  image: { info: "Image", path: "image", mimetype: "image/jpeg" },
  video: { info: "Video", path: "video", mimetype: "video/mp4" },
  audio: { info: "Audio", path: "audio", mimetype: "audio/mp4" },
  ptt: { info: "Audio", path: "audio", mimetype: "audio/ogg; codecs=opus" },
  document: { info: "Document", path: "document", mimetype: "application/pdf" },
  sticker: { info: "Image", path: "image", mimetype: "image/webp" },
  history: { info: "History", path: "md-app-state", mimetype: "application/octet-stream" },
  "app-state": { info: "App State", path: "md-app-state", mimetype: "application/octet-stream" }
} as const

export type MediaKind = keyof typeof mediaKinds

/** Those that a person sends. */
export type AttachmentKind = Exclude<MediaKind, "history" | "app-state">

export const isAttachmentKind = (kind: string): kind is AttachmentKind =>
  kind in mediaKinds && kind !== "history" && kind !== "app-state"
