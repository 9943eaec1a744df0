import { Schema } from "effect"
import { Contact } from "../../domain/Contact.ts"
import type { ChatRef } from "../../domain/Message.ts"
import { Jid } from "../../domain/Jid.ts"
import { PhoneNumber } from "../../domain/PhoneNumber.ts"

const ContactRow = Schema.Struct({
  id: Schema.Int,
  jid: Schema.NullOr(Jid),
  lid: Schema.NullOr(Jid),
  phoneNumber: Schema.NullOr(PhoneNumber),
  name: Schema.NullOr(Schema.String),
  pushName: Schema.NullOr(Schema.String),
  firstWroteAt: Schema.NullOr(Schema.DateTimeUtcFromNumber),
  createdAt: Schema.DateTimeUtcFromNumber,
  updatedAt: Schema.DateTimeUtcFromNumber
})

export const contactColumns = "id, jid, lid, phone_number, name, push_name, first_wrote_at, created_at, updated_at"

/** Rows of `contacts` with {@link contactColumns}; a person known by LID alone is addressed by it. */
export const decodeContacts = Schema.decodeUnknown(
  Schema.Array(
    Schema.transform(ContactRow, Schema.typeSchema(Contact), {
      strict: true,
      decode: (row) => new Contact({ ...row, jid: row.jid ?? row.lid! }, { disableValidation: true }),
      encode: (contact) => contact
    })
  )
)

/** The key under which the messages of a direct chat are kept, whatever address they came under. */
export const chatKeyOf = (contactId: number) => `c${contactId}`
export const refOf = (contact: Contact): ChatRef => ({ jid: contact.jid, lid: contact.lid, phone: contact.phoneNumber })
