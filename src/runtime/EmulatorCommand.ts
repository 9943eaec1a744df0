import { Effect } from "effect"
import { runEmulator } from "../emulator/command.ts"
import { portOption, readOptions } from "./Arguments.ts"

/** `emulator [--port P] [--control-port P] [--host H]` */
export const emulator = Effect.fnUntraced(function*(args: ReadonlyArray<string>) {
  const options = yield* readOptions(args, ["port", "control-port", "host"])
  const port = yield* portOption("port", options.port)
  const controlPort = yield* portOption("control-port", options["control-port"])
  return yield* runEmulator({
    ...(port === undefined ? {} : { port }),
    ...(controlPort === undefined ? {} : { controlPort }),
    ...(options.host === undefined ? {} : { host: options.host })
  })
})
