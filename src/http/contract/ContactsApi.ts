import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import { About, Contact, NumberCheck, PictureSize } from "../../domain/Contact.ts"
import { DeviceId } from "../../domain/DeviceId.ts"
import { Jid } from "../../domain/Jid.ts"
import { PhoneNumberFromInput } from "../../domain/PhoneNumber.ts"
import * as Envelope from "../Envelope.ts"
import { PersonAddress } from "./Addresses.ts"
import { AuthorizedForDevice } from "./Authorization.ts"
import { closed, withAliases } from "./Body.ts"
import { DevicePath } from "./DevicesApi.ts"
import { deviceBusy, deviceNotConnected, whatsAppUnanswered } from "./Failures.ts"
import { limitOf, pageOf, RowId } from "./Paging.ts"

const mostNumbers = 50
const PersonPath = Schema.Struct({ deviceId: DeviceId, jid: PersonAddress })
const asksWhatsApp = "The device must be connected. Answers are remembered for ten minutes."

export const ContactsApi = HttpApiGroup.make("contacts")
  .add(
    HttpApiEndpoint.get("contacts", "/devices/:deviceId/contacts")
      .setPath(DevicePath)
      .setUrlParams(Schema.Struct({
        search: Schema.optional(Schema.String.pipe(Schema.maxLength(100))),
        after: Schema.optional(RowId),
        limit: limitOf(1000, 100)
      }))
      .addSuccess(Envelope.success(pageOf(Contact)))
      .annotateContext(OpenApi.annotations({
        summary: "The people that a device knows",
        description: "By name. `search` finds parts of names and numbers; `nextCursor` is the `after` of the next page."
      }))
  )
  .add(
    HttpApiEndpoint.post("checkNumbers", "/devices/:deviceId/contacts/check")
      .setPath(DevicePath)
      .setPayload(withAliases(
        closed({ phones: Schema.Array(PhoneNumberFromInput).pipe(Schema.minItems(1), Schema.maxItems(mostNumbers)) }),
        { numbers: "phones" }
      ))
      .addSuccess(Envelope.success(Schema.Struct({ items: Schema.Array(NumberCheck.annotations({ identifier: "NumberCheck" })) })))
      .addError(deviceNotConnected)
      .addError(deviceBusy)
      .addError(whatsAppUnanswered)
      .annotateContext(OpenApi.annotations({
        summary: "Which numbers are on WhatsApp",
        description: `Of at most ${mostNumbers} numbers, in any form, whether each is registered, and its addresses; in the order in which ` +
          "they were sent. The device must be connected."
      }))
  )
  .add(
    HttpApiEndpoint.get("profilePicture", "/devices/:deviceId/contacts/:jid/profile-picture")
      .setPath(PersonPath)
      .setUrlParams(Schema.Struct({ size: Schema.optionalWith(PictureSize, { default: () => "preview" as const }) }))
      .addSuccess(Envelope.success(Schema.Struct({ jid: Jid, size: PictureSize, url: Schema.NullOr(Schema.String) }).annotations({
        identifier: "ProfilePicture"
      })))
      .addError(deviceNotConnected)
      .addError(deviceBusy)
      .addError(whatsAppUnanswered)
      .annotateContext(OpenApi.annotations({
        summary: "A person's picture",
        description: `\`url\` is good for some days; null if there is no picture, or none for this account to see. ${asksWhatsApp}`
      }))
  )
  .add(
    HttpApiEndpoint.get("about", "/devices/:deviceId/contacts/:jid/about")
      .setPath(PersonPath)
      .addSuccess(Envelope.success(Schema.Struct({ jid: Jid, ...About.fields }).annotations({ identifier: "About" })))
      .addError(deviceNotConnected)
      .addError(deviceBusy)
      .addError(whatsAppUnanswered)
      .annotateContext(OpenApi.annotations({
        summary: "What a person says about himself",
        description: `\`about\` is null if there is nothing, or nothing for this account to see. ${asksWhatsApp}`
      }))
  )
  .middleware(AuthorizedForDevice)
  .prefix("/api/whatsapp-multi-device")
  .annotateContext(OpenApi.annotations({ title: "Contacts", description: "The people that a device knows, and what WhatsApp says about them." }))
