import { HttpApiSchema } from "@effect/platform"
import { Schema } from "effect"

const count = Schema.Int.pipe(Schema.nonNegative())

/** What went through a device in a stretch of time. Messages of before its pairing are in none. */
export const Figures = Schema.Struct({
  incomingMessages: count.annotations({ description: "Messages that others wrote, by the time at which they wrote them" }),
  outgoingMessages: count.annotations({ description: "Messages that WhatsApp's server took, by the time at which it did" }),
  failedMessages: count.annotations({ description: "Messages that could not be sent, by the time at which they were accepted" }),
  activeChats: count.annotations({ description: "Chats, groups among them, with an incoming or outgoing message" }),
  askingChats: count.annotations({ description: "Chats with one person in which that person wrote" }),
  answeredChats: count.annotations({
    description: "Those of the asking chats in which a message of ours went out at or after that person's first one, until the end of the following day"
  }),
  responseRate: Schema.NullOr(Schema.Number).annotations({
    description: "`answeredChats / askingChats`, from 0 to 1; null if nobody asked"
  })
}).annotations({ identifier: "Figures" })
export type Figures = typeof Figures.Type

/** The period ends before it begins, or is longer than a year. */
export class StatisticsPeriodInvalid extends Schema.TaggedError<StatisticsPeriodInvalid>()(
  "StatisticsPeriodInvalid",
  { field: Schema.Literal("from", "to"), days: Schema.Int },
  HttpApiSchema.annotations({ status: 400 })
) {
  override get message() {
    return this.days < 1 ? "to: it is before `from`." : `from: the period has ${this.days} days; at most ${mostDays} are given.`
  }
}
export const mostDays = 366
