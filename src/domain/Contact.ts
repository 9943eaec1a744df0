import { Schema } from "effect"
import { Jid } from "./Jid.ts"
import { PhoneNumber } from "./PhoneNumber.ts"

/** A person as one device knows them. One row a person: phone number and LID are kept together. */
export class Contact extends Schema.Class<Contact>("Contact")({
  id: Schema.Int,
  jid: Jid,
  lid: Schema.NullOr(Jid),
  phoneNumber: Schema.NullOr(PhoneNumber),
  /** as saved on the phone */
  name: Schema.NullOr(Schema.String),
  /** as the person calls himself */
  pushName: Schema.NullOr(Schema.String),
  /** when this person first wrote to the device; null: never */
  firstWroteAt: Schema.NullOr(Schema.DateTimeUtc).pipe(Schema.propertySignature, Schema.withConstructorDefault(() => null)),
  createdAt: Schema.DateTimeUtc,
  updatedAt: Schema.DateTimeUtc
}) {}

/** `preview` is about 100 pixels wide, `image` as large as it was uploaded. */
export const PictureSize = Schema.Literal("preview", "image")
export type PictureSize = typeof PictureSize.Type

/** The words beside a person's name; null where that person has none, or keeps them from us. */
export const About = Schema.Struct({
  about: Schema.NullOr(Schema.String),
  setAt: Schema.NullOr(Schema.DateTimeUtc)
})
export type About = typeof About.Type

/** Whether a number is on WhatsApp, and under which addresses. */
export const NumberCheck = Schema.Struct({
  phone: PhoneNumber,
  registered: Schema.Boolean,
  jid: Schema.NullOr(Jid),
  lid: Schema.NullOr(Jid)
})
export type NumberCheck = typeof NumberCheck.Type

/** What one event says of a person; what it does not say stays as it was. At least one of `phone` and `lid` is there. */
export interface ContactFact {
  readonly phone?: PhoneNumber | undefined
  readonly lid?: Jid | undefined
  readonly name?: string | undefined
  readonly pushName?: string | undefined
}
