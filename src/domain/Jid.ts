import { Schema } from "effect"

/**
 * A WhatsApp address without device part: `6281…@s.whatsapp.net` (phone number, "PN"), `…@lid` (the anonymous id of
 * the same person), `…@g.us` (group), `status@broadcast`, `…@newsletter`.
 */
export const Jid = Schema.String.pipe(
  Schema.pattern(/^[0-9A-Za-z._-]{1,64}@(s\.whatsapp\.net|lid|g\.us|broadcast|newsletter|hosted|hosted\.lid|bot)$/),
  Schema.brand("Jid")
)
export type Jid = typeof Jid.Type

export const isJid = Schema.is(Jid)

/** Drops the device and agent part (`user_agent:device@server` → `user@server`) and WhatsApp's old `c.us` name. */
export const bareJid = (address: string): Jid => {
  const at = address.lastIndexOf("@")
  const server = address.slice(at + 1)
  const user = address.slice(0, at).split(":")[0]!.split("_")[0]!
  return `${user}@${server === "c.us" ? "s.whatsapp.net" : server}` as Jid
}

export const userOf = (jid: Jid): string => jid.slice(0, jid.indexOf("@"))
export const isPhoneJid = (jid: string): boolean => jid.endsWith("@s.whatsapp.net")
export const isLidJid = (jid: string): boolean => jid.endsWith("@lid")
export const isGroupJid = (jid: string): boolean => jid.endsWith("@g.us")
export const phoneJid = (phone: string): Jid => `${phone}@s.whatsapp.net` as Jid
