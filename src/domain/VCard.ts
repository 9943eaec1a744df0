import type { ContactCard } from "./OutgoingContent.ts"

/** What has a meaning in a vCard's value is escaped (RFC 2426, section 5), so that no value can end its line. */
export const escapeValue = (value: string): string =>
  value.replaceAll("\\", "\\\\").replaceAll(";", "\\;").replaceAll(",", "\\,").replaceAll(/\r\n|[\n\r\u0085\u2028\u2029]/g, "\\n")

/** A vCard 3.0 as WhatsApp's clients make it: `waid` is what shows the "message" button. */
export const vCard = ({ email, name, organization, phone }: ContactCard): string =>
  [
    "BEGIN:VCARD",
    "VERSION:3.0",
    `N:;${escapeValue(name)};;;`,
    `FN:${escapeValue(name)}`,
    ...(organization === null ? [] : [`ORG:${escapeValue(organization)};`]),
    `TEL;type=CELL;type=VOICE;waid=${phone}:+${phone}`,
    ...(email === null ? [] : [`EMAIL;type=INTERNET:${escapeValue(email)}`]),
    "END:VCARD"
  ].join("\n")
