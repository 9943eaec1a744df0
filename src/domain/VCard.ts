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

export interface VCardLine {
  /** in capitals, without its group (`item1.TEL`) */
  readonly property: string
  /** by their names in capitals; of a name that comes twice the first */
  readonly parameters: ReadonlyMap<string, string>
  readonly value: string
}

/** The lines of a vCard as phones write them; what is none is left out. */
export const vCardLines = (card: string): ReadonlyArray<VCardLine> =>
  card.replaceAll(/\r?\n[ \t]/g, "").split(/\r?\n/).flatMap((line) => {
    const found = /^(?:[\w-]+\.)?([\w-]+)((?:;[^:]*)?):(.*)$/.exec(line)
    if (found === null) return []
    const parameters = found[2]!.split(";").slice(1).map((parameter) => {
      const [name, value] = parameter.split("=", 2)
      return value === undefined ? ["TYPE", name!] as const : [name!.toUpperCase(), value] as const
    })
    return [{ property: found[1]!.toUpperCase(), parameters: new Map(parameters.toReversed()), value: unescapeValue(found[3]!) }]
  })

const unescapeValue = (value: string): string => value.replaceAll(/\\([\\;,nN])/g, (_, escaped: string) => escaped.toLowerCase() === "n" ? "\n" : escaped)
