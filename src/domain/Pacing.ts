import { Config, Effect, Schema } from "effect"
import { wholeNumber } from "./Settings.ts"

const dayMillis = 86_400_000

const seconds = Schema.Number.pipe(Schema.between(0, 600))
const whole = (from: number, to: number) => Schema.Int.pipe(Schema.between(from, to))

const fields = {
  /** seconds between two messages that nobody waits for (of jobs and schedules): drawn anew each time between the two */
  gapMin: seconds,
  gapMax: seconds,
  /** seconds between such a message and any earlier one to the same chat */
  recipientGap: seconds,
  /** of all messages, in any minute, hour and day */
  perMinute: whole(1, 600),
  perHour: whole(1, 20_000),
  perDay: whole(1, 200_000),
  /** people who have never written, and are written to for the first time, in any 24 hours */
  newChatsPerDay: whole(0, 100_000),
  /** the same on the first day after the pairing; it grows evenly, and is `newChatsPerDay` on day `warmUpDays` */
  warmUpNewChats: whole(0, 100_000),
  warmUpDays: whole(1, 90),
  /** whether the chat is shown that somebody writes, for one to five seconds, before each text */
  typing: Schema.Boolean
}

/** How fast a device sends. */
export const PacingSettings = Schema.Struct(fields).annotations({ identifier: "Pacing" })
export type PacingSettings = typeof PacingSettings.Type

/** What is set for one device; the rest is the service's default. */
export const PacingChoice = Schema.partialWith(Schema.Struct(fields), { exact: true })
export type PacingChoice = typeof PacingChoice.Type
export const pacingFields = fields

export const isOrdered = ({ gapMax, gapMin }: PacingChoice) => gapMin === undefined || gapMax === undefined || gapMin <= gapMax

export const settingsOf = (defaults: PacingSettings, choice: PacingChoice | null): PacingSettings => {
  const settings = { ...defaults, ...choice }
  // one of the two was chosen, and passes the other's default
  return settings.gapMin <= settings.gapMax
    ? settings
    : choice?.gapMin === undefined
    ? { ...settings, gapMin: settings.gapMax }
    : { ...settings, gapMax: settings.gapMin }
}

/** How many new chats a device may begin in 24 hours. Times in milliseconds. */
export const newChatsAllowed = (
  { newChatsPerDay, warmUpDays, warmUpNewChats }: PacingSettings,
  pairedAt: number | null,
  now: number
): number => {
  if (pairedAt === null || warmUpNewChats >= newChatsPerDay) return newChatsPerDay
  const day = Math.max(0, Math.floor((now - pairedAt) / dayMillis))
  if (day >= warmUpDays - 1) return newChatsPerDay
  return Math.floor(warmUpNewChats + (newChatsPerDay - warmUpNewChats) * day / (warmUpDays - 1))
}

/** `PACING`: whether devices keep to their pacing at all. */
const isOn = Config.map(Config.withDefault(Config.literal("on", "off")("PACING"), "on" as const), (value) => value === "on")

const number = (name: string, field: { readonly from: number; readonly to: number; readonly fallback: number }) =>
  wholeNumber(`PACING_${name}`, field)

/** `PACING_*`: what devices keep to that have nothing else set. */
const defaults: Config.Config<PacingSettings> = Config.all({
  gapMin: number("GAP_MIN", { from: 0, to: 600, fallback: 2 }),
  gapMax: number("GAP_MAX", { from: 0, to: 600, fallback: 6 }),
  recipientGap: number("RECIPIENT_GAP", { from: 0, to: 600, fallback: 6 }),
  perMinute: number("PER_MINUTE", { from: 1, to: 600, fallback: 60 }),
  perHour: number("PER_HOUR", { from: 1, to: 20_000, fallback: 1000 }),
  perDay: number("PER_DAY", { from: 1, to: 200_000, fallback: 5000 }),
  newChatsPerDay: number("NEW_CHATS_PER_DAY", { from: 0, to: 100_000, fallback: 100 }),
  warmUpNewChats: number("WARM_UP_NEW_CHATS", { from: 0, to: 100_000, fallback: 20 }),
  warmUpDays: number("WARM_UP_DAYS", { from: 1, to: 90, fallback: 10 }),
  typing: Config.map(Config.withDefault(Config.literal("on", "off")("PACING_TYPING"), "off" as const), (value) => value === "on")
})

/** As configured; a wrong value stops the start. */
export const pacingConfig = Effect.gen(function*() {
  const configured = yield* defaults
  return { isOn: yield* isOn, defaults: settingsOf({ ...configured }, { gapMin: configured.gapMin }) }
})

/** Milliseconds for which a text is shown to be written. */
export const typingTime = (text: string): number => Math.min(5000, Math.max(1000, text.length * 50))
