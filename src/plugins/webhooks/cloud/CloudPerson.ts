import { isGroupJid, isPhoneJid, type Jid, userOf } from "../../../domain/Jid.ts"
import type { ChatRef } from "../../../domain/Message.ts"

/** A person as Cloud API names one: by the number, and by an id that does not tell it, which for us is the LID. */
export interface CloudPerson {
  /** the digits of the number; of somebody who keeps it to himself the LID, to which one can write as well */
  readonly waId: string
  readonly userId: string | undefined
}

/** Nobody: groups, channels and the status list. */
export const personOf = ({ jid, lid, phone }: ChatRef): CloudPerson | undefined => {
  const waId = phone ?? (isPhoneJid(jid) ? userOf(jid) : lid)
  return waId === null ? undefined : { waId, userId: lid ?? undefined }
}

/** Who writes in a chat: the person at its other end, or a member of the group. */
export const writerIn = (chat: ChatRef, participant: ChatRef | null): CloudPerson | undefined => {
  if (!isGroupJid(chat.jid)) return personOf(chat)
  return participant === null ? undefined : personOf(participant)
}

/** How somebody is named where there is only an address. */
export const waIdOf = (address: string): string => isPhoneJid(address) ? userOf(address as Jid) : address
