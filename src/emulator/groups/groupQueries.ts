import type { Account } from "../Account.ts"
import type { Node } from "../protocol/codec.ts"
import { isGroup } from "../protocol/jid.ts"
import { child, children, node, textOf } from "../protocol/node.ts"
import { type Answer, done, type Query, type Question } from "../queries/Query.ts"
import type { Group } from "./Group.ts"
import { groupNode, otherAddress } from "./groupNode.ts"
import { GroupRefusal } from "./GroupRefusal.ts"
import type { Groups, MemberResult } from "./Groups.ts"

const named = ({ directory }: Question, list: Node): ReadonlyArray<{ readonly jid: string; readonly account: Account | undefined }> =>
  children(list, "participant").flatMap(({ attrs: { jid } }) =>
    jid === undefined ? [] : [{ jid, account: directory.byJid(jid) }]
  )

const known = (question: Question, list: Node): ReadonlyArray<Account> =>
  named(question, list).flatMap(({ account }) => account ?? [])

/** Answers in the words of the question: by the address that was asked for. */
const resultNodes = (
  group: Group,
  question: Question,
  list: Node,
  results: ReadonlyArray<MemberResult>
): ReadonlyArray<Node> =>
  named(question, list).map(({ account, jid }) => {
    const result = results.find((each) => each.account === account)
    if (!account || !result) return node("participant", { jid, error: account ? "400" : "404" })
    const { code, invitation } = result
    const attrs = { jid, ...otherAddress(group, account), error: code === 200 ? undefined : String(code) }
    const request = invitation &&
      node("add_request", { code: invitation.code, expiration: String(invitation.expires) })
    return node("participant", attrs, request ? [request] : undefined)
  })

const changes = (question: Question, groups: Groups, group: Group, change: Node): Answer | undefined => {
  const by = question.companion.account
  switch (change.tag) {
    case "add":
    case "remove":
    case "promote":
    case "demote": {
      const results = groups[change.tag](group, by, known(question, change))
      return { content: [node(change.tag, {}, resultNodes(group, question, change, results))] }
    }
    case "subject":
      return answered(() => groups.rename(group, by, textOf(change) ?? ""))
    case "description": {
      const { delete: deleted, id, prev } = change.attrs
      const text = deleted === "true" ? undefined : textOf(child(change, "body"))
      const of = { ...(id === undefined ? {} : { id }), ...(prev === undefined ? {} : { prev }) }
      return answered(() => groups.describe(group, by, text, of))
    }
    case "announcement":
    case "not_announcement":
    case "locked":
    case "unlocked": {
      const setting = change.tag
      return answered(() => groups.set(group, by, setting))
    }
    case "ephemeral":
    case "not_ephemeral":
      return answered(() => groups.disappear(group, by, Number(change.attrs.expiration ?? 0)))
    case "member_add_mode": {
      const mode = textOf(change)
      if (mode !== "admin_add" && mode !== "all_member_add") throw new GroupRefusal(400)
      return answered(() => groups.whoMayAdd(group, by, mode))
    }
    case "membership_approval_mode":
      return answered(() => groups.approveJoins(group, by, child(change, "group_join")?.attrs.state === "on"))
    case "membership_requests_action": {
      const decision = children(change)[0]
      if (decision?.tag !== "approve" && decision?.tag !== "reject") throw new GroupRefusal(400)
      const results = groups.decide(group, by, known(question, decision), decision.tag)
      const decided = node(decision.tag, {}, resultNodes(group, question, decision, results))
      return { content: [node("membership_requests_action", {}, [decided])] }
    }
    case "invite":
      return { content: [node("invite", { code: groups.revokeInvite(group, by) })] }
    case "revoke":
      return answered(() => known(question, change).forEach((each) => groups.revokeInvitation(group, by, each)))
    default:
      return undefined
  }
}

const answered = (act: () => void): Answer => {
  act()
  return done
}

const reads = ({ companion }: Question, groups: Groups, group: Group, asked: Node): Answer | undefined => {
  switch (asked.tag) {
    case "query":
      return { content: [groupNode(group)] }
    case "invite":
      return { content: [node("invite", { code: groups.inviteCode(group, companion.account) })] }
    case "membership_approval_requests": {
      if (!group.isAdmin(companion.account)) throw new GroupRefusal(403)
      const requests = [...group.requests.values()].map(({ account, at, method }) =>
        node("membership_approval_request", {
          jid: group.addressOf(account),
          ...otherAddress(group, account),
          request_method: method,
          request_time: String(at)
        })
      )
      return { content: [node("membership_approval_requests", {}, requests)] }
    }
    default:
      return undefined
  }
}

const withoutGroup = (question: Question, groups: Groups, asked: Node): Answer | undefined => {
  const { companion: { account: by }, iq } = question
  const { code = "", key } = asked.attrs
  switch (asked.tag) {
    case "participating":
      return { content: [node("groups", {}, groups.of(by).map((group) => groupNode(group)))] }
    case "create": {
      const accounts = known(question, asked)
      const options = key === undefined ? {} : { key }
      const { group, results } = groups.create(by, asked.attrs.subject ?? "", accounts, options)
      const refused = resultNodes(group, question, asked, results).filter((each) => each.attrs.error !== undefined)
      return { content: [groupNode(group, refused)] }
    }
    case "leave": {
      const left = children(asked, "group").map(({ attrs: { id } }) => {
        groups.leave(groups.entered(id, by), by)
        return node("group", { id })
      })
      return { content: [node("leave", {}, left)] }
    }
    case "invite": {
      if (iq.attrs.type === "get") return { content: [groupNode(groups.invitedBy(code))] }
      const { group, waits } = groups.join(code, by)
      return { content: [node(waits ? "membership_approval_request" : "group", { jid: group.jid })] }
    }
    default:
      return undefined
  }
}

const answer = (question: Question, groups: Groups): Answer | undefined => {
  const { companion: { account: by }, iq } = question
  const { to, type } = iq.attrs
  const [asked] = children(iq)
  if (!asked) return undefined
  if (!isGroup(to ?? "") || to === "@g.us") return withoutGroup(question, groups, asked)
  if (asked.tag === "accept") {
    const group = groups.find(to)
    if (!group) throw new GroupRefusal(404)
    return answered(() => groups.acceptInvitation(group, by, asked.attrs.code ?? ""))
  }
  const group = groups.entered(to, by)
  return type === "get" ? reads(question, groups, group, asked) : changes(question, groups, group, asked)
}

/** The namespace `w:g2`. */
export const groupQueries = (groups: Groups): Query => (question) => {
  try {
    return answer(question, groups)
  } catch (error) {
    if (error instanceof GroupRefusal) return { error: { code: error.code, text: error.message } }
    throw error
  }
}
