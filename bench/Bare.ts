import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Child } from "./Child.ts"
import type { Emulator } from "./Emulator.ts"

/** Bare Baileys in its own process; a restart keeps its auth state. */
export class Bare {
  readonly #emulator: Emulator
  readonly #folder = mkdtempSync(join(tmpdir(), "wa-bench-bare-"))
  #child: Child | undefined

  constructor(emulator: Emulator) {
    this.#emulator = emulator
    process.once("exit", this.#forget)
  }

  get child(): Child {
    if (this.#child === undefined) throw new Error("bare Baileys has not been started")
    return this.#child
  }

  async start(): Promise<void> {
    this.#child = new Child("bare", "bench/bareProgram.ts", [], {
      BARE_FOLDER: this.#folder,
      BARE_CONTROL: this.#emulator.control,
      WA_SOCKET_URL: this.#emulator.url
    })
    await this.#child.ready
  }

  /** Connects the phones' devices, linking those that are not linked yet; answers when all are connected. */
  open(phones: ReadonlyArray<string>): Promise<unknown> {
    return this.child.ask("open", { phones })
  }

  send(from: string, to: ReadonlyArray<string>, count: number, clients: number): Promise<unknown> {
    return this.child.ask("send", { from, to, count, clients })
  }

  async received(): Promise<number> {
    return await this.child.ask("received") as number
  }

  receivedAll(count: number): Promise<unknown> {
    return this.child.ask("receivedAll", { count })
  }

  save(): Promise<unknown> {
    return this.child.ask("save")
  }

  async stop(): Promise<void> {
    await this.child.stop()
  }

  async remove(): Promise<void> {
    if (this.#child?.isRunning) await this.#child.stop("SIGKILL")
    process.removeListener("exit", this.#forget)
    this.#forget()
  }

  readonly #forget = () => rmSync(this.#folder, { recursive: true, force: true })
}
