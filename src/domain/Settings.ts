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
