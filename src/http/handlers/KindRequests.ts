import type { Jid } from "../../domain/Jid.ts"
import { type Composition, SendRequest } from "../../domain/OutgoingContent.ts"
import type { GroupContactBody, GroupLocationBody, GroupPollBody } from "../contract/MessageBodies.ts"

/** Messages other than texts and files, to a person or into a group. */
export const locationRequest = (to: Jid, body: typeof GroupLocationBody.Type): SendRequest => {
  const { address = null, latitude, longitude, name = null } = body
  return asked(to, { _tag: "Location", latitude, longitude, name, address }, body)
}

export const contactRequest = (to: Jid, body: typeof GroupContactBody.Type): SendRequest => {
  const contacts = body.contacts.map(({ email = null, name, organization = null, phone }) => ({ name, phone, organization, email }))
  return asked(to, { _tag: "Contacts", contacts }, body)
}

export const pollRequest = (to: Jid, body: typeof GroupPollBody.Type): SendRequest => {
  const { name, options, selectableCount: selectable } = body
  return asked(to, { _tag: "Poll", name, options, selectable }, body)
}

const asked = (to: Jid, content: Composition, { quotedMessageId }: Pick<typeof GroupPollBody.Type, "quotedMessageId">) =>
  SendRequest.New({ to, content, quoted: quotedMessageId })
