import { randomBytes } from "node:crypto"
import { deflateSync } from "node:zlib"
import { encodeNode } from "../protocol/codec.ts"
import { frame } from "../protocol/frames.ts"
import { node } from "../protocol/node.ts"
import { oddStanzas } from "./oddStanzas.ts"

interface Target {
  readonly sendPlain: (plaintext: Uint8Array) => void
  readonly sendRaw: (bytes: Uint8Array) => void
  readonly end: () => void
  readonly close: (code?: number) => void
  readonly reset: () => void
}

const someNode = () => encodeNode(node("ib", {}, [node("dirty", { type: "emulated", timestamp: "1" })]))

/** Ways to break a stream, by name; each leaves the rest of the server as it was. */
export const breakages = {
  /** A frame that does not decrypt. */
  "garbage-frame": (to: Target) => to.sendRaw(frame(randomBytes(48))),
  /** The header of a frame of 16 MiB, which never comes. */
  "endless-frame": (to: Target) => to.sendRaw(Buffer.from([0xff, 0xff, 0xff, 1, 2, 3])),
  /** A frame that says it is longer than it is. */
  "truncated-frame": (to: Target) => to.sendRaw(frame(randomBytes(64)).subarray(0, 30)),
  /** A well encrypted frame with nothing in it; a frame of no bytes at all. */
  "empty-frame": (to: Target) => to.sendPlain(Buffer.alloc(0)),
  "zero-frame": (to: Target) => to.sendRaw(frame(Buffer.alloc(0))),
  /** Well encrypted, but no binary node; a node cut in half; a compressed one that does not inflate. */
  "bad-node": (to: Target) => to.sendPlain(Buffer.from([0, 248, 3, 255, 255, 255])),
  "truncated-node": (to: Target) => to.sendPlain(someNode().subarray(0, 5)),
  "bad-zlib": (to: Target) => to.sendPlain(Buffer.concat([Buffer.from([2]), deflateSync(someNode()).fill(7, 2)])),
  /** Well-formed nodes that lack what their kind has. */
  "odd-stanzas": (to: Target) => oddStanzas.forEach((odd) => to.sendPlain(encodeNode(odd))),
  /** Ends: TCP cut, WebSocket closed in order, the stream ended by a node. */
  "reset": (to: Target) => to.reset(),
  "close": (to: Target) => to.close(1000),
  "stream-end": (to: Target) => to.end()
} as const

export type Breakage = keyof typeof breakages
