export interface FollowedEvent {
  readonly id: number
  readonly type: string
  readonly deviceId: string
  readonly sequence: number
}

/** A client of the event stream as a browser is one: when the stream ends it goes on after the last event it has. */
export class EventFollower {
  /** in the order of arrival, over all connections */
  readonly received: Array<FollowedEvent> = []
  /** how often the server said that events are no longer kept */
  resets = 0
  readonly #controller = new AbortController()
  readonly #url: string
  readonly #authorization: () => string
  #finished: Promise<void> | undefined
  #opened = Promise.withResolvers<void>()

  constructor(url: string, authorization: () => string) {
    this.#url = url
    this.#authorization = authorization
  }

  /** Until the first connection stands. */
  async start(): Promise<void> {
    this.#finished = this.#follow()
    await this.#opened.promise
  }

  async close(): Promise<void> {
    this.#controller.abort()
    await this.#finished
  }

  async #follow(): Promise<void> {
    const { signal } = this.#controller
    while (!signal.aborted) {
      await this.#connection(signal).catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  async #connection(signal: AbortSignal): Promise<void> {
    const last = this.received.at(-1)?.id
    const response = await fetch(`${this.#url}/api/events${last === undefined ? "" : `?lastEventId=${last}`}`, {
      headers: { authorization: this.#authorization() },
      signal
    })
    if (!response.ok || response.body === null) {
      await response.body?.cancel()
      return
    }
    let buffer = ""
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      buffer += chunk
      const frames = buffer.split("\n\n")
      buffer = frames.pop() ?? ""
      for (const frame of frames) this.#take(frame)
    }
  }

  #take(frame: string): void {
    const data = frame.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5)).join("\n")
    if (data === "") return
    const event = JSON.parse(data) as FollowedEvent
    if (event.type === "connected") this.#opened.resolve()
    if (event.type === "reset") this.resets++
    if (event.sequence !== undefined) this.received.push({ id: event.id, type: event.type, deviceId: event.deviceId, sequence: event.sequence })
  }
}
