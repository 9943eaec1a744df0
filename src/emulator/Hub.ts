import { Audit } from "./Audit.ts"
import { type EmulatorOptions, type Settings, settle } from "./EmulatorOptions.ts"
import { Events } from "./Events.ts"
import { Faults } from "./Faults.ts"
import { Log } from "./Log.ts"
import type { Node } from "./protocol/codec.ts"
import { Stats } from "./Stats.ts"
import { Timers } from "./Timers.ts"
import type { Undecryptable } from "./Undecryptable.ts"

/** What every part of the server shares. */
export class Hub {
  readonly settings: Settings
  readonly stats = new Stats()
  readonly timers = new Timers()
  readonly events = new Events(this.timers)
  readonly faults = new Faults()
  readonly audit = new Audit()
  readonly unknown: Log<Node>
  readonly undecryptable: Log<Undecryptable>
  readonly failures: Log<Error>
  #nextId = 1

  constructor(options: EmulatorOptions) {
    this.settings = settle(options)
    this.unknown = new Log(this.settings.logLimit)
    this.undecryptable = new Log(this.settings.logLimit)
    this.failures = new Log(this.settings.logLimit)
  }

  /** Keeps what went wrong in here, or in a client that breaks the protocol, for the tests to see. */
  fail(error: unknown): void {
    this.failures.push(error instanceof Error ? error : new Error(String(error)))
  }

  /** A stanza id of the server's own. */
  stanzaId(): string {
    return `${Math.floor(Date.now() / 1000)}-${this.#nextId++}`
  }

  seconds(): string {
    return String(Math.floor(Date.now() / 1000))
  }
}
