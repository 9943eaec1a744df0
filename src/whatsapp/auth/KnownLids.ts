import { type BinaryNode, getAllBinaryNodeChildren, getBinaryNodeChild, getBinaryNodeChildren, type SignalKeyStore } from "@whiskeysockets/baileys"
import { bareJid, isLidJid, isPhoneJid, userOf } from "../../domain/Jid.ts"

/**
 * Takes out of an answer about people's devices the LIDs that say nothing new. Whenever it is told one Baileys opens a new
 * session with its owner, and would at each refresh of the list: a one-time pre-key of theirs is spent, the next messages are
 * `pkmsg` again, and the session that was in use stays behind in its row. With whom there is no session yet it opens one in any
 * case.
 */
export const dropKnownLids = (answer: BinaryNode, keys: SignalKeyStore): Promise<void> | undefined => {
  const list = getBinaryNodeChild(getBinaryNodeChild(answer, "usync"), "list")
  const told = getBinaryNodeChildren(list, "user").flatMap((user) => {
    const lid = getBinaryNodeChild(user, "lid")?.attrs["val"]
    const { jid } = user.attrs
    const ofDevices = getBinaryNodeChild(user, "devices") !== undefined
    return lid !== undefined && jid !== undefined && ofDevices ? [{ user, jid: bareJid(jid), lid: bareJid(lid) }] : []
  })
  if (told.length === 0) return undefined
  const drop = async () => {
    const stored = await keys.get("lid-mapping", told.flatMap(({ jid }) => (isPhoneJid(jid) ? [userOf(jid)] : [])))
    for (const { jid, lid, user } of told) {
      const isKnown = lid === jid || (isLidJid(lid) && userOf(lid) === stored[userOf(jid)])
      if (isKnown) user.content = getAllBinaryNodeChildren(user).filter(({ tag }) => tag !== "lid")
    }
  }
  // a store that fails ends the connection by itself
  return drop().catch(() => undefined)
}
