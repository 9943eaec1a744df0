import { Cause, Config, ConfigError, Either, HashMap, Inspectable, Layer, Logger, LogLevel, Effect } from "effect"
import { redactText, redactValue } from "./Redaction.ts"

const longestLine = 8192

const cut = (line: string) => (line.length > longestLine ? `${line.slice(0, longestLine)}…` : line)

const textOf = (message: unknown) => {
  const clean = redactValue(message)
  return typeof clean === "string" ? clean : Inspectable.toStringUnknown(clean, 0)
}

interface Line {
  readonly message: string
  readonly annotations: ReadonlyArray<readonly [string, unknown]>
  readonly cause: string | undefined
}

const lineOf = ({ annotations, cause, message }: Logger.Logger.Options<unknown>): Line => ({
  message: (Array.isArray(message) ? message : [message]).map(textOf).join(" "),
  annotations: [...HashMap.entries(annotations)].map(([name, value]) => [name, redactValue({ [name]: value })] as const)
    .map(([name, record]) => [name, (record as Record<string, unknown>)[name]] as const),
  cause: Cause.isEmpty(cause) ? undefined : redactText(Cause.pretty(cause, { renderErrorCause: true }))
})

/** A JSON object; it stays one however long its parts are, and an annotation cannot take the place of what it always has. */
export const jsonLine = (options: Logger.Logger.Options<unknown>): string => {
  const { annotations, cause, message } = lineOf(options)
  const head = { time: options.date.toISOString(), level: options.logLevel.label, message: cut(message) }
  return JSON.stringify({
    ...head,
    ...Object.fromEntries(annotations.map(([name, value]) => [name, typeof value === "string" ? cut(value) : value])),
    ...head,
    ...(cause === undefined ? {} : { cause: cut(cause) })
  })
}
const jsonLogger = Logger.make((options) => {
  process.stdout.write(`${jsonLine(options)}\n`)
})

const colours: Record<string, string> = { ERROR: "31", FATAL: "31", WARN: "33", INFO: "32", DEBUG: "34", TRACE: "90" }

const prettyLogger = Logger.make((options) => {
  const { annotations, cause, message } = lineOf(options)
  const level = options.logLevel.label
  const details = annotations.map(([name, value]) => ` \u001B[90m${name}=\u001B[0m${Inspectable.toStringUnknown(value, 0)}`)
  const time = options.date.toISOString().slice(11, 23)
  const head = `\u001B[90m${time}\u001B[0m \u001B[${colours[level] ?? "0"}m${level.padEnd(5)}\u001B[0m ${message}${details.join("")}`
  process.stdout.write(`${cut(head)}${cause === undefined ? "" : `\n${cut(cause)}`}\n`)
})

/** Lines for people on a terminal, a JSON object a line otherwise; both redacted and of bounded length. */
export const LogLines = Logger.replace(Logger.defaultLogger, process.stdout.isTTY ? prettyLogger : jsonLogger)

/** By name or as lines show it: `warning` as well as `warn`. */
const level = Config.string("LOG_LEVEL").pipe(
  Config.mapOrFail((text) => {
    const wanted = text.trim().toLowerCase()
    const found = LogLevel.allLevels.find(({ _tag, label }) => _tag.toLowerCase() === wanted || label.toLowerCase() === wanted)
    return found === undefined
      ? Either.left(ConfigError.InvalidData(["LOG_LEVEL"], `trace, debug, info, warning, error or fatal is expected, not '${text}'`))
      : Either.right(found)
  }),
  Config.withDefault(LogLevel.Info)
)

/** `LOG_LEVEL` */
export const Verbosity = Layer.unwrapEffect(Effect.map(level, Logger.minimumLogLevel))
