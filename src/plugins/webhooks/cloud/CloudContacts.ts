import type { MessageMetadata } from "../../../domain/MessageMetadata.ts"
import { vCardLines } from "../../../domain/VCard.ts"

/** Contact cards in Cloud API's shape. */
export const cloudContacts = (cards: NonNullable<MessageMetadata["contacts"]>) =>
  cards.map(({ name, vcard }) => {
    const lines = vCardLines(vcard)
    const all = (property: string) => lines.filter((line) => line.property === property)
    const company = all("ORG")[0]?.value.split(";")[0]
    const names = all("N")[0]?.value.split(";") ?? []
    return {
      name: {
        formatted_name: all("FN")[0]?.value ?? name,
        first_name: names[1] || name,
        ...(names[0] && { last_name: names[0] })
      },
      phones: all("TEL").map(({ parameters, value }) => ({
        phone: value,
        ...(parameters.has("WAID") && { wa_id: parameters.get("WAID") }),
        ...(parameters.has("TYPE") && { type: parameters.get("TYPE") })
      })),
      ...(all("EMAIL").length > 0 && { emails: all("EMAIL").map(({ value }) => ({ email: value })) }),
      ...(company && { org: { company } })
    }
  })
