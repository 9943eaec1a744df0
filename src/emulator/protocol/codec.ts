// The only place that borrows from Baileys: the protobufs, the binary node codec and its tables, jids.
// Everything else of the server side (Noise, Signal, ADV, XEdDSA) is written here, independently of it.
import { deflateSync, inflateSync } from "node:zlib"
import {
  type BinaryNode,
  decodeDecompressedBinaryNode,
  encodeBinaryNode,
  jidDecode
} from "@whiskeysockets/baileys/lib/WABinary/index.js"
import * as tokens from "@whiskeysockets/baileys/lib/WABinary/constants.js"
import { proto } from "@whiskeysockets/baileys/WAProto/index.js"

export { jidDecode, proto }
export type Node = BinaryNode

const COMPRESSED = 2

export const encodeNode = (node: Node): Buffer => encodeBinaryNode(node)

export const encodeCompressed = (node: Node): Buffer =>
  Buffer.concat([Buffer.from([COMPRESSED]), deflateSync(encodeNode(node).subarray(1))])

/** Synchronous, so that stanzas are handled in the order of the wire. */
export const decodeNode = (bytes: Buffer): Node => {
  const flags = bytes[0] ?? 0
  const body = bytes.subarray(1)
  return decodeDecompressedBinaryNode(flags & COMPRESSED ? inflateSync(body) : body, tokens)
}
