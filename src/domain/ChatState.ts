import { Schema } from "effect"

/** What the other end of a chat sees while somebody writes or speaks. */
export const ChatState = Schema.Literal("composing", "recording", "paused")
export type ChatState = typeof ChatState.Type
