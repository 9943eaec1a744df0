import { Duration } from "effect"

const limits = {
  silence: Duration.toMillis("17.5 seconds"),
  login: Duration.toMillis("45 seconds"),
  drain: Duration.toMillis("90 seconds"),
  /** other servers than WhatsApp need not say when everything that waited has been handed over */
  drainElsewhere: Duration.toMillis("10 seconds"),
  /** WhatsApp ends the stream of a linking that is complete; whoever does not is left */
  restart: Duration.toMillis("10 seconds"),
  /** messages have come in and nothing has become of any of them */
  deaf: Duration.toMillis("60 seconds"),
  /** longer than Baileys' own keep-alive may take, and early enough for an answer to count */
  quiet: Duration.toMillis("11 seconds")
}

/** What has been seen of a connection; times in milliseconds since 1970. */
export interface Seen {
  readonly phase: "connecting" | "pairing" | "open" | "closed"
  readonly startedAt: number
  readonly openedAt: number
  readonly pairedAt: number | undefined
  readonly drained: boolean
  /** for how long messages have come in of which none was dealt with */
  readonly deafFor: number
  readonly lastHeard: number
  /** when something was asked because it was quiet */
  readonly lastAsked: number
  /** it talks to WhatsApp itself */
  readonly genuine: boolean
}

/** What has become of it: `deaf` since messages get nowhere, `left-open` after a linking, `drained` without being told, `quiet` and to be asked something. */
export type Verdict = "well" | "dead" | "deaf" | "left-open" | "drained" | "quiet"

export const judge = (seen: Seen, at: number): Verdict => {
  const { genuine, lastHeard, pairedAt, phase } = seen
  if (phase === "closed") return "well"
  if (phase === "connecting") return at - seen.startedAt > limits.login ? "dead" : "well"
  if (at - lastHeard > limits.silence) return "dead"
  if (seen.deafFor > limits.deaf) return "deaf"
  if (pairedAt !== undefined && at - pairedAt > limits.restart) return "left-open"
  if (phase === "pairing") return "well"
  if (!seen.drained && at - seen.openedAt > (genuine ? limits.drain : limits.drainElsewhere)) return genuine ? "dead" : "drained"
  return at - lastHeard > limits.quiet && seen.lastAsked <= lastHeard ? "quiet" : "well"
}
