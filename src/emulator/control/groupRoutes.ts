import type { Group } from "../groups/Group.ts"
import type { MemberResult } from "../groups/Groups.ts"
import { phoneOf } from "./phoneOf.ts"
import { BadRequest, type Call, flagIf, numberIf, type Route, text, textIf, texts } from "./Route.ts"

const shown = (group: Group) => ({
  jid: group.jid,
  addressing: group.addressing,
  subject: group.subject.text,
  description: group.description?.text,
  announcement: group.announcement,
  locked: group.locked,
  approval: group.approval,
  memberAddMode: group.memberAddMode,
  ephemeral: group.ephemeral,
  inviteCode: group.inviteCode,
  members: [...group.members.values()].map(({ account, role }) => ({
    phone: account.phone,
    jid: group.addressOf(account),
    role
  })),
  requests: [...group.requests.keys()]
})

const outcome = ({ account, code, invitation }: MemberResult) => ({
  phone: account.phone,
  code,
  ...(invitation ? { invitation: { code: invitation.code, expires: invitation.expires } } : {})
})

const addressingOf = (body: Call["body"]) => {
  const addressing = textIf(body, "addressing")
  if (addressing === undefined) return {}
  if (addressing !== "lid" && addressing !== "pn") throw new BadRequest("addressing must be lid or pn")
  return { addressing } as const
}

const memberAddModeOf = (body: Call["body"]) => {
  const mode = textIf(body, "memberAddMode")
  if (mode === undefined || mode === "admin_add" || mode === "all_member_add") return mode
  throw new BadRequest("memberAddMode must be admin_add or all_member_add")
}

/** Changes what is named in the body, and nothing else. A description of null takes it away. */
const change = (call: Call) => {
  const { body, params: { jid = "" } } = call
  const { groups } = phoneOf(call)
  const subject = textIf(body, "subject")
  const ephemeral = numberIf(body, "ephemeral")
  const mode = memberAddModeOf(body)
  const [announcement, locked, approval] = [flagIf(body, "announcement"), flagIf(body, "locked"), flagIf(body, "approval")]
  if (subject !== undefined) groups.rename(jid, subject)
  if ("description" in body) groups.describe(jid, textIf(body, "description"))
  if (announcement !== undefined) groups.set(jid, announcement ? "announcement" : "not_announcement")
  if (locked !== undefined) groups.set(jid, locked ? "locked" : "unlocked")
  if (approval !== undefined) groups.approveJoins(jid, approval)
  if (ephemeral !== undefined) groups.disappear(jid, ephemeral)
  if (mode !== undefined) groups.whoMayAdd(jid, mode)
  return shown(groups.get(jid))
}

const ofMembers = (action: "add" | "remove" | "promote" | "demote"): Route => [
  "POST",
  `/phones/:phone/groups/:jid/${action}`,
  (call) => ({
    results: phoneOf(call).groups[action](call.params.jid ?? "", ...texts(call.body, "members")).map(outcome)
  })
]

const ofRequests = (action: "approve" | "reject"): Route => [
  "POST",
  `/phones/:phone/groups/:jid/${action}`,
  (call) => ({
    results: phoneOf(call).groups.decide(call.params.jid ?? "", action, ...texts(call.body, "members")).map(outcome)
  })
]

/** Groups, and what the person with a phone does in them. */
export const groupRoutes: ReadonlyArray<Route> = [
  ["GET", "/groups", ({ server }) => ({ groups: server.groups.all.map(shown) })],
  ["POST", "/phones/:phone/groups", (call) => {
    const subject = text(call.body, "subject")
    return shown(phoneOf(call).groups.create(subject, texts(call.body, "members"), addressingOf(call.body)))
  }],
  ["POST", "/phones/:phone/groups/join", (call) => {
    const { group, waits } = phoneOf(call).groups.join(text(call.body, "code"))
    return { jid: group.jid, waits }
  }],
  ["GET", "/phones/:phone/groups/:jid", (call) => shown(phoneOf(call).groups.get(call.params.jid ?? ""))],
  ["PATCH", "/phones/:phone/groups/:jid", change],
  ["DELETE", "/phones/:phone/groups/:jid", (call) => {
    phoneOf(call).groups.leave(call.params.jid ?? "")
    return {}
  }],
  ["DELETE", "/phones/:phone/groups/:jid/invite", (call) => ({
    code: phoneOf(call).groups.revokeInvite(call.params.jid ?? "")
  })],
  ...(["add", "remove", "promote", "demote"] as const).map(ofMembers),
  ...(["approve", "reject"] as const).map(ofRequests)
]
