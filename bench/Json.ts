import { Pool } from "undici"

/** JSON over HTTP on connections that are kept. */
export class Json {
  readonly #pool: Pool
  headers: Record<string, string> = {}

  constructor(origin: string, connections = 64) {
    this.#pool = new Pool(origin, { connections, bodyTimeout: 120_000, headersTimeout: 120_000 })
  }

  async ask(method: "GET" | "POST" | "DELETE", path: string, body?: unknown): Promise<unknown> {
    const answer = await this.#pool.request({
      method,
      path,
      headers: { ...this.headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      body: body === undefined ? null : JSON.stringify(body)
    })
    const text = await answer.body.text()
    if (answer.statusCode >= 300) throw new Error(`${method} ${path} answered ${answer.statusCode}: ${text}`)
    return text === "" ? undefined : JSON.parse(text)
  }

  close(): Promise<void> {
    return this.#pool.destroy()
  }
}
