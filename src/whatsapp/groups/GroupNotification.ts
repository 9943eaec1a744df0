import { type BinaryNode, decodeBinaryNode, encodeBinaryNode, getAllBinaryNodeChildren, getBinaryNodeChild } from "@whiskeysockets/baileys"
import { GroupFact } from "../../domain/GroupFact.ts"
import type { GroupSettings } from "../../domain/Group.ts"
import { isGroupJid } from "../../domain/Jid.ts"
import { addModeOf, approvalOf, descriptionOf, isMe, type Me, membersOf, refOf, secondsOf, snapshotOf } from "./GroupNodes.ts"
import { plainJid } from "../receiving/InboundFacts.ts"
import { encodeRecord, groupDigest, type JournalRecord } from "../receiving/JournalRecord.ts"

/** Whether a notification speaks of a group. */
export const isOfGroup = ({ attrs }: BinaryNode): boolean =>
  isGroupJid(attrs["from"] ?? "") && (attrs["type"] === "w:gp2" || attrs["type"] === "picture")

/** Groups have changed while the device was away, so many that WhatsApp does not tell them one by one. */
export const changesGroups = (stanza: BinaryNode): boolean => getBinaryNodeChild(stanza, "dirty")?.attrs["type"] === "groups"

/** The whole notification, to be read again when it is stored. */
export const groupEntry = (stanza: BinaryNode, me: Me) => ({
  digest: groupDigest(stanza),
  ...encodeRecord({ kind: "group", attrs: stanza.attrs, me, plaintext: encodeBinaryNode(stanza).toString("base64") })
})

/** What a journalled notification says. */
export const groupFactsOf = async ({ me, plaintext }: JournalRecord): Promise<ReadonlyArray<GroupFact>> =>
  plaintext === undefined ? [] : notificationFacts(await decodeBinaryNode(Buffer.from(plaintext, "base64")), me)

export const notificationFacts = (stanza: BinaryNode, me: Me): ReadonlyArray<GroupFact> => {
  const { attrs } = stanza
  const groupId = plainJid(attrs["from"] ?? "")
  const author = refOf(attrs["participant"], attrs["participant_pn"] ?? attrs["participant_lid"])
  const changed = (settings: Partial<GroupSettings>) => GroupFact.Changed({ groupId, settings, author })
  return getAllBinaryNodeChildren(stanza).flatMap((change): ReadonlyArray<GroupFact> => {
    if (attrs["type"] === "picture") return [GroupFact.Picture({ groupId, author: refOf(change.attrs["author"]) })]
    switch (change.tag) {
      case "create": {
        const group = snapshotOf(getBinaryNodeChild(change, "group"), me)
        return [group === undefined ? GroupFact.Stale({ groupId }) : GroupFact.Whole({ group, author })]
      }
      case "add":
      case "remove":
      case "promote":
      case "demote": {
        const participants = membersOf(change)
        const includesMe = participants.some((each) => isMe(each, me))
        return [GroupFact.Participants({ groupId, action: change.tag, participants, includesMe, author })]
      }
      case "subject":
        return change.attrs["subject"] === undefined ? [] : [changed({ name: change.attrs["subject"] })]
      case "description":
        return [changed({ description: descriptionOf(change) })]
      case "announcement":
      case "not_announcement":
        return [changed({ announcement: change.tag === "announcement" })]
      case "locked":
      case "unlocked":
        return [changed({ locked: change.tag === "locked" })]
      case "ephemeral":
      case "not_ephemeral":
        return [changed({ ephemeralSeconds: secondsOf(change) })]
      case "membership_approval_mode":
        return [changed({ joinApproval: approvalOf(change) })]
      case "member_add_mode":
        return [changed({ memberAddMode: addModeOf(textOf(change)) })]
      case "delete":
        return [GroupFact.Gone({ groupId, author })]
      // of the link and of those who ask to be let in nothing is kept
      case "invite":
      case "created_membership_requests":
      case "revoked_membership_requests":
        return []
      default:
        return [GroupFact.Stale({ groupId })]
    }
  })
}

const textOf = ({ content }: BinaryNode): string | undefined =>
  typeof content === "string" ? content : content instanceof Uint8Array ? Buffer.from(content).toString() : undefined
