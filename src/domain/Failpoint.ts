/** `FAILPOINT=outbox.claimed:kill`, with `@3` at the third time; only where `NODE_ENV` is `test`, and not from a `.env`. */
const asked = process.env["NODE_ENV"] === "test"
  ? /^([a-z.-]+):(kill|throw|stall)(?:@([1-9]\d*))?$/.exec(process.env["FAILPOINT"] ?? "")
  : null
let left = Number(asked?.[3] ?? 1)

const isHere = (name: string, ...actions: ReadonlyArray<string>) =>
  asked !== null && asked[1] === name && actions.includes(asked[2]!) && --left === 0

/** A place at which a test can let the process die, as by a power cut, or throw. */
export const failpoint = (name: string): void => {
  if (!isHere(name, "kill", "throw")) return
  if (asked?.[2] === "kill") process.kill(process.pid, "SIGKILL")
  throw new Error(`failpoint ${name}`)
}

/** A place at which a test can let one operation wait for ever. */
export const stallpoint = (name: string): Promise<void> =>
  isHere(name, "stall") ? Promise.withResolvers<void>().promise : Promise.resolve()
