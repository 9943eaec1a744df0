import { jidDecode } from "./codec.ts"

export const SERVER = "s.whatsapp.net"

/** The server itself, as it appears where a sender does. */
export const SERVER_JID = `@${SERVER}`

/** A device of an account, in one of its two addressings: by phone number or by LID. */
export interface Address {
  readonly user: string
  readonly server: string
  readonly device: number
}

export const parseJid = (text: string | undefined): Address | undefined => {
  const decoded = jidDecode(text)
  if (!decoded) return undefined
  const { device = 0, server, user } = decoded
  return { user, server: server === "c.us" ? SERVER : server, device }
}

const jid = (user: string, server: string, device: number): string =>
  device === 0 ? `${user}@${server}` : `${user}:${device}@${server}`

export const pnJid = (phone: string, device = 0): string => jid(phone, SERVER, device)

export const lidJid = (lid: string, device = 0): string => jid(lid, "lid", device)

export const GROUP_SERVER = "g.us"

export const isGroup = (text: string): boolean => text.endsWith(`@${GROUP_SERVER}`)

export const isLid = (text: string): boolean => text.endsWith("@lid")

/** The jid without its device. */
export const bareJid = (full: string): string => {
  const address = parseJid(full)
  return address ? jid(address.user, address.server, 0) : full
}
