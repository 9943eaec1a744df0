import { request } from "undici"

/** Counts the events of the service's stream by type; goes on from the last one when the stream ends. */
export class EventCounter {
  readonly #controller = new AbortController()
  readonly #counts = new Map<string, number>()
  readonly #waiting = new Set<() => void>()
  readonly #url: string
  readonly #headers: Record<string, string>
  #last = ""

  private constructor(url: string, headers: Record<string, string>) {
    this.#url = url
    this.#headers = headers
  }

  static async open(url: string, headers: Record<string, string>): Promise<EventCounter> {
    const counter = new EventCounter(url, headers)
    void counter.#follow()
    await counter.reached("connected", 1)
    return counter
  }

  count(type: string): number {
    return this.#counts.get(type) ?? 0
  }

  async reached(type: string, count: number): Promise<void> {
    while (this.count(type) < count) await new Promise<void>((resolve) => this.#waiting.add(resolve))
  }

  close(): void {
    this.#controller.abort()
  }

  async #follow(): Promise<void> {
    const { signal } = this.#controller
    while (!signal.aborted) {
      const resume = this.#last === "" ? "" : `?lastEventId=${this.#last}`
      await request(this.#url + resume, { headers: this.#headers, signal, bodyTimeout: 0 })
        .then(({ body }) => this.#read(body))
        .catch(() => undefined)
    }
  }

  async #read(body: AsyncIterable<Buffer>): Promise<void> {
    const decoder = new TextDecoder()
    let rest = ""
    for await (const chunk of body) {
      const frames = (rest + decoder.decode(chunk, { stream: true })).split("\n\n")
      rest = frames.pop() ?? ""
      for (const frame of frames) this.#take(frame)
      const waiting = [...this.#waiting]
      this.#waiting.clear()
      for (const resolve of waiting) resolve()
    }
  }

  #take(frame: string): void {
    const lines = frame.split("\n")
    this.#last = lines.find((line) => line.startsWith("id: "))?.slice(4) ?? this.#last
    const data = lines.find((line) => line.startsWith("data: "))
    if (data === undefined) return
    const { type } = JSON.parse(data.slice(6)) as { readonly type: string }
    this.#counts.set(type, this.count(type) + 1)
  }
}
