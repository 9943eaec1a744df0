import { Recent } from "./Log.ts"

const REMEMBERED = 200_000

/** What must hold after a run, whatever went wrong in it. Looks at the last 200 000 messages. */
export interface AuditReport {
  /** Different messages from linked devices that got a good ack, and that their peer's phone shows. */
  readonly accepted: number
  readonly shown: number
  /** Ids of one and not of the other: lost after the ack, or delivered with the ack withheld. */
  readonly acceptedNotShown: ReadonlyArray<string>
  readonly shownNotAccepted: ReadonlyArray<string>
  /** Ciphertexts that nobody could read to the end, not even after a retry. */
  readonly unreadable: ReadonlyArray<string>
}

/** Keeps who sent what to whom, by id. */
export class Audit {
  readonly #accepted = new Recent<string>(REMEMBERED)
  readonly #shown = new Recent<string>(REMEMBERED)

  accepted(from: string, chat: string, id: string): void {
    this.#accepted.set(`${from}|${chat}|${id}`, id)
  }

  shown(from: string, chat: string, id: string): void {
    this.#shown.set(`${from}|${chat}|${id}`, id)
  }

  report(unreadable: ReadonlyArray<string>): AuditReport {
    return {
      accepted: this.#accepted.size,
      shown: this.#shown.size,
      acceptedNotShown: this.#accepted.without(this.#shown),
      shownNotAccepted: this.#shown.without(this.#accepted),
      unreadable
    }
  }
}
