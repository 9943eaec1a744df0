import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort, startBuilt, until } from "./process.ts"

export const admin = { email: "admin@example.com", password: "correct horse battery" }

export interface SseEvent {
  readonly id: number
  readonly type: string
  readonly deviceId: string
  readonly sequence: number
  readonly data: Record<string, unknown>
}

interface Answer {
  readonly success: boolean
  // what an endpoint answers is looked at field by field
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly data: any
  readonly message?: string
  readonly error?: { readonly code: string }
}

/** One service over its lives: `kill` and `start` keep its port, data folder and database. */
export const makeService = async (
  environment: Readonly<Record<string, string>>,
  onOutput: (chunk: Buffer) => void = () => {}
) => {
  const port = await freePort()
  const dataDir = mkdtempSync(join(tmpdir(), "wa-e2e-"))
  const url = `http://127.0.0.1:${port}`
  const env = {
    PORT: String(port),
    DATA_DIR: dataDir,
    ADMIN_EMAIL: admin.email,
    ADMIN_PASSWORD: admin.password,
    RATE_LIMIT: "off",
    PACING: "off",
    LOG_LEVEL: "info",
    ...environment
  }
  let built: ReturnType<typeof startBuilt> | undefined
  let token = ""

  const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    const text = await response.text()
    const json: unknown = text === "" ? undefined : JSON.parse(text)
    return { status: response.status, headers: response.headers, json: json as Answer }
  }

  /** A form, with its answer. */
  const upload = async (path: string, form: FormData, headers: Record<string, string> = {}, method: "POST" | "PUT" = "POST") => {
    const response = await fetch(url + path, { method, body: form, headers: { authorization: `Bearer ${token}`, ...headers } })
    return { status: response.status, headers: response.headers, json: (await response.json()) as Answer }
  }

  /** The bytes of an answer. */
  const download = async (path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(url + path, { headers: { authorization: `Bearer ${token}`, ...headers } })
    return { status: response.status, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) }
  }

  /** The data of a successful answer. */
  const ask = async (method: string, path: string, body?: unknown) => {
    const { json, status } = await call(method, path, body)
    if (status >= 300) throw new Error(`${method} ${path} answered ${status}: ${JSON.stringify(json)}`)
    return json.data
  }

  /** `more` is for this life alone. */
  const start = async (more: Readonly<Record<string, string>> = {}) => {
    const running = startBuilt(["serve"], { ...env, ...more })
    built = running
    running.child.stdout?.on("data", onOutput)
    running.child.stderr?.on("data", onOutput)
    await until(
      "the service to be ready",
      async () => {
        if (isOver()) return true
        return (await fetch(`${url}/health/ready`)).ok ? true : undefined
      },
      120_000
    ).catch((error: unknown) => {
      throw new Error(`the service did not start:\n${running.output()}`, { cause: error })
    })
    if (isOver()) throw new Error(`the service ended at its start:\n${running.output()}`)
    // good for a day, and over restarts
    if (token === "") token = (await ask("POST", "/api/auth/login", admin)).token
  }

  const end = async (signal: NodeJS.Signals) => {
    const code = await built?.end(signal)
    return code ?? null
  }

  /** Waits until it has ended by itself. */
  const ended = (within?: number) => until("the service to end", () => isOver() ? true : undefined, within)
  const isOver = () => built === undefined || built.child.exitCode !== null || built.child.signalCode !== null

  /** Collects events from `lastEventId` on; `tokenInQuery` is how browsers show who they are. */
  const events = (lastEventId?: number, options: { readonly tokenInQuery?: boolean } = {}) => {
    const received: Array<SseEvent> = []
    const controller = new AbortController()
    const finished = (async () => {
      const query = new URLSearchParams({
        ...(lastEventId !== undefined && { lastEventId: String(lastEventId) }),
        ...(options.tokenInQuery === true && { token })
      })
      const response = await fetch(`${url}/api/events?${query}`, {
        headers: options.tokenInQuery === true ? {} : { authorization: `Bearer ${token}` },
        signal: controller.signal
      })
      let buffer = ""
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        buffer += chunk
        const frames = buffer.split("\n\n")
        buffer = frames.pop()!
        for (const frame of frames) {
          const data = frame.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5)).join("\n")
          if (data !== "") received.push(JSON.parse(data))
        }
      }
    })().catch(() => undefined)
    return {
      received,
      waitFor: (what: string, matches: (event: SseEvent) => boolean, timeout?: number) =>
        until(`the event ${what}`, () => received.find(matches), timeout),
      close: async () => {
        controller.abort()
        await finished
      }
    }
  }

  return {
    url,
    dataDir,
    authorization: () => `Bearer ${token}`,
    start,
    end,
    ended,
    isOver,
    /** such as SIGSTOP and SIGCONT, which freeze and thaw it */
    signal: (signal: NodeJS.Signals) => built?.child.kill(signal),
    call,
    ask,
    upload,
    download,
    events,
    /** of the administrator, for what `call` cannot say */
    token: () => token,
    output: () => built?.output() ?? "",
    remove: () => rmSync(dataDir, { recursive: true, force: true })
  }
}
export type Service = Awaited<ReturnType<typeof makeService>>
