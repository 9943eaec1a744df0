import { createHash } from "node:crypto"
import { businessNode } from "../profile/BusinessProfile.ts"
import { child, children, node, textOf } from "../protocol/node.ts"
import { done, type Query } from "./Query.ts"

const PRIVACY = ["readreceipts", "profile", "status", "online", "last", "groupadd", "calladd", "messages"]

export const privacy: Query = ({ companion, iq }) => {
  if (child(iq, "tokens")) return done
  const asked = child(iq, "privacy")
  if (!asked) return undefined
  const { privacy } = companion.account
  for (const { attrs: { name, value } } of children(asked, "category")) if (name && value) privacy.set(name, value)
  const values = PRIVACY.map((name) => node("category", { name, value: privacy.get(name) ?? "all" }))
  return { content: [node("privacy", {}, values)] }
}

export const blocklist: Query = ({ companion, iq }) => {
  const { blocked } = companion.account
  for (const { attrs } of children(iq, "item")) {
    if (attrs.jid === undefined) continue
    if (attrs.action === "block") blocked.add(attrs.jid)
    else blocked.delete(attrs.jid)
  }
  const items = [...blocked].map((jid) => node("item", { jid }))
  const dhash = createHash("sha256").update([...blocked].join("")).digest("hex").slice(0, 16)
  return { content: [node("list", { dhash }, items)] }
}

/** A-B test properties: none are set. */
export const props: Query = ({ iq }) =>
  child(iq, "props")
    ? { content: [node("props", { protocol: "1", hash: "emulator", refresh: "86400", refresh_id: "1" }, [])] }
    : undefined

export const about: Query = ({ companion, iq }) => {
  const text = textOf(child(iq, "status"))
  if (iq.attrs.type === "set" && text !== undefined) companion.account.about = text
  return done
}

export const business: Query = ({ directory, iq }) => {
  const asked = child(iq, "business_profile")
  if (!asked) return undefined
  const profiles = children(asked, "profile").map(({ attrs: { jid } }) => businessNode(jid, directory.byJid(jid)))
  return { content: [node("business_profile", {}, profiles)] }
}

export const bots: Query = ({ iq }) => child(iq, "bot") ? { content: [node("bot", { v: "2" }, [])] } : undefined

export const accepted: Query = () => done
