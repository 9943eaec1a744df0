import { HttpApiSchema } from "@effect/platform"
import { Duration, Schema } from "effect"
import { Jid } from "./Jid.ts"

/** What one message does to another. */
export const MessageChange = Schema.Union(
  Schema.TaggedStruct("Edit", { text: Schema.NullOr(Schema.String), mentions: Schema.Array(Schema.String) }),
  /** for everyone */
  Schema.TaggedStruct("Delete", {}),
  /** null takes the reaction back */
  Schema.TaggedStruct("Reaction", { emoji: Schema.NullOr(Schema.String) }),
  /** encrypted under the poll's secret and the addresses by which the voter knows its author and himself */
  Schema.TaggedStruct("Vote", {
    payload: Schema.Uint8ArrayFromBase64,
    iv: Schema.Uint8ArrayFromBase64,
    voters: Schema.Array(Jid),
    creators: Schema.Array(Jid)
  })
)
export type MessageChange = typeof MessageChange.Type

/** One person's reaction to a message. */
export const Reaction = Schema.Struct({
  emoji: Schema.String,
  /** a number, or the LID of somebody who keeps his number to himself */
  from: Schema.NullOr(Schema.String),
  fromMe: Schema.Boolean,
  at: Schema.DateTimeUtc
})
export type Reaction = typeof Reaction.Type

/** Who has chosen an option of a poll. */
export const OptionVotes = Schema.Struct({
  option: Schema.String,
  voters: Schema.Array(Schema.Struct({ from: Schema.NullOr(Schema.String), fromMe: Schema.Boolean }))
})
export type OptionVotes = typeof OptionVotes.Type

/** How long WhatsApp's clients take an edit, and a deletion for everyone. */
export const changeWindow = { edit: Duration.minutes(15), delete: Duration.hours(60) } as const

/** WhatsApp would not take this change, or nobody would see it. */
export class MessageNotChangeable extends Schema.TaggedError<MessageNotChangeable>()(
  "MessageNotChangeable",
  {
    messageId: Schema.String,
    reason: Schema.Literal("not_ours", "too_old", "not_text", "deleted", "not_sent", "not_forwardable")
  },
  HttpApiSchema.annotations({ status: 409 })
) {
  override get message() {
    return `${reasons[this.reason]} (${this.messageId}).`
  }
}

const reasons = {
  not_ours: "Only a message of one's own can be changed",
  too_old: "The message is too old: WhatsApp takes an edit for 15 minutes and a deletion for 60 hours",
  not_text: "Only a text can be edited",
  deleted: "The message has been deleted",
  not_sent: "The message was never sent",
  not_forwardable: "This kind of message cannot be forwarded"
} as const
