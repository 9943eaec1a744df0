import { Config, ConfigError, Duration, Either } from "effect"

const unit = { ms: 1, milli: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const

/** A setting such as `15m`, `24h`, `7d`, `90s` or `15 minutes`; a bare number is seconds. */
export const duration = (name: string, fallback: Duration.DurationInput): Config.Config<Duration.Duration> =>
  Config.string(name).pipe(
    Config.mapOrFail((text) => {
      const match = /^(\d{1,9})\s*(ms|milli|s|m|h|d|w)?[a-z]*$/i.exec(text.trim())
      const millis = match === null ? 0 : Number(match[1]) * unit[(match[2]?.toLowerCase() ?? "s") as keyof typeof unit]
      return millis > 0
        ? Either.right(Duration.millis(millis))
        : Either.left(ConfigError.InvalidData([name], `a time such as 15m, 24h or 7d is expected, not '${text}'`))
    }),
    Config.withDefault(Duration.decode(fallback))
  )

/** A setting that is a whole number. */
export const wholeNumber = (
  name: string,
  { fallback, from, to }: { readonly from: number; readonly to: number; readonly fallback: number }
): Config.Config<number> =>
  Config.string(name).pipe(
    Config.mapOrFail((text) => {
      const number = /^\s*\d+\s*$/.test(text) ? Number(text) : Number.NaN
      return number >= from && number <= to
        ? Either.right(number)
        : Either.left(ConfigError.InvalidData([name], `a whole number from ${from} to ${to} is expected, not '${text}'`))
    }),
    Config.withDefault(fallback)
  )

const byteUnits = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3, tb: 1024 ** 4 } as const

/** A setting such as `100MB` or `10GB` (1 KB is 1024 bytes); a bare number is bytes. */
export const byteSize = (name: string, fallback: number): Config.Config<number> =>
  Config.string(name).pipe(
    Config.mapOrFail((text) => {
      const match = /^(\d{1,15})\s*(b|kb|mb|gb|tb)?$/i.exec(text.trim())
      const size = match === null ? 0 : Number(match[1]) * byteUnits[(match[2]?.toLowerCase() ?? "b") as keyof typeof byteUnits]
      return size > 0 && Number.isSafeInteger(size)
        ? Either.right(size)
        : Either.left(ConfigError.InvalidData([name], `a size such as 100MB or 10GB is expected, not '${text}'`))
    }),
    Config.withDefault(fallback)
  )
