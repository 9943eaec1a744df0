import { HttpApiSchema } from "@effect/platform"
import { Schema } from "effect"
import { MessageId, SendFailure } from "../domain/Message.ts"

/** The message was accepted and is known not to arrive; its row says `failed`. The public code is that of the failure. */
export class SendFailed extends Schema.TaggedError<SendFailed>()(
  "SendFailed",
  {
    messageId: MessageId,
    status: Schema.Literal("failed"),
    failure: SendFailure
  },
  HttpApiSchema.annotations({ status: 422 })
) {
  override get message() {
    return this.failure.text
  }
}
