import { Child } from "./Child.ts"
import { until } from "./waiting.ts"

/** Requests in the order of their arrival: when each arrived, when its event was written, and the time that its message tells; milliseconds since 1970. */
export type Arrivals = ReadonlyArray<{ readonly at: number; readonly written: number; readonly said: number }>

/** What stands at the other end of webhooks, in its own process. It answers at once, except at `/dead`, where it never does. */
export class Receiver {
  readonly #child = new Child("receiver", "bench/receiverProgram.ts", [], {})
  #port = 0

  static async start(): Promise<Receiver> {
    const receiver = new Receiver()
    await receiver.#child.ready
    receiver.#port = await receiver.#child.ask("listen") as number
    return receiver
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.#port}${path}`
  }

  /** Waits for so many requests and forgets them. */
  async take(count: number): Promise<Arrivals> {
    await until(`${count} requests`, async () => await this.#child.ask("count") as number >= count, { every: 100, within: 600_000 })
    return await this.#child.ask("drain") as Arrivals
  }

  async stop(): Promise<void> {
    await this.#child.stop("SIGKILL")
  }
}
