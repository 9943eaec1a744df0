import { newChatsAllowed, type PacingSettings } from "./Pacing.ts"

const second = 1000
const minute = 60 * second
export const hour = 60 * minute
export const day = 24 * hour

/** A message that is to go, as far as its pace is concerned. */
export interface Turn {
  readonly chatKey: string
  /** somebody waits for it: it is counted, and no gap holds it */
  readonly urgent: boolean
  /** the first one to somebody who has never written */
  readonly opensChat: boolean
}

export type PaceReason = "pacing_gap" | "pacing_recipient" | "pacing_minute" | "pacing_hour" | "pacing_day" | "new_chats"

/** Why a message may not go yet, and when it may: by what holds it longest. Milliseconds since 1970. */
export interface Wait {
  readonly reason: PaceReason
  readonly until: number
}

/** Messages that went before. */
export interface Gone {
  readonly at: number
  readonly count: number
  readonly opened: number
}

/** One message that went a moment ago. */
export interface Recent {
  readonly at: number
  readonly chatKey: string
  readonly urgent: boolean
}

/**
 * When a device's next message may go. It knows no clock: times come with the calls, and one that is earlier than what is
 * remembered takes that along, so that a clock put back delays for no longer than one window. What is remembered is bounded,
 * and rather counted for too long than too short.
 */
export class Pace {
  readonly #minute = new Window(minute, second)
  readonly #hour = new Window(hour, minute)
  readonly #day = new Window(day, hour / 4)
  readonly #newChats = new Window(day, hour / 4)
  readonly #chats = new Map<string, number>()
  #nextAt = -Infinity
  #underWay = 0
  #opening = 0
  #preparing = 0

  /** What went before this process, or this socket, by the minute; `recent` are those of the last ten minutes, one by one. */
  static after(before: ReadonlyArray<Gone>, recent: ReadonlyArray<Recent>, gap: number): Pace {
    const pace = new Pace()
    for (const { at, count, opened } of before) {
      pace.#hour.add(at, count)
      pace.#day.add(at, count)
      pace.#newChats.add(at, opened)
    }
    for (const { at, chatKey, urgent } of recent) {
      pace.#minute.add(at, 1)
      pace.#chats.delete(chatKey)
      pace.#chats.set(chatKey, at)
      if (!urgent) pace.#nextAt = Math.max(pace.#nextAt, at + gap)
    }
    return pace
  }

