import { Data, type DateTime } from "effect"
import type { DeviceReason, Restriction } from "../domain/Device.ts"

/** What to do about a closed socket. One table decides (RELIABILITY 1.2), tested row by row. */
export type CloseAction = Data.TaggedEnum<{
  /** open the next socket at once, without counting an attempt (at most 3 in 60 s) */
  Restart: {}
  /** open the next socket after a capped, jittered delay that starts at `base` milliseconds */
  Backoff: { readonly base: number }
  /** do not reconnect before this time, then try once */
  WaitUntil: { readonly until: DateTime.Utc }
  /** another socket uses these credentials: one try after a minute if the ownership is still ours, then a person's turn */
  Yield: {}
  /** the pairing is over: hold the outbox, keep the history, wait for a new pairing */
  PairAgain: {}
  /** stop; only a person's connect starts it again */
  Stop: {}
}>
export const CloseAction = Data.taggedEnum<CloseAction>()

export interface CloseReason {
  readonly reason: DeviceReason
  /** one sentence for people and logs, without secrets */
  readonly text: string
  /** Baileys' or WhatsApp's number, for logs and metrics */
  readonly code: number | null
  readonly action: CloseAction
  readonly restriction?: Restriction | undefined
}
