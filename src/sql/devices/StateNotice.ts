import { Effect, Metric } from "effect"
import type { DeviceReason } from "../../domain/Device.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { DeviceState } from "./Devices.ts"

const changes = Metric.counter("whatsapp_device_state_changes_total", {
  description: "Changes of devices' states, by status and reason",
  incremental: true
})

/** What the service does not get out of by itself. */
const needsPerson: ReadonlySet<DeviceReason | null> = new Set<DeviceReason>([
  "pairing_refused", "replaced", "logged_out", "banned", "client_outdated", "client_refused", "account_locked",
  "credentials_unreadable", "storage_unavailable"
])

/** A change that has been committed, as an operator sees it. `reasonText` stays out: the reason's entry in the docs says more. */
export const stateTold = (deviceId: DeviceId, { reason, retryAt, status }: DeviceState) => {
  const log = needsPerson.has(reason) ? Effect.logWarning : Effect.logInfo
  return Effect.zipRight(
    Metric.update(changes.pipe(Metric.tagged("status", status), Metric.tagged("reason", reason ?? "none")), 1),
    log(`The device is ${status}`).pipe(Effect.annotateLogs({ deviceId, status, reason, retryAt }))
  )
}
