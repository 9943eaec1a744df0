import type { Account } from "../Account.ts"
import type { Node } from "../protocol/codec.ts"
import { node } from "../protocol/node.ts"
import type { Group, Member } from "./Group.ts"

type Attributes = Record<string, string | undefined>

/** The other address of an account, under the name that belongs to the group's addressing. */
export const otherAddress = (group: Group, account: Account): Attributes =>
  group.addressing === "lid" ? { phone_number: account.jid() } : { lid: account.lidJid() }

export const participantNode = (group: Group, account: Account, attrs: Attributes = {}): Node =>
  node("participant", { jid: group.addressOf(account), ...otherAddress(group, account), ...attrs })

const memberNode = (group: Group, { account, role }: Member): Node =>
  participantNode(group, account, { type: role === "member" ? undefined : role })

/** An account in an attribute of its own, with its number beside it where the group goes by LID. */
const by = (group: Group, name: string, account: Account): Attributes => ({
  [name]: group.addressOf(account),
  [`${name}_pn`]: group.addressing === "lid" ? account.jid() : undefined
})

export const subjectAttributes = (group: Group): Attributes => ({
  subject: group.subject.text,
  s_t: String(group.subject.at),
  ...by(group, "s_o", group.subject.by)
})

const descriptionNode = (group: Group): ReadonlyArray<Node> => {
  const { description } = group
  if (!description) return []
  const attrs = { id: description.id, t: String(description.at), ...by(group, "participant", description.by) }
  return [node("description", attrs, [node("body", {}, Buffer.from(description.text))])]
}

export const approvalNode = (group: Group): Node =>
  node("membership_approval_mode", {}, [node("group_join", { state: group.approval ? "on" : "off" })])

/** The whole of a group; `refused` are those who could not be added when it was made. */
export const groupNode = (group: Group, refused: ReadonlyArray<Node> = []): Node =>
  node(
    "group",
    {
      id: group.id,
      addressing_mode: group.addressing,
      creation: String(group.createdAt),
      ...by(group, "creator", group.creator),
      ...subjectAttributes(group),
      size: String(group.members.size)
    },
    [
      ...[...group.members.values()].map((member) => memberNode(group, member)),
      ...refused,
      ...descriptionNode(group),
      ...(group.announcement ? [node("announcement")] : []),
      ...(group.locked ? [node("locked")] : []),
      ...(group.approval ? [approvalNode(group)] : []),
      ...(group.ephemeral > 0 ? [node("ephemeral", { expiration: String(group.ephemeral), trigger: "0" })] : []),
      node("member_add_mode", {}, Buffer.from(group.memberAddMode))
    ]
  )
