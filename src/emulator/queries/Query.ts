import type { Companion } from "../Companion.ts"
import type { Directory } from "../Directory.ts"
import type { Hub } from "../Hub.ts"
import type { Node } from "../protocol/codec.ts"

export interface Question {
  readonly iq: Node
  readonly companion: Companion
  readonly hub: Hub
  readonly directory: Directory
}

/** The content of the result, or the error in its place; `after` runs once it is on the wire. */
export interface Answer {
  readonly content?: ReadonlyArray<Node>
  readonly error?: { readonly code: number; readonly text: string }
  readonly after?: () => void
}

/** Answers the queries of one namespace. `undefined` says that it does not know this one. */
export type Query = (question: Question) => Answer | Promise<Answer> | undefined

export const done: Answer = {}

export const notFound: Answer = { error: { code: 404, text: "item-not-found" } }
