import type { Account } from "../Account.ts"
import type { Node } from "../protocol/codec.ts"
import { pnJid } from "../protocol/jid.ts"
import { child, children, node, textOf } from "../protocol/node.ts"
import type { Query } from "./Query.ts"

const devicesOf = (account: Account): Node => {
  const list = [...account.devices.entries()].toSorted(([a], [b]) => a - b).map(([number, device]) =>
    node("device", { id: String(number), "key-index": number === 0 ? undefined : String(device.keyIndex) })
  )
  const indexes = list.length > 1
    ? [node("key-index-list", { ts: String(account.createdAt) }, account.keyIndexList())]
    : []
  return node("devices", {}, [node("device-list", {}, list), ...indexes])
}

const protocols: Record<string, (account: Account, asked: Node | undefined, jid: string) => Node | undefined> = {
  devices: devicesOf,
  contact: (_account, asked) => node("contact", { type: "in" }, textOf(asked)),
  // Asked by LID there is nothing to map.
  lid: (account, _asked, jid) => jid.endsWith("@lid") ? undefined : node("lid", { val: account.lidJid() }),
  status: (account) =>
    account.privacy.get("status") === "none"
      ? node("status", { code: "401", type: "fail" })
      : node("status", { t: String(account.createdAt) }, Buffer.from(account.about)),
  disappearing_mode: (account) => node("disappearing_mode", { duration: "0", t: String(account.createdAt) }),
  business: () => undefined,
  picture: () => undefined
}

/** Who exists, under which addresses, with which devices. */
export const usync: Query = ({ directory, iq }) => {
  const asked = child(iq, "usync")
  if (!asked) return undefined
  const names = children(child(asked, "query")).map((each) => each.tag)
  const users = children(child(asked, "list"), "user").map((user) => {
    const contact = child(user, "contact")
    const phone = textOf(contact)
    const numbered = phone === undefined ? undefined : pnJid(phone.replaceAll(/\D/g, ""))
    const wanted = user.attrs.jid ?? child(user, "lid")?.attrs.jid ?? numbered
    const account = directory.byJid(wanted)
    if (!account) {
      const missing = names.includes("contact") ? [node("contact", { type: "out" }, phone)] : []
      return node("user", { jid: wanted }, missing)
    }
    const jid = wanted?.endsWith("@lid") ? account.lidJid() : account.jid()
    const content = names.flatMap((name) => protocols[name]?.(account, child(user, name), jid) ?? [])
    return node("user", { jid }, content)
  })
  const { context, index, last, mode, sid } = asked.attrs
  const results = node("result", {}, names.map((name) => node(name)))
  return { content: [node("usync", { context, index, last, mode, sid }, [results, node("list", {}, users)])] }
}
