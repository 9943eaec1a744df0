import { failpoint } from "../domain/Failpoint.ts"

/** Where a frame that matters to someone stands. */
export interface Ticket {
  state: "waiting" | "written"
}

type Callback = (error?: Error) => void
interface Frame {
  readonly data: Uint8Array | string
  readonly callback: Callback | undefined
  readonly ticket: Ticket | undefined
}

/**
 * Stands before the WebSocket: a frame leaves when all credentials handed over before it are durable, and in the order in
 * which frames came, since Noise has numbered them. Once sealed nothing leaves any more.
 */
export class WriteGate {
  readonly #write: (data: Uint8Array | string, callback: Callback | undefined) => void
  readonly #frames: Array<Frame> = []
  #held: Array<Promise<void>> = []
  #draining = false
  #sealed: Error | undefined
  #next: Ticket | undefined

  constructor(write: (data: Uint8Array | string, callback: Callback | undefined) => void) {
    this.#write = write
  }

  /** The next frame of this turn of the event loop is the ticket's. */
  mark(ticket: Ticket): void {
    this.#next = ticket
    queueMicrotask(() => {
      if (this.#next === ticket) this.#next = undefined
    })
  }

  hold(durable: Promise<void>): void {
    this.#held.push(durable)
  }

  seal(error: Error): void {
    this.#sealed ??= error
    for (const frame of this.#frames.splice(0)) frame.callback?.(this.#sealed)
  }

  send(data: Uint8Array | string, callback?: Callback): void {
    const ticket = this.#next
    this.#next = undefined
    if (this.#sealed) {
      const error = this.#sealed
      queueMicrotask(() => callback?.(error))
      return
    }
    this.#frames.push({ data, callback, ticket })
    if (this.#draining) return
    this.#draining = true
    // a turn later: a listener of the event that led here may still be about to hold
    queueMicrotask(() => void this.#drain())
  }

  async #drain(): Promise<void> {
    for (let frame = this.#ready(); frame !== undefined; frame = this.#ready()) this.#leave(frame)
    if (this.#frames.length === 0) {
      this.#draining = false
      return
    }
    const results = await Promise.allSettled(this.#held.splice(0))
    const failed = results.find((result) => result.status === "rejected")
    if (failed) this.seal(failed.reason instanceof Error ? failed.reason : new Error(String(failed.reason)))
    return this.#drain()
  }

  #ready(): Frame | undefined {
    return this.#held.length === 0 ? this.#frames.shift() : undefined
  }

  #leave(frame: Frame): void {
    if (frame.ticket) frame.ticket.state = "written"
    try {
      this.#write(frame.data, frame.callback)
      if (frame.ticket) failpoint("message.left")
      failpoint("frame.left")
    } catch (error) {
      frame.callback?.(error instanceof Error ? error : new Error(String(error)))
    }
  }
}
