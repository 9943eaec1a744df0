import { Effect, Exit } from "effect"
import type { AuditAction } from "../../domain/Audit.ts"
import { AuditLog, type NewAuditEntry } from "../../sql/admin/AuditLog.ts"
import { CallerDevice } from "../contract/Authorization.ts"

/**
 * Writes down what a caller has had done where the entry cannot be part of its transaction: by WhatsApp, by a device's actor, or
 * piece by piece. What is done is done, also if its entry cannot be written.
 */
export const makeNoting = Effect.map(AuditLog, (audit) => {
  const note = (entry: NewAuditEntry) =>
    Effect.catchAll(audit.record(entry), (error) => Effect.logWarning("An entry of the audit log could not be written", error))

  /** The entry follows, whatever became of the change and whether or not the client waits. */
  const after = <A, E, R>(change: Effect.Effect<A, E, R>, entry: (result: A | undefined) => Omit<NewAuditEntry, "result">) =>
    Effect.onExit(change, (exit) =>
      note({ ...entry(Exit.isSuccess(exit) ? exit.value : undefined), result: Exit.isSuccess(exit) ? "success" : "failure" }))

  return {
    note,
    after,
    /** {@link after}, about the device that the call names. */
    ofDevice: <A, E, R>(action: Extract<AuditAction, `device.${string}`>, change: Effect.Effect<A, E, R>) =>
      Effect.flatMap(CallerDevice, ({ caller, device: { deviceId, userId } }) =>
        after(change, () => ({ actor: caller, action, target: { type: "device", id: deviceId }, details: { ownerId: userId } })))
  }
})
