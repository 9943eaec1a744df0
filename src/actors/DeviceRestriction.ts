import { DateTime, Duration, Effect, Equal, FiberHandle, Ref } from "effect"
import type { Restriction } from "../domain/Device.ts"
import type { DeviceId } from "../domain/DeviceId.ts"
import type { OwnerChanged, StorageUnavailable } from "../domain/Storage.ts"
import { Outbox, type OutboxRow } from "../sql/outbox/Outbox.ts"
import { ClosedBecause } from "../whatsapp/socket/CloseReason.ts"
import type { Connection } from "../whatsapp/WhatsApp.ts"
import { Signals } from "./Signals.ts"
import { untilStored } from "./UntilStored.ts"

/** As long a limit is supposed to last whose end WhatsApp does not tell. */
const supposed = Duration.hours(6)

/** What becomes of a message that WhatsApp refused as one to a stranger. */
export type Refused =
  /** the account may not write to strangers until then */
  | { readonly _tag: "Restricted"; readonly until: DateTime.Utc }
  /** the account may: WhatsApp refuses this one person */
  | { readonly _tag: "Unrestricted" }
  /** the connection has ended before that was known */
  | { readonly _tag: "Unknown" }

/** The limit that WhatsApp has put on an account, from when it is told to its end. */
export const makeRestrictions = Effect.gen(function*() {
  const outbox = yield* Outbox
  const signals = yield* Signals

  return Effect.fnUntraced(function*(options: {
    readonly deviceId: DeviceId
    readonly before: Restriction | null
    /** writes down and tells what `current` holds */
    readonly tell: (current: Restriction | null) => Effect.Effect<void, OwnerChanged | StorageUnavailable>
  }) {
    const { before, deviceId, tell } = options
    const current = yield* Ref.make(before)
    /** what is written down, and what the queue was told of */
    const settled = yield* Ref.make(before)
    const ending = yield* FiberHandle.make()
    const oneAtATime = yield* Effect.makeSemaphore(1)

    const become = Effect.fnUntraced(function*(next: Restriction | null) {
      // first: what is put aside from now on is put aside for this
      yield* Ref.set(current, next)
      yield* tell(next)
      // it may go now, or is held until another time
      if ((yield* Ref.get(settled)) !== null) yield* outbox.release(deviceId, "restriction")
      // last: what the database did not take is done once more
      yield* Ref.set(settled, next)
      yield* signals.outboxChanged(deviceId)
    })

    const watch = Effect.fnUntraced(function*(restriction: Restriction | null) {
      if (restriction === null || restriction.until === null) return yield* FiberHandle.clear(ending)
      const left = DateTime.distanceDuration(yield* DateTime.now, restriction.until)
      // another owner tells what it knows
      const over = Effect.catchTag(untilStored<void, OwnerChanged, never>(become(null)), "OwnerChanged", () => Effect.void)
      yield* FiberHandle.run(ending, Effect.delay(over, left))
    })

    const set = Effect.fnUntraced(function*(told: Restriction | null) {
      const next = withEnd(told, yield* DateTime.now)
      if (same(yield* Ref.get(settled), next)) return
      yield* watch(next)
      yield* become(next)
    })

    return {
      current: Ref.get(current),
      set,
      /** Puts messages to strangers aside until then; not if the limit has been lifted meanwhile. */
      hold: Effect.fnUntraced(function*(rows: ReadonlyArray<OutboxRow>, until: DateTime.Utc) {
        yield* outbox.hold(rows, "restriction", until)
        if (!isInForce(yield* Ref.get(current), yield* DateTime.now)) yield* outbox.release(deviceId, "restriction")
      }),
      /** What a login leaves of it: whoever is let in is not banned, and what has ended has ended. */
      loggedIn: Effect.gen(function*() {
        const now = yield* DateTime.now
        const left = lasting(yield* Ref.get(current), now)
        yield* Ref.set(current, left)
        yield* Ref.set(settled, left)
        yield* watch(left)
      }),
      /** Asks what an account may whose message was refused; by all that are refused at the same time once. */
      refused: (connection: Connection, code: number) =>
        Effect.gen(function*() {
          const now = yield* DateTime.now
          const known = yield* Ref.get(current)
          const told = isInForce(known, now) ? known : yield* connection.restriction(code)
          if (told === null) return { _tag: "Unrestricted" } satisfies Refused
          yield* set(told)
          const { until } = withEnd(told, now) ?? {}
          return { _tag: "Restricted", until: until! } satisfies Refused
        }).pipe(
          Effect.catchTag("QueryFailed", ({ cause }) =>
            Effect.succeed<Refused>({ _tag: cause instanceof ClosedBecause ? "Unknown" : "Unrestricted" })),
          oneAtATime.withPermits(1)
        )
    }
  })
})

export type DeviceRestriction = Effect.Effect.Success<ReturnType<Effect.Effect.Success<typeof makeRestrictions>>>

/** Whether the account may not write to strangers. */
export const isInForce = (restriction: Restriction | null, now: DateTime.Utc): restriction is Restriction & { readonly until: DateTime.Utc } =>
  restriction !== null && restriction.kind !== "temporary_ban" && restriction.until !== null && DateTime.greaterThan(restriction.until, now)

const withEnd = (restriction: Restriction | null, now: DateTime.Utc): Restriction | null =>
  restriction === null || restriction.kind === "temporary_ban" ||
    (restriction.until !== null && DateTime.greaterThan(restriction.until, now))
    ? restriction
    : { ...restriction, until: DateTime.addDuration(now, supposed) }

const lasting = (restriction: Restriction | null, now: DateTime.Utc) =>
  restriction === null || restriction.kind === "temporary_ban" ||
    (restriction.until !== null && DateTime.lessThanOrEqualTo(restriction.until, now))
    ? null
    : withEnd(restriction, now)

const same = (one: Restriction | null, other: Restriction | null) =>
  one === other || (one !== null && other !== null && one.kind === other.kind && one.code === other.code && Equal.equals(one.until, other.until))
