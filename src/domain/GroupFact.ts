import { Data, type DateTime } from "effect"
import type { ContactFact } from "./Contact.ts"
import type { GroupParticipant, GroupRole, GroupSettings } from "./Group.ts"
import type { Jid } from "./Jid.ts"
import type { ChatRef } from "./Message.ts"
import { phoneJid } from "./Jid.ts"

/** A group as WhatsApp's server has it. */
export interface GroupSnapshot extends GroupSettings {
  readonly groupId: Jid
  /** how its members are addressed in what is sent there */
  readonly addressing: "pn" | "lid"
  readonly participants: ReadonlyArray<GroupParticipant>
  readonly ownRole: GroupRole | null
  readonly creation: DateTime.Utc | null
}

/** What sending into a group needs to know of it. */
export interface GroupMembers extends Pick<GroupSnapshot, "addressing" | "ephemeralSeconds" | "participants"> {
  /** milliseconds since 1970 */
  readonly refreshedAt: number
}

/** What WhatsApp told of a group, in the order in which it told it. Each sets something, so that it may be told twice. */
export type GroupFact = Data.TaggedEnum<{
  /** all of it */
  Whole: { readonly group: GroupSnapshot; readonly author: ChatRef | null }
  Changed: {
    readonly groupId: Jid
    readonly settings: Partial<GroupSettings>
    readonly author: ChatRef | null
  }
  Participants: {
    readonly groupId: Jid
    readonly action: "add" | "remove" | "promote" | "demote"
    readonly participants: ReadonlyArray<ChatRef>
    /** the device itself is among them */
    readonly includesMe: boolean
    readonly author: ChatRef | null
  }
  Picture: { readonly groupId: Jid; readonly author: ChatRef | null }
  /** it is no more */
  Gone: { readonly groupId: Jid; readonly author: ChatRef | null }
  /** something of which this version knows only that it happened: what is stored is out of date */
  Stale: { readonly groupId: Jid }
}>
export const GroupFact = Data.taggedEnum<GroupFact>()

export const groupIdOf = (fact: GroupFact): Jid => fact._tag === "Whole" ? fact.group.groupId : fact.groupId

/** Both ids of a person, where the phone number's address stands for both. */
export const refOfPerson = ({ lid, phone }: ContactFact): ChatRef => ({
  jid: phone === undefined ? lid! : phoneJid(phone),
  lid: lid ?? null,
  phone: phone ?? null
})

export const samePerson = (a: ChatRef, b: ChatRef): boolean =>
  (a.lid !== null && a.lid === b.lid) || (a.phone !== null && a.phone === b.phone)
