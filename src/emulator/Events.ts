import { EmulatorError } from "./EmulatorError.ts"
import type { Node, proto } from "./protocol/codec.ts"
import type { Received } from "./Received.ts"
import type { Timers } from "./Timers.ts"
import type { Undecryptable } from "./Undecryptable.ts"

interface DeviceOf {
  readonly phone: string
  readonly device: number
}

export interface EmulatorEvents {
  /** A linked device has been paired and its signature checked. */
  readonly paired: DeviceOf & { readonly jid: string }
  readonly unlinked: DeviceOf
  readonly login: DeviceOf
  readonly loginFailed: DeviceOf & { readonly reason: number }
  /** The offline queue has been sent and the device is online. */
  readonly online: DeviceOf & { readonly offline: number }
  readonly disconnected: DeviceOf
  /** Registration: the QR refs were shown to a client that is not paired. */
  readonly pairing: { readonly connection: number }
  readonly pairingCodeRequested: { readonly phone: string }
  /** Every message stanza from a linked device, before anything is done with it. */
  readonly stanza: DeviceOf & { readonly stanza: Node }
  /** A message shown at an emulated device. */
  readonly message: Received
  readonly duplicate: Received
  readonly undecryptable: Undecryptable
  /** A receipt that a linked device sent. */
  readonly receipt: DeviceOf & { readonly ids: ReadonlyArray<string>; readonly type: string; readonly to: string }
  readonly ack: DeviceOf & { readonly id: string; readonly error?: string }
  /** What a linked device asked its own phone for. */
  readonly peer: DeviceOf & { readonly id: string; readonly message: proto.IMessage }
  readonly chatstate: DeviceOf & { readonly to: string; readonly state: string }
  readonly presence: DeviceOf & { readonly type: string }
  readonly preKeys: DeviceOf & { readonly uploaded: number; readonly total: number }
  readonly unknown: DeviceOf & { readonly stanza: Node }
}

export type EventName = keyof EmulatorEvents

export class Events {
  readonly #timers: Timers
  readonly #listeners = new Map<EventName, Set<(event: never) => void>>()

  constructor(timers: Timers) {
    this.#timers = timers
  }

  on<Name extends EventName>(name: Name, listener: (event: EmulatorEvents[Name]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners)
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  emit<Name extends EventName>(name: Name, event: EmulatorEvents[Name]): void {
    const listeners = this.#listeners.get(name)
    if (!listeners) return
    for (const listener of listeners) (listener as (event: EmulatorEvents[Name]) => void)(event)
  }

  /** The next such event; past ones do not count. */
  waitFor<Name extends EventName>(
    name: Name,
    accepts: (event: EmulatorEvents[Name]) => boolean = () => true,
    options: { readonly timeoutMs?: number } = {}
  ): Promise<EmulatorEvents[Name]> {
    const timeoutMs = options.timeoutMs ?? 10_000
    return new Promise((resolve, reject) => {
      const cancel = this.#timers.after(timeoutMs, () => {
        off()
        reject(new EmulatorError("timeout", `no event "${name}" within ${timeoutMs} ms`))
      })
      const off = this.on(name, (event) => {
        if (!accepts(event)) return
        cancel()
        off()
        resolve(event)
      })
    })
  }

  clear(): void {
    this.#listeners.clear()
  }
}
