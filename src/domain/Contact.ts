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
  createdAt: Schema.DateTimeUtc,
  updatedAt: Schema.DateTimeUtc
}) {}

/** What one event says of a person; what it does not say stays as it was. At least one of `phone` and `lid` is there. */
export interface ContactFact {
  readonly phone?: PhoneNumber | undefined
  readonly lid?: Jid | undefined
  readonly name?: string | undefined
  readonly pushName?: string | undefined
}
