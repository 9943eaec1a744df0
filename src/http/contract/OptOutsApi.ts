import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import { Jid } from "../../domain/Jid.ts"
import { UserId } from "../../domain/User.ts"
import { OptOut } from "../../sql/contacts/OptOuts.ts"
import * as Envelope from "../Envelope.ts"
import { PersonAddress } from "./Addresses.ts"
import { Authorized } from "./Authorization.ts"
import { closed } from "./Body.ts"
import { forbidden } from "./Failures.ts"
import { idOf, limitOf, pageOf, RowId } from "./Paging.ts"

/** Administrators may name another user's list. */
const ofUser = { userId: Schema.optional(idOf(UserId)) }

export const OptOutsApi = HttpApiGroup.make("optOuts")
  .add(
    HttpApiEndpoint.get("list", "/opt-outs")
      .setUrlParams(Schema.Struct({ ...ofUser, before: Schema.optional(RowId), limit: limitOf(1000, 100) }))
      .addSuccess(Envelope.success(pageOf(OptOut))).addError(forbidden)
      .annotateContext(OpenApi.annotations({ summary: "Who wants no bulk messages", description: "Newest first." }))
  )
  .add(
    HttpApiEndpoint.post("add", "/opt-outs")
      .setUrlParams(Schema.Struct(ofUser))
      .setPayload(closed({
        phones: Schema.Array(PersonAddress).pipe(Schema.minItems(1), Schema.maxItems(1000)),
        reason: Schema.optional(Schema.String.pipe(Schema.maxLength(255)))
      }))
      .addSuccess(Envelope.success(Schema.Struct({ added: Schema.Int }), { status: 201 })).addError(forbidden)
      .annotateContext(OpenApi.annotations({
        summary: "Send somebody no bulk messages",
        description: "Jobs leave him out from now on, also those that run; what is sent to him alone still goes."
      }))
  )
  .add(
    HttpApiEndpoint.del("remove", "/opt-outs/:jid")
      .setPath(Schema.Struct({ jid: PersonAddress }))
      .setUrlParams(Schema.Struct(ofUser))
      .addSuccess(Envelope.success(Schema.Struct({ address: Jid, removed: Schema.Boolean }))).addError(forbidden)
      .annotateContext(OpenApi.annotations({ summary: "Take somebody off that list", description: "`removed` is false if he was not on it." }))
  )
  .middleware(Authorized)
  .prefix("/api/whatsapp-multi-device")
  .annotateContext(OpenApi.annotations({ title: "Bulk jobs: who wants none", description: "People who want no bulk messages." }))
