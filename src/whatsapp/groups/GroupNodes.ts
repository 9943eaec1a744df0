import { type BinaryNode, getAllBinaryNodeChildren, getBinaryNodeChild, getBinaryNodeChildren, getBinaryNodeChildString } from "@whiskeysockets/baileys"
import { DateTime } from "effect"
import type { GroupParticipant, GroupRole, JoinRequest, ParticipantResult, ParticipantStatus } from "../../domain/Group.ts"
import { type GroupSnapshot, refOfPerson, samePerson } from "../../domain/GroupFact.ts"
import { isGroupJid, isJid, type Jid } from "../../domain/Jid.ts"
import type { ChatRef } from "../../domain/Message.ts"
import { personOf, plainJid } from "../receiving/InboundFacts.ts"
import type { JournalRecord } from "../receiving/JournalRecord.ts"

export type Me = JournalRecord["me"]

/** Both ids of a person; some attributes go by other names beside other ones. */
export const refOf = (address: string | undefined, other?: string | undefined): ChatRef | null => {
  const person = personOf(address, other)
  return person === undefined ? null : refOfPerson(person)
}

export const isMe = (person: ChatRef, me: Me): boolean => {
  const own = refOf(me.id, me.lid ?? undefined)
  return own !== null && samePerson(own, person)
}

const memberOf = ({ attrs }: BinaryNode) => refOf(attrs["jid"], attrs["phone_number"] ?? attrs["lid"])
export const membersOf = (list: BinaryNode | undefined): ReadonlyArray<ChatRef> =>
  getBinaryNodeChildren(list, "participant").flatMap((node) => memberOf(node) ?? [])

const roleOf = (type: string | undefined): GroupRole => type === "admin" || type === "superadmin" ? type : "member"

/** The group of a `<group>` node; undefined if it is none. Those with an error are people who could not be added. */
export const snapshotOf = (node: BinaryNode | undefined, me: Me): GroupSnapshot | undefined => {
  const id = node?.attrs["id"]
  const groupId = id === undefined ? "" : id.includes("@") ? id : `${id}@g.us`
  if (node === undefined || !isJid(groupId) || !isGroupJid(groupId)) return undefined
  const { attrs } = node
  const participants = getBinaryNodeChildren(node, "participant").flatMap((child): ReadonlyArray<GroupParticipant> => {
    const ref = child.attrs["error"] === undefined ? memberOf(child) : null
    return ref === null ? [] : [{ ...ref, role: roleOf(child.attrs["type"]) }]
  })
  return {
    groupId,
    addressing: attrs["addressing_mode"] === "lid" ? "lid" : "pn",
    name: attrs["subject"] ?? null,
    description: descriptionOf(getBinaryNodeChild(node, "description")),
    owner: refOf(attrs["creator"], attrs["creator_pn"]),
    announcement: has(node, "announcement"),
    locked: has(node, "locked"),
    joinApproval: approvalOf(getBinaryNodeChild(node, "membership_approval_mode")),
    memberAddMode: addModeOf(getBinaryNodeChildString(node, "member_add_mode")),
    ephemeralSeconds: secondsOf(getBinaryNodeChild(node, "ephemeral")),
    participants,
    ownRole: participants.find((each) => isMe(each, me))?.role ?? null,
    creation: timeOf(attrs["creation"])
  }
}

const has = (node: BinaryNode, tag: string) => getBinaryNodeChild(node, tag) !== undefined

export const descriptionOf = (node: BinaryNode | undefined): string | null => getBinaryNodeChildString(node, "body") ?? null
export const addModeOf = (text: string | undefined) => text === "all_member_add" ? "everyone" : "admins"
/** Without a state, that the node is there says it. */
export const approvalOf = (node: BinaryNode | undefined): boolean =>
  node !== undefined && (getBinaryNodeChild(node, "group_join")?.attrs["state"] ?? "on") === "on"
export const secondsOf = (node: BinaryNode | undefined): number => {
  const seconds = Number(node?.attrs["expiration"] ?? 0)
  return Number.isSafeInteger(seconds) && seconds > 0 ? seconds : 0
}
const timeOf = (t: string | undefined) => {
  const seconds = Number(t ?? Number.NaN)
  return Number.isSafeInteger(seconds) && seconds > 0 ? DateTime.unsafeMake(seconds * 1000) : null
}

const statuses: Readonly<Record<number, ParticipantStatus>> = {
  200: "done", 403: "invite_required", 404: "not_found", 406: "not_allowed", 408: "recently_left", 409: "already_member"
}

/** What became of each person of a request: WhatsApp may answer by the other address than it was asked with. */
export const resultsOf = (list: BinaryNode | undefined, asked: ReadonlyArray<Jid>): ReadonlyArray<ParticipantResult> => {
  const answers = getBinaryNodeChildren(list, "participant").map((node) => ({ node, ref: memberOf(node) }))
  return asked.map((jid, index) => {
    const ref = refOf(jid)
    const named = ref === null ? undefined : answers.find((answer) => answer.ref !== null && samePerson(answer.ref, ref))
    const node = (named ?? (answers.length === asked.length ? answers[index] : undefined))?.node
    const code = node === undefined ? 404 : Number(node.attrs["error"] ?? 200)
    const request = node && getBinaryNodeChild(node, "add_request")?.attrs
    const invite = request?.["code"] === undefined
      ? null
      : { code: request["code"], expiresAt: timeOf(request["expiration"]) }
    return { jid, status: code === 403 && invite === null ? "not_allowed" : statuses[code] ?? "refused", code, invite }
  })
}

export const joinRequestsOf = (list: BinaryNode | undefined): ReadonlyArray<JoinRequest> =>
  getBinaryNodeChildren(list, "membership_approval_request").flatMap((node) => {
    const ref = memberOf(node)
    return ref === null ? [] : [{ ...ref, requestedAt: timeOf(node.attrs["request_time"]) }]
  })

/** The address of the group that was joined, and whether one has to wait for an administrator first. */
export const joinedOf = (answer: BinaryNode): { readonly groupId: Jid; readonly waits: boolean } | undefined => {
  const found = getAllBinaryNodeChildren(answer).find(({ tag }) => tag === "group" || tag === "membership_approval_request")
  const jid = found?.attrs["jid"] === undefined ? "" : plainJid(found.attrs["jid"])
  return found !== undefined && isJid(jid) ? { groupId: jid, waits: found.tag !== "group" } : undefined
}
