import { Context, DateTime, Effect, Layer, type SubscriptionRef } from "effect"
import type { Option } from "effect"
import type { Device, DeviceNotFound } from "../domain/Device.ts"
import type { DeviceId } from "../domain/DeviceId.ts"
import type { OwnerChanged, StorageUnavailable } from "../domain/Storage.ts"
import { type DeviceState, Devices } from "../sql/devices/Devices.ts"
import { CloseAction, type CloseReason } from "../whatsapp/socket/CloseReason.ts"
import { closeCount } from "./ActorMetrics.ts"
import { DeviceSession, type LiveConnection } from "./DeviceSession.ts"
import { Projector } from "./receiving/Projector.ts"
import { type NextStep, nextStep, noAttempts } from "./Reconnect.ts"
import { untilStored } from "./UntilStored.ts"

export interface LoopOptions {
  readonly deviceId: DeviceId
  /** makes this process the device's owner, before each socket */
  readonly claim: Effect.Effect<
    { readonly epoch: number; readonly device: Device },
    DeviceNotFound | OwnerChanged | StorageUnavailable
  >
  /** a person asked for it: without a pairing, one may begin */
  readonly byPerson: boolean
  readonly live: SubscriptionRef.SubscriptionRef<Option.Option<LiveConnection>>
  /** runs when the device's state says that it connects, before each socket */
  readonly onConnecting: Effect.Effect<void>
}

/** Opens a device's sockets one after another, as their close reasons say, until only a person can go on. */
export class DeviceLoop extends Context.Tag("whatsapp-service/DeviceLoop")<DeviceLoop, {
  readonly run: (options: LoopOptions) => Effect.Effect<void, DeviceNotFound | OwnerChanged | StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    DeviceLoop,
    Effect.gen(function*() {
      const devices = yield* Devices
      const session = yield* DeviceSession
      const projector = yield* Projector

      const run = Effect.fnUntraced(function*({ byPerson, claim, deviceId, live, onConnecting }: LoopOptions) {
        const setState = (epoch: number, state: Partial<DeviceState> & Pick<DeviceState, "status">) =>
          devices.setState(deviceId, epoch, { ...blank, ...state })

        /** The pairing is worthless, what came over it is not. */
        const forget = (epoch: number, state: DeviceState) =>
          Effect.zipRight(projector.finish(deviceId), devices.wipe(deviceId, epoch, state))

        /** One socket from claim to close. Claiming fences whatever an earlier socket may still want to write. */
        const generation = Effect.gen(function*() {
          const { device, epoch } = yield* claim
          const pairing = byPerson && !device.isPaired
          const restriction = device.restriction
          yield* setState(epoch, { status: "connecting", reason: pairing ? "pairing" : null, restriction })
          yield* onConnecting
          const { closed, stable } = yield* session.run({ deviceId, epoch, pairing, restriction, live }).pipe(
            Effect.catchTag("CredentialsUnreadable", (error) =>
              Effect.as(
                Effect.logError("The stored credentials cannot be read; nothing has been overwritten", error),
                { closed: unreadable, stable: false }
              ))
          )
          yield* Effect.logInfo(`Socket closed: ${closed.text}`).pipe(
            Effect.annotateLogs({ reason: closed.reason, code: closed.code, action: closed.action._tag })
          )
          yield* closeCount(closed.reason)
          return { closed, stable, epoch, restriction: closed.restriction ?? restriction }
        })

        /** Whether to go on with another socket. Not before it is written down: a restart must find what was decided. */
        const settle = Effect.fnUntraced(
          function*(step: NextStep, closed: CloseReason, epoch: number, restriction: Device["restriction"]) {
            const why = { reason: closed.reason, reasonText: closed.text, restriction }
            const now = yield* DateTime.now
            switch (step._tag) {
              case "Again":
                if (step.delay > 0) {
                  const retryAt = DateTime.add(now, { millis: step.delay })
                  yield* untilStored(setState(epoch, { status: "connecting", ...why, retryAt }))
                  yield* Effect.sleep(step.delay)
                }
                return true
              case "WaitUntil":
                yield* untilStored(setState(epoch, { status: "disconnected", ...why, retryAt: step.until }))
                yield* Effect.sleep(DateTime.distanceDuration(now, DateTime.max(now, step.until)))
                return true
              case "Hold": {
                const state: DeviceState = { ...blank, status: "disconnected", ...why }
                yield* untilStored(step.forget ? forget(epoch, state) : setState(epoch, state))
                return false
              }
            }
          }
        )

        let attempts = noAttempts
        let more = true
        while (more) {
          const { closed, epoch, restriction, stable } = yield* generation
          const next = yield* nextStep(attempts, closed, stable)
          attempts = next.attempts
          more = yield* settle(next.step, closed, epoch, restriction)
        }
      })

      return DeviceLoop.of({ run })
    })
  )
}

const blank = { reason: null, reasonText: null, retryAt: null, restriction: null }
const unreadable: CloseReason = {
  reason: "credentials_unreadable",
  text: "The stored credentials cannot be read: check ENCRYPTION_KEY. Nothing has been overwritten.",
  code: null,
  action: CloseAction.Stop()
}
