import { failpoint } from "../../domain/Failpoint.ts"

/** Where a frame that matters to someone stands. */
export interface Ticket {
  state: "waiting" | "written"
}

type Callback = (error?: Error) => void
interface Frame {
  readonly data: Uint8Array | string
  readonly ticket: Ticket | undefined
  /** false: not known yet; nothing: at once */
  durable: Promise<void> | undefined | false
}

/**
 * Stands before the WebSocket: a frame leaves when all that was handed over to the database before it is durable, and in
 * the order in which frames came, since Noise has numbered them. Once sealed nothing leaves any more.
 */
export class WriteGate {
  readonly #write: (data: Uint8Array | string) => void
  readonly #durable: () => Promise<void> | undefined
  readonly #frames: Array<Frame> = []
  #draining = false
  #sealed: Error | undefined
  #next: Ticket | undefined

  /** `durable` settles when all that has been handed over is durable, rejects if it cannot be made so; nothing if it is. */
  constructor(
    write: (data: Uint8Array | string) => void,
    durable: () => Promise<void> | undefined
  ) {
    this.#write = write
    this.#durable = durable
  }

  /** The next frame of this turn of the event loop is the ticket's. */
  mark(ticket: Ticket): void {
    this.#next = ticket
    queueMicrotask(() => {
      if (this.#next === ticket) this.#next = undefined
    })
  }

  seal(error: Error): void {
    this.#sealed ??= error
    this.#frames.length = 0
  }

  /**
   * The callback hears at once that the frame stands in line, or that nothing leaves any more. Baileys encrypts no other
   * message, and handles no other that waited for us, before it has heard: were it told only when the frame has left, each
   * message would be made durable by a commit of its own. Who has to know asks for a ticket, or waits for an answer, and the
   * end of the connection is told to all.
   */
  send(data: Uint8Array | string, callback?: Callback): void {
    const ticket = this.#next
    this.#next = undefined
    const error = this.#sealed
    queueMicrotask(() => callback?.(error))
    if (error !== undefined) return
    const frame: Frame = { data, ticket, durable: false }
    this.#frames.push(frame)
    // a turn later: a listener of the event that led here may still be about to hand something over
    queueMicrotask(() => {
      frame.durable = this.#durable()
      // it may be this frame's turn to look at it only later
      frame.durable?.catch(() => undefined)
      void this.#drain()
    })
  }

  async #drain(): Promise<void> {
    if (this.#draining) return
    const [frame] = this.#frames
    if (frame === undefined || frame.durable === false) return
    if (frame.durable !== undefined) {
      this.#draining = true
      await frame.durable.catch((error: unknown) => this.seal(error instanceof Error ? error : new Error(String(error))))
      this.#draining = false
    }
    if (this.#sealed) return
    this.#frames.shift()
    this.#leave(frame)
    return this.#drain()
  }

  #leave(frame: Frame): void {
    if (frame.ticket) failpoint("message.leaves")
    if (frame.ticket) frame.ticket.state = "written"
    this.#write(frame.data)
    if (frame.ticket) failpoint("message.left")
    failpoint("frame.left")
  }
}
