import type { BinaryNode, WASocket } from "@whiskeysockets/baileys"
import { Duration, Effect } from "effect"
import type { QueryFailed } from "../Connection.ts"

const serverJid = "@s.whatsapp.net"
const otherQuestionAfter = Duration.seconds(5)

export interface Probe {
  /** A server round trip; its duration. */
  readonly probe: Effect.Effect<Duration.Duration, QueryFailed>
  /** The question that every server has to answer: who could not ask it could not log in. */
  readonly count: Effect.Effect<void, QueryFailed>
}

/** Whether the server is there. Not every one answers pings, or not well; what it must answer is asked then. */
export const makeProbe = (
  sock: WASocket,
  ask: (query: string, run: () => Promise<unknown>) => Effect.Effect<unknown, QueryFailed>
): Probe => {
  const round = (query: string, xmlns: string, tag: string) => {
    const iq = (): BinaryNode => ({ tag: "iq", attrs: { to: serverJid, type: "get", xmlns }, content: [{ tag, attrs: {} }] })
    return Effect.asVoid(ask(query, () => sock.query(iq()).catch(acceptRefusal)))
  }
  const count = round("keep-alive", "encrypt", "count")
  const ping = Effect.raceFirst(round("probe", "w:p", "ping"), Effect.delay(count, otherQuestionAfter))
  return { probe: Effect.map(Effect.timed(ping), ([duration]) => duration), count }
}

/** A refusal is an answer, too. Baileys keeps its code as data. */
const acceptRefusal = (error: unknown): void => {
  if (error instanceof Error && typeof Reflect.get(error, "data") === "number") return
  throw error
}
