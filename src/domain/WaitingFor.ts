import { Schema } from "effect"

/** Why a message is not out yet; the first of these that holds. */
export const WaitingReason = Schema.Literal(
  /** its job is paused, until somebody resumes it */
  "job_paused",
  /** its device is not connected; `until` is when the service tries again */
  "device_disconnected",
  /** an earlier message of the same chat waits */
  "chat_order",
  /** WhatsApp does not let the account write to strangers */
  "restriction",
  /** the device has begun as many new chats as it may in 24 hours */
  "new_chats",
  /** it could not be sent, and is tried again */
  "retry",
  /** the delay of its job, or a job before that one */
  "job_delay",
  /** what the device may send in a minute, an hour, a day */
  "pacing_minute",
  "pacing_hour",
  "pacing_day",
  /** the gap between two messages that nobody waits for, of the device or to this chat */
  "pacing_gap",
  "pacing_recipient",
  /** nothing: it is its turn, or on its way */
  "sending"
)
export type WaitingReason = typeof WaitingReason.Type

/** `until`: at the latest, as far as is known now; null where nobody knows. */
export const WaitingFor = Schema.Struct({
  reason: WaitingReason,
  until: Schema.NullOr(Schema.DateTimeUtc)
}).annotations({ identifier: "WaitingFor" })
export type WaitingFor = typeof WaitingFor.Type
