import { type ChildProcess, spawn } from "node:child_process"
import { createServer } from "node:net"
import { join } from "node:path"

const root = join(import.meta.dirname, "../..")

/** A port that is free now. */
export const freePort = () =>
  new Promise<number>((resolve, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

/** Asks until the answer is not undefined; says what it waited for when it gives up. */
export const until = async <A>(
  what: string,
  ask: () => Promise<A | undefined> | A | undefined,
  timeout = 60_000,
  every = 25
): Promise<A> => {
  const end = performance.now() + timeout
  let last: unknown
  for (;;) {
    try {
      const answer = await ask()
      if (answer !== undefined) return answer
    } catch (error) {
      last = error
    }
    if (performance.now() > end) throw new Error(`gave up waiting for ${what}`, { cause: last })
    await new Promise((resolve) => setTimeout(resolve, every))
  }
}

/** What the built program needs of ours; its modules are compiled once, and not for most of a second at each of hundreds of starts. */
export const bareEnvironment = {
  PATH: process.env["PATH"] ?? "",
  HOME: process.env["HOME"] ?? "",
  NODE_COMPILE_CACHE: join(root, "node_modules/.cache/compiled")
}

export interface BuiltProcess {
  readonly child: ChildProcess
  readonly output: () => string
  /** Sends the signal and waits for the end; the exit code, null after SIGKILL. */
  readonly end: (signal: NodeJS.Signals) => Promise<number | null>
}

/** Runs the built program as its own process; ends with the test process at the latest. */
export const startBuilt = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>>, cwd = root): BuiltProcess => {
  let output = ""
  const child = spawn(process.execPath, [join(root, "dist/main.js"), ...args], {
    cwd,
    env: { ...bareEnvironment, ...env },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-200_000)
  }
  child.stdout.on("data", keep)
  child.stderr.on("data", keep)
  const exited = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)))
  const atExit = () => child.kill("SIGKILL")
  process.once("exit", atExit)
  void exited.then(() => process.removeListener("exit", atExit))
  return {
    child,
    output: () => output,
    end: (signal) => {
      child.kill(signal)
      return exited
    }
  }
}
