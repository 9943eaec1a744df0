import { Schema, Struct } from "effect"
import { AuditAction, AuditDetails, AuditEntry, AuditResult, AuditTarget } from "../../domain/Audit.ts"
import { UserId } from "../../domain/User.ts"

const text = Schema.NullOr(Schema.String)

const Columns = Schema.Struct({
  id: Schema.Int,
  at: Schema.DateTimeUtcFromNumber,
  userId: Schema.NullOr(UserId),
  username: text,
  apiKey: text,
  action: AuditAction,
  targetType: Schema.NullOr(AuditTarget.fields.type),
  targetId: text,
  result: AuditResult,
  address: text,
  userAgent: text,
  details: Schema.NullOr(Schema.parseJson(AuditDetails))
})

export const auditColumns = "id, at, user_id, username, api_key, action, target_type, target_id, result, address, user_agent, details"

/** A row of `audit_log` with {@link auditColumns}. */
export const AuditRow = Schema.transform(Columns, Schema.typeSchema(AuditEntry), {
  strict: true,
  decode: ({ targetId, targetType, ...row }) =>
    new AuditEntry({ ...row, target: targetType === null ? null : { type: targetType, id: targetId ?? "" } }, { disableValidation: true }),
  encode: (entry) => ({ ...Struct.omit(entry, "target"), targetType: entry.target?.type ?? null, targetId: entry.target?.id ?? null })
})
