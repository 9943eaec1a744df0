import { Context, Schema } from "effect"
import { UserId } from "./User.ts"

/** What is worth remembering for as long as the audit log is kept. */
export const AuditAction = Schema.Literal(
  "login",
  /** a refresh token was shown twice; its login has been ended */
  "token.reuse",
  "user.register",
  "user.create",
  "user.update",
  "user.delete",
  "profile.update",
  "device.create",
  "device.connect",
  "device.disconnect",
  "device.pair",
  "device.delete",
  "device.wipe",
  "device.import",
  "device.pacing",
  "group.create",
  "group.join",
  "group.update",
  "group.participants",
  "group.invite",
  "group.leave",
  "job.create",
  "job.pause",
  "job.resume",
  "job.cancel",
  "job.retry",
  "schedule.create",
  "schedule.change",
  "schedule.cancel",
  "opt-out.add",
  "opt-out.remove",
  "api-key.create",
  "api-key.revoke",
  "webhook.create",
  "webhook.update",
  "webhook.delete",
  "webhook.rotate-secret"
)
export type AuditAction = typeof AuditAction.Type

export const AuditResult = Schema.Literal("success", "failure")
export type AuditResult = typeof AuditResult.Type

export const AuditTarget = Schema.Struct({
  type: Schema.Literal("user", "device", "group", "job", "schedule", "api-key", "webhook"),
  id: Schema.String
})
export type AuditTarget = typeof AuditTarget.Type

/** Facts beside the entry's own, such as the names of changed fields; never a secret or a message's content. */
export const AuditDetails = Schema.Record({
  key: Schema.String,
  value: Schema.Union(Schema.String, Schema.Number, Schema.Boolean, Schema.Null, Schema.Array(Schema.String))
})
export type AuditDetails = typeof AuditDetails.Type

export class AuditEntry extends Schema.Class<AuditEntry>("AuditEntry")({
  id: Schema.Int,
  at: Schema.DateTimeUtc,
  /** null: nobody who is known, or the command line */
  userId: Schema.NullOr(UserId),
  username: Schema.NullOr(Schema.String),
  /** the prefix of the API key that was used, if one was */
  apiKey: Schema.NullOr(Schema.String),
  action: AuditAction,
  target: Schema.NullOr(AuditTarget),
  result: AuditResult,
  /** null: not over the network */
  address: Schema.NullOr(Schema.String),
  userAgent: Schema.NullOr(Schema.String),
  details: Schema.NullOr(AuditDetails)
}) {}

/** Who does something. */
export interface Actor {
  readonly userId: UserId
  readonly username: string
  readonly apiKey?: string | null | undefined
}

/** Where what is done comes from: the edge says it for each request, and the command line has nothing to say. */
export class Origin extends Context.Reference<Origin>()("whatsapp-service/Origin", {
  defaultValue: (): { readonly address: string | null; readonly userAgent: string | null } => ({ address: null, userAgent: null })
}) {}
