import type { WASocket } from "@whiskeysockets/baileys"

/** milliseconds; a server that has left one question open is likely to leave the others open, too */
const patience = { first: 4000, next: 1000 }

export interface LoginQuestions {
  /** Lets what has waited too long go on without its answer, as Baileys does after its time-out. */
  readonly hurry: (now: number) => void
  readonly anyUnanswered: () => boolean
}

/**
 * What Baileys asks while it logs in (how many keys the server has, whether they are the right ones) is good to know and
 * no reason to stay offline: one after the other, unanswered, these questions would take longer than a login may.
 */
export const makeLoginQuestions = (ws: WASocket["ws"]): LoginQuestions => {
  const since = new Map<string, number>()
  let unanswered = 0
  return {
    hurry: (now) => {
      for (const event of ws.eventNames()) {
        if (typeof event !== "string" || !event.startsWith("TAG:")) continue
        const asked = since.get(event) ?? now
        since.set(event, asked)
        if (now - asked < (unanswered === 0 ? patience.first : patience.next)) continue
        unanswered++
        ws.emit(event, undefined)
      }
    },
    anyUnanswered: () => unanswered > 0
  }
}
