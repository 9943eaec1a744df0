import { type GroupMetadata, WAMessageAddressingMode } from "@whiskeysockets/baileys"
import type { GroupMembers } from "../../domain/GroupFact.ts"
import type { Jid } from "../../domain/Jid.ts"
import { BoundedCache } from "../socket/BoundedCache.ts"

/**
 * Whom a message in a group goes to: from memory, else as it is stored, else WhatsApp is asked. One who has left must not
 * get it, so what is stored counts only if nothing has been heard since that it may not yet show.
 */
export const makeGroupMemory = (parts: {
  /** outlives the socket */
  readonly cache: BoundedCache<GroupMetadata>
  readonly stored: (groupId: Jid) => Promise<GroupMembers | undefined>
  readonly ask: (groupId: string) => Promise<GroupMetadata>
  readonly now: () => number
}) => {
  const { ask, cache, now, stored } = parts
  // by the time that it is forgotten here, it has been stored
  const changed = new BoundedCache<true>({ capacity: 2000, ttl: "1 hour" })
  let allChangedAt = 0
  let drained = false
  // groups change while nobody listens
  cache.flushAll()

  const fromStore = async (groupId: string) => {
    // what happened while we were away comes first
    if (!drained || changed.get(groupId) === true) return undefined
    const members = await stored(groupId as Jid)
    // asked again after the look: it took a while
    const upToDate = members !== undefined && members.refreshedAt > allChangedAt && changed.get(groupId) === undefined
    return upToDate ? metadataOf(groupId, members) : undefined
  }

  return {
    drained: () => {
      drained = true
    },
    /** The group has changed, or may have. */
    forget: (groupId: string) => {
      cache.del(groupId)
      changed.set(groupId, true)
    },
    /** Any of them may have changed. */
    forgetAll: () => {
      cache.flushAll()
      allChangedAt = now()
    },
    metadata: async (groupId: string): Promise<GroupMetadata> => {
      const cached = cache.get(groupId)
      if (cached !== undefined) return cached
      const known = await fromStore(groupId)
      const metadata = known ?? await ask(groupId)
      cache.set(groupId, metadata)
      return metadata
    }
  }
}

const metadataOf = (groupId: string, { addressing, ephemeralSeconds, participants }: GroupMembers): GroupMetadata => ({
  id: groupId,
  subject: "",
  owner: undefined,
  addressingMode: addressing === "lid" ? WAMessageAddressingMode.LID : WAMessageAddressingMode.PN,
  participants: participants.map(({ jid, lid }) => ({ id: addressing === "lid" ? lid ?? jid : jid })),
  ...(ephemeralSeconds > 0 ? { ephemeralDuration: ephemeralSeconds } : {})
})
