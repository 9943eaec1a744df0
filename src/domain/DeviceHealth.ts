import { Schema } from "effect"
import type { Device } from "./Device.ts"

export const IncidentKind = Schema.Literal("failed", "refused", "undecryptable", "disconnect", "restriction")
export type IncidentKind = typeof IncidentKind.Type

/** What has happened to a device, by its code: of failures ours, of refusals WhatsApp's number. */
export const Incident = Schema.Struct({ kind: IncidentKind, code: Schema.String, count: Schema.Int })
export type Incident = typeof Incident.Type

export const HealthPeriod = Schema.Struct({
  incidents: Schema.Array(Incident),
  /** of the messages given to WhatsApp in that time: how many it took, and how many have arrived */
  sent: Schema.Int,
  delivered: Schema.Int,
  deliveredRatio: Schema.NullOr(Schema.Number)
})
export type HealthPeriod = typeof HealthPeriod.Type

export const RiskReason = Schema.Literal("restricted", "banned", "refused", "refused_often", "disconnects", "undelivered", "undecryptable")
export const Risk = Schema.Struct({ level: Schema.Literal("low", "medium", "high"), reasons: Schema.Array(RiskReason) })
export type Risk = typeof Risk.Type

/** Refusals that are about the account, not about one message. */
const aboutAccount = new Set(["403", "429", "463", "475"])

/** How likely it is that WhatsApp limits the account soon, or has done so: see docs/operations.md. */
export const riskOf = (
  { reason, restriction }: Pick<Device, "reason" | "restriction">,
  hour: HealthPeriod,
  day: HealthPeriod,
  now: number
): Risk => {
  const count = ({ incidents }: HealthPeriod, matches: (incident: Incident) => boolean) =>
    incidents.reduce((sum, incident) => matches(incident) ? sum + incident.count : sum, 0)
  const refused = count(day, ({ code, kind }) => kind === "refused" && aboutAccount.has(code))
  const restricted = restriction !== null && (restriction.until === null || restriction.until.epochMillis > now)
  const high = [
    ...(reason === "banned" || reason === "account_locked" ? ["banned" as const] : []),
    ...(restricted ? ["restricted" as const] : []),
    ...(refused >= 3 ? ["refused_often" as const] : [])
  ]
  const medium = [
    ...(refused > 0 && refused < 3 ? ["refused" as const] : []),
    ...(count(hour, ({ kind }) => kind === "disconnect") >= 3 ? ["disconnects" as const] : []),
    ...(day.sent >= 20 && day.delivered / day.sent < 0.6 ? ["undelivered" as const] : []),
    ...(count(day, ({ kind }) => kind === "undecryptable") >= 10 ? ["undecryptable" as const] : [])
  ]
  return { level: high.length > 0 ? "high" : medium.length > 0 ? "medium" : "low", reasons: [...high, ...medium] }
}
