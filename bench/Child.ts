import { spawn } from "node:child_process"
import { setTimeout as sleep } from "node:timers/promises"
import { pathToFileURL } from "node:url"
import { join } from "node:path"
import type { Figures, Holdings } from "./probe.ts"

export const root = join(import.meta.dirname, "..")
const probe = pathToFileURL(join(import.meta.dirname, "probe.ts")).href

interface Reply {
  readonly id?: number
  readonly ready?: boolean
  readonly answer?: unknown
  readonly error?: string
}

/** A Node process with the probe in it. It does not outlive this one. */
export class Child {
  readonly #process
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  readonly #ready = Promise.withResolvers<void>()
  readonly exited: Promise<number | null>
  readonly name: string
  #asked = 0
  #output = ""

  constructor(name: string, file: string, args: ReadonlyArray<string>, environment: Readonly<Record<string, string>>) {
    this.name = name
    const child = spawn(process.execPath, ["--expose-gc", "--import", probe, join(root, file), ...args], {
      cwd: root,
      env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "", ...environment },
      stdio: ["ignore", "pipe", "pipe", "ipc"]
    })
    this.#process = child
    const keep = (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString()).slice(-20_000)
    }
    child.stdout?.on("data", keep)
    child.stderr?.on("data", keep)
    child.on("message", (reply: Reply) => this.#take(reply))
    const atExit = () => child.kill("SIGKILL")
    process.once("exit", atExit)
    this.exited = new Promise((resolve) =>
      child.once("exit", (code) => {
        process.removeListener("exit", atExit)
        const gone = new Error(`${name} has ended (${code}):\n${this.#output}`)
        this.#ready.reject(gone)
        for (const waiting of this.#waiting.values()) waiting.reject(gone)
        this.#waiting.clear()
        resolve(code)
      })
    )
    this.#ready.promise.catch(() => undefined)
  }

  get output(): string {
    return this.#output
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null
  }

  /** When the program has said that it is ready; only programs of this folder do. */
  get ready(): Promise<void> {
    return this.#ready.promise
  }

  /** Waits for `ready`, or fails when the process ends before. */
  async whileAlive(ready: Promise<unknown>): Promise<void> {
    const ended = this.exited.then((code) => Promise.reject(new Error(`${this.name} has ended (${code}):\n${this.#output}`)))
    await Promise.race([ready, ended])
  }

  ask(name: string, argument?: unknown): Promise<unknown> {
    if (!this.isRunning) return Promise.reject(new Error(`${this.name} does not run:\n${this.#output}`))
    const id = ++this.#asked
    const waiting = Promise.withResolvers<unknown>()
    this.#waiting.set(id, waiting)
    this.#process.send({ id, name, argument })
    return waiting.promise
  }

  async figures(): Promise<Figures> {
    return await this.ask("figures") as Figures
  }

  async holdings(): Promise<Holdings> {
    return await this.ask("holdings") as Holdings
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    this.#process.kill(signal)
    return this.exited
  }

  /** Until it uses less than 4 % of a core; not for longer than five seconds. */
  async quiet(): Promise<void> {
    const pause = 250
    let before = (await this.figures()).cpu
    for (let round = 0; round < 20; round++) {
      await sleep(pause)
      const { cpu } = await this.figures()
      if (cpu - before < pause * 0.04) return
      before = cpu
    }
  }

  #take({ answer, error, id, ready }: Reply): void {
    if (ready) this.#ready.resolve()
    const waiting = id === undefined ? undefined : this.#waiting.get(id)
    if (id === undefined || waiting === undefined) return
    this.#waiting.delete(id)
    if (error === undefined) waiting.resolve(answer)
    else waiting.reject(new Error(`${this.name}: ${error}`))
  }
}