  /** What holds all messages. */
  ceiling(settings: PacingSettings, now: number): Wait | undefined {
    return latest(now, [
      { reason: "pacing_minute", until: free(this.#minute, settings.perMinute, this.#underWay, now) },
      { reason: "pacing_hour", until: free(this.#hour, settings.perHour, this.#underWay, now) },
      { reason: "pacing_day", until: free(this.#day, settings.perDay, this.#underWay, now) }
    ])
  }

  /** What holds all messages that nobody waits for. */
  gap(settings: PacingSettings, now: number): Wait | undefined {
    this.#nextAt = Math.min(this.#nextAt, now + settings.gapMax * second)
    // those of them that are being prepared go first, and the gap counts from then
    const until = this.#preparing > 0 && settings.gapMax > 0 ? now + settings.gapMax * second : this.#nextAt
    return latest(now, [{ reason: "pacing_gap", until }])
  }

  newChat(settings: PacingSettings, pairedAt: number | null, now: number): Wait | undefined {
    const allowed = newChatsAllowed(settings, pairedAt, now)
    return latest(now, [{ reason: "new_chats", until: free(this.#newChats, allowed, this.#opening, now) }])
  }

  wait(turn: Turn, settings: PacingSettings, pairedAt: number | null, now: number): Wait | undefined {
    return latest(now, [
      this.ceiling(settings, now),
      turn.opensChat ? this.newChat(settings, pairedAt, now) : undefined,
      turn.urgent ? undefined : this.gap(settings, now),
      turn.urgent ? undefined : { reason: "pacing_recipient", until: this.#freeFor(turn.chatKey, settings, now) }
    ])
  }

  /** Chats that only messages may go to for which somebody waits (the newest, at most `limit`), and when the first of them is free. */
  resting(settings: PacingSettings, now: number, limit: number): { readonly chatKeys: ReadonlyArray<string>; readonly until: number } {
    let until = Infinity
    for (const chatKey of this.#chats.keys()) {
      const free = this.#freeFor(chatKey, settings, now)
      if (free <= now) this.#chats.delete(chatKey)
      else until = Math.min(until, free)
    }
    return { chatKeys: [...this.#chats.keys()].slice(-limit), until }
  }

  /** It is on its way; `go` or `stay` follows. */
  begin(turn: Turn): void {
    this.#enter(turn, 1)
  }

  /** It goes now; `gap` is the time until the next one that nobody waits for, in milliseconds. */
  go(turn: Turn, now: number, gap: number): void {
    this.#enter(turn, -1)
    for (const window of [this.#minute, this.#hour, this.#day]) window.add(now, 1)
    if (turn.opensChat) this.#newChats.add(now, 1)
    this.#chats.delete(turn.chatKey)
    this.#chats.set(turn.chatKey, now)
    if (this.#chats.size > mostChats) this.#chats.delete(this.#chats.keys().next().value!)
    if (!turn.urgent) this.#nextAt = now + gap
  }

  /** It does not go. */
  stay(turn: Turn): void {
    this.#enter(turn, -1)
  }

  #enter(turn: Turn, by: number) {
    this.#underWay += by
    if (turn.opensChat) this.#opening += by
    if (!turn.urgent) this.#preparing += by
  }

  #freeFor(chatKey: string, { recipientGap }: PacingSettings, now: number): number {
    const last = this.#chats.get(chatKey)
    if (last === undefined) return -Infinity
    if (last > now) this.#chats.set(chatKey, now)
    return Math.min(last, now) + recipientGap * second
  }
}

const mostChats = 20_000

/** Those under way may yet stay: what they alone hold looks again in a moment. */
const free = (window: Window, limit: number, underWay: number, now: number): number => {
  const until = window.freeAt(now, limit)
  return until > now || window.freeAt(now, limit - underWay) <= now ? until : now + second
}

const latest = (now: number, waits: ReadonlyArray<Wait | undefined>): Wait | undefined => {
  let found: Wait | undefined
  for (const wait of waits) {
    if (wait !== undefined && wait.until > now && (found === undefined || wait.until > found.until)) found = wait
  }
  return found
}

/** How many there were in the last `span` milliseconds, remembered in pieces that count until the whole of them is over. */
class Window {
  readonly #span: number
  readonly #piece: number
  /** by their beginnings, which are in order */
  #pieces: Array<{ readonly from: number; count: number }> = []

  constructor(span: number, piece: number) {
    this.#span = span
    this.#piece = piece
  }

  add(at: number, count: number): void {
    if (count === 0) return
    this.#settle(at)
    const from = this.#begin(at)
    const last = this.#pieces.at(-1)
    if (last?.from === from) last.count += count
    else this.#pieces.push({ from, count })
  }

  /** When one more is no more than `limit`; at the latest after one span, whatever the limit. */
  freeAt(now: number, limit: number): number {
    this.#settle(now)
    let total = this.#pieces.reduce((sum, { count }) => sum + count, 0)
    if (total < limit) return now
    for (const { count, from } of this.#pieces) {
      total -= count
      if (total < limit) return this.#end(from)
    }
    return now + this.#span
  }

  #begin(at: number) {
    return Math.floor(at / this.#piece) * this.#piece
  }
  #end(from: number) {
    return from + this.#piece + this.#span
  }

  /** What is over goes, and what is said to be yet to come is now. */
  #settle(now: number) {
    const current = this.#begin(now)
    let early = 0
    for (let last = this.#pieces.at(-1); last !== undefined && last.from > current; last = this.#pieces.at(-1)) {
      early += last.count
      this.#pieces.pop()
    }
    if (early > 0) {
      const last = this.#pieces.at(-1)
      if (last?.from === current) last.count += early
      else this.#pieces.push({ from: current, count: early })
    }
    while (this.#pieces.length > 0 && this.#end(this.#pieces[0]!.from) <= now) this.#pieces.shift()
  }
}
