import type { BinaryNode, SignalKeyStore } from "@whiskeysockets/baileys"
import { isLidJid, isPhoneJid } from "../../domain/Jid.ts"

/**
 * Takes out of an answer about people's devices the LIDs that say nothing new. Whenever it is told one Baileys opens a new
 * session with its owner, and would at each refresh of the list: a one-time pre-key of theirs is spent, the next messages are
 * `pkmsg` again, and the session that was in use stays behind in its row. With whom there is no session yet it opens one in any
 * case.
 */
export const dropKnownLids = (answer: BinaryNode, keys: SignalKeyStore): Promise<void> | undefined => {
  const told = usersOf(answer).flatMap((user) => {
    const content = Array.isArray(user.content) ? user.content : []
    const lid = content.find(({ tag }) => tag === "lid")?.attrs["val"]
    const of = user.attrs["jid"]
    const known = lid !== undefined && of !== undefined && content.some(({ tag }) => tag === "devices")
    return known ? [{ of, lid, drop: () => void (user.content = content.filter(({ tag }) => tag !== "lid")) }] : []
  })
  if (told.length === 0) return undefined
  const drop = async () => {
    const stored = await keys.get("lid-mapping", told.flatMap(({ of }) => (isPhoneJid(of) ? [nameOf(of)] : [])))
    for (const { drop, lid, of } of told) {
      if (isLidJid(lid) && nameOf(lid) === (isLidJid(of) ? nameOf(of) : stored[nameOf(of)])) drop()
    }
  }
  // a store that fails ends the connection by itself
  return drop().catch(() => undefined)
}

const usersOf = ({ content }: BinaryNode): ReadonlyArray<BinaryNode> =>
  childrenOf(content, "usync").flatMap((usync) => childrenOf(usync.content, "list")).flatMap((list) => childrenOf(list.content, "user"))

const childrenOf = (content: BinaryNode["content"], name: string) =>
  Array.isArray(content) ? content.filter(({ tag }) => tag === name) : []

const nameOf = (jid: string) => jid.slice(0, jid.indexOf("@")).split(":")[0]!
