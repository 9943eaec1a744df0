import { randomBytes } from "node:crypto"

/** In the form of an Android phone. */
export const messageId = (): string => randomBytes(16).toString("hex").toUpperCase()
