import { Clock, DateTime, Duration, Effect, Random } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { Jid } from "../../domain/Jid.ts"
import { isChangeType } from "../../domain/Message.ts"
import { Pace, type Turn } from "../../domain/Pace.ts"
import { type PacingChoice, pacingConfig, settingsOf, typingTime } from "../../domain/Pacing.ts"
import { DevicePacing } from "../../sql/outbox/DevicePacing.ts"
import { type Allowed, Outbox, type OutboxRow } from "../../sql/outbox/Outbox.ts"
import type { HoldReason } from "../../sql/outbox/OutboxPace.ts"
import { Priority } from "../../sql/outbox/Priority.ts"
import type { Connection } from "../../whatsapp/WhatsApp.ts"
import { type DeviceRestriction, isInForce } from "../DeviceRestriction.ts"

/** How long a change of a device's settings may go unseen, in milliseconds. */
const settingsFor = 5000
/** What waits longer than this is put aside in the queue, where nobody meets it before. */
const longWait = 1000
const restingAtOnce = 500
/** Between two looks while something that is due may not go yet. */
const [soonest, latest] = [250, 1000]

/** What may be taken from the queue now. */
export interface Outlook {
  readonly allowed: Allowed
  /** nothing at all */
  readonly isShut: boolean
}

const open: Outlook = { allowed: { urgentOnly: false, restingChats: [] }, isShut: false }

/** Keeps the messages of one connection to its device's pace. What went before is read from the messages themselves. */
export const makePacer = Effect.gen(function*() {
  const outbox = yield* Outbox
  const pacing = yield* DevicePacing
  const { defaults, isOn } = yield* pacingConfig

  return (deviceId: DeviceId, restriction: DeviceRestriction) => {
    let pace: Pace | undefined
    let choice: PacingChoice | null = null
    let settings = defaults
    let pairedAt: number | null = null
    let readAt = -Infinity
    /** when to look again although nobody says so */
    let lookAt = Infinity
    /** something that the queue calls due may not go */
    let refused = false
    /** until when nobody may be written to who has not written, and how many ask whether that is so */
    let strangersFrom = -Infinity
    let asking = 0
    const underWay = new Map<number, Turn>()
    const aside = new Map<string, { readonly why: HoldReason; readonly until: number; readonly rows: Array<OutboxRow> }>()

    const read = Effect.fnUntraced(function*(now: number) {
      const set = yield* pacing.get(deviceId)
      choice = set.choice
      settings = settingsOf(defaults, choice)
      pairedAt = set.pairedAt
      readAt = now
    }, Effect.catchTag("DeviceNotFound", () => Effect.void))

    const begin = Effect.fnUntraced(function*(now: number) {
      if (Math.abs(now - readAt) >= settingsFor) yield* read(now)
      if (pace !== undefined) return pace
      const { before, recent } = yield* outbox.gone(deviceId)
      return pace = Pace.after(before, recent, settings.gapMax * 1000)
    })

    const hold = (row: OutboxRow, why: HoldReason, until: number) => {
      const key = `${why} ${until}`
      const found = aside.get(key)
      if (found === undefined) aside.set(key, { why, until, rows: [row] })
      else found.rows.push(row)
    }

    return {
      look: Effect.gen(function*() {
        lookAt = Infinity
        refused = false
        const now = yield* Clock.currentTimeMillis
        const told = yield* restriction.current
        strangersFrom = isInForce(told, DateTime.unsafeMake(now)) ? told.until.epochMillis : -Infinity
        if (!isOn) return open
        const kept = yield* begin(now)
        const ceiling = kept.ceiling(settings, now)
        const gap = kept.gap(settings, now)
        const resting = kept.resting(settings, now, restingAtOnce)
        lookAt = ceiling?.until ?? Math.min(gap?.until ?? Infinity, resting.until)
        return { allowed: { urgentOnly: gap !== undefined, restingChats: resting.chatKeys }, isShut: ceiling !== undefined }
      }),

      /** Whether the message may go now; if so, `end` follows, perhaps after `go`. */
      admit: Effect.fnUntraced(function*(row: OutboxRow) {
        const now = yield* Clock.currentTimeMillis
        if (isToStranger(row)) {
          if (strangersFrom > now) {
            hold(row, "restriction", strangersFrom)
            return false
          }
          if (asking > 0) return false
        }
        if (pace === undefined) return true
        const turn = turnOf(row)
        const wait = pace.wait(turn, settings, pairedAt, now)
        if (wait === undefined) {
          pace.begin(turn)
          underWay.set(row.id, turn)
          return true
        }
        if (wait.reason === "new_chats" && wait.until - now > longWait) hold(row, wait.reason, wait.until)
        else {
          refused = true
          lookAt = Math.min(lookAt, wait.until)
        }
        return false
      }),

      /** Whether there was something to put aside. */
      putAside: Effect.gen(function*() {
        const all = [...aside.values()]
        aside.clear()
        for (const { rows, until, why } of all) {
          const end = DateTime.unsafeMake(until)
          if (why === "restriction") yield* restriction.hold(rows, end)
          else if (!(yield* pacing.hold(deviceId, choice, rows, end))) readAt = -Infinity
        }
        return all.length > 0
      }),

      /** Until this is known nobody is written to who has not written. */
      withoutStrangers: <A, E, R>(question: Effect.Effect<A, E, R>) =>
        Effect.acquireUseRelease(Effect.sync(() => ++asking), () => question, () => Effect.sync(() => --asking)),

      showTyping: Effect.fnUntraced(function*(connection: Connection, to: Jid, { content, messageType }: OutboxRow) {
        if (pace === undefined || !settings.typing || messageType !== "text") return
        yield* Effect.ignoreLogged(connection.showState(to, "composing"))
        yield* Effect.sleep(typingTime(content ?? ""))
      }),

      go: Effect.fnUntraced(function*(row: OutboxRow) {
        const turn = underWay.get(row.id)
        if (pace === undefined || turn === undefined) return
        underWay.delete(row.id)
        pace.go(turn, yield* Clock.currentTimeMillis, Math.ceil(yield* Random.nextRange(settings.gapMin * 1000, settings.gapMax * 1000)))
      }),

      end: (row: OutboxRow) => {
        const turn = underWay.get(row.id)
        if (turn === undefined) return
        underWay.delete(row.id)
        pace?.stay(turn)
      },

      /** `idle`, or until something may go that may not yet. */
      sooner: (idle: Duration.Duration) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          const left = lookAt - now
          if (refused) return Duration.millis(Math.min(Math.max(soonest, left), latest))
          return lookAt === Infinity ? idle : Duration.min(idle, Duration.millis(Math.max(10, left)))
        })
    }
  }
})

/** Of one connection. */
export type Pacer = ReturnType<Effect.Effect.Success<typeof makePacer>>

const isToStranger = ({ firstWroteAt, groupJid, messageType }: OutboxRow) =>
  groupJid === null && firstWroteAt === null && !isChangeType(messageType)

const turnOf = ({ chatKey, opensChat, priority }: OutboxRow): Turn => ({ chatKey, opensChat, urgent: priority === Priority.interactive })
