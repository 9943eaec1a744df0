import type { Node } from "./protocol/codec.ts"

/** Servers of the protocol agree on less than one thinks; a client has to get along with each of them. */
export interface Dialect {
  /** What leaves in place of a stanza: other ones, further ones, or nothing. */
  readonly rewrite?: (stanza: Node) => ReadonlyArray<Node>
  /** Every stanza is deflated. */
  readonly compressed?: boolean
  /** What is sent in one turn of the event loop is one WebSocket message of many frames. */
  readonly batched?: boolean
  /** The stream of a complete linking is left open. */
  readonly lingers?: boolean
  /** The certificate chain, whatever it is worth. */
  readonly chain?: Buffer
}
