import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import { AuditAction, AuditEntry, AuditResult, AuditTarget } from "../../domain/Audit.ts"
import { UserId } from "../../domain/User.ts"
import * as Envelope from "../Envelope.ts"
import { Authorized } from "./Authorization.ts"
import { idOf, limitOf, RowId } from "./Paging.ts"

const types = AuditTarget.fields.type.literals
const targets = new RegExp(`^(${types.join("|")}):.`)
const TargetFilter = Schema.transform(
  Schema.String.pipe(
    Schema.maxLength(100),
    Schema.pattern(targets, { message: () => `${types.join(":<id>, ")}:<id> is expected` })
  ),
  Schema.typeSchema(AuditTarget),
  {
    strict: false,
    decode: (text) => ({ type: text.slice(0, text.indexOf(":")), id: text.slice(text.indexOf(":") + 1) }),
    encode: ({ id, type }) => `${type}:${id}`
  }
)

export const AuditApi = HttpApiGroup.make("audit")
  .add(
    HttpApiEndpoint.get("list", "/api/admin/audit")
      .setUrlParams(Schema.Struct({
        userId: Schema.optional(idOf(UserId)),
        action: Schema.optional(AuditAction),
        result: Schema.optional(AuditResult),
        target: Schema.optional(TargetFilter),
        before: Schema.optional(RowId),
        limit: limitOf(200, 50)
      }))
      .addSuccess(Envelope.success(Schema.Struct({
        items: Schema.Array(AuditEntry),
        nextCursor: Schema.NullOr(Schema.Int),
        hasMore: Schema.Boolean
      })))
      .annotateContext(OpenApi.annotations({
        summary: "Who did what",
        description: "Newest first; `nextCursor` is the `before` of the next page. `userId` is who did it, `target` (such as `user:7`) " +
          "to whom or what. Entries are kept for AUDIT_RETENTION_DAYS."
      }))
  )
  .middleware(Authorized)
  .annotateContext(OpenApi.annotations({ title: "Administration: audit log", description: "Who changed what, for administrators." }))
