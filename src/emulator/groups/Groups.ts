import { randomBytes } from "node:crypto"
import type { Account } from "../Account.ts"
import { EmulatedDevice } from "../EmulatedDevice.ts"
import type { Addressing } from "../EmulatorOptions.ts"
import type { Hub } from "../Hub.ts"
import { node } from "../protocol/node.ts"
import { Group, type Invitation, type MemberAddMode, type Role, seconds } from "./Group.ts"
import { approvalNode, groupNode, otherAddress, participantNode, subjectAttributes } from "./groupNode.ts"
import { GroupNotices } from "./GroupNotices.ts"
import { GroupRefusal } from "./GroupRefusal.ts"

const INVITATION_SECONDS = 3 * 86_400

export type GroupSetting = "announcement" | "not_announcement" | "locked" | "unlocked"

/** What became of one account in a change of members: the code is 200, or why not. */
export interface MemberResult {
  readonly account: Account
  readonly code: number
  /** What to send someone who does not let themselves be added. */
  readonly invitation?: Invitation
}

/** The groups there are, and all that a member can do to one: checked, done, and told to the members. */
export class Groups {
  readonly #hub: Hub
  readonly #groups = new Map<string, Group>()
  readonly #notices: GroupNotices

  constructor(hub: Hub) {
    this.#hub = hub
    this.#notices = new GroupNotices(hub)
  }

  get all(): ReadonlyArray<Group> {
    return [...this.#groups.values()]
  }

  find(jid: string | undefined): Group | undefined {
    return this.#groups.get(jid ?? "")
  }

  of(account: Account): ReadonlyArray<Group> {
    return this.all.filter((group) => group.has(account))
  }

  /** The group, for one who is in it. */
  entered(jid: string | undefined, by: Account): Group {
    const group = this.find(jid)
    if (!group) throw new GroupRefusal(404)
    if (!group.has(by)) throw new GroupRefusal(403)
    return group
  }

  create(
    by: Account,
    subject: string,
    accounts: ReadonlyArray<Account>,
    options: { readonly addressing?: Addressing; readonly key?: string } = {}
  ): { readonly group: Group; readonly results: ReadonlyArray<MemberResult> } {
    if (subject === "") throw new GroupRefusal(406)
    const group = new Group(by, subject, options.addressing ?? this.#hub.settings.groupAddressing)
    this.#groups.set(group.jid, group)
    const results = accounts.filter((each) => each !== by).map((each) => this.#take(group, by, each))
    this.#notices.tell(group, by, node("create", { type: "new", key: options.key }, [groupNode(group)]))
    return { group, results }
  }

  add(group: Group, by: Account, accounts: ReadonlyArray<Account>): ReadonlyArray<MemberResult> {
    if (!group.isAdmin(by) && group.memberAddMode === "admin_add") throw new GroupRefusal(403)
    const before = group.accounts
    const results = accounts.map((each) => this.#take(group, by, each))
    const added = results.flatMap(({ account, code }) => code === 200 ? [account] : [])
    this.#joined(group, by, added, before, {})
    return results
  }

  remove(group: Group, by: Account, accounts: ReadonlyArray<Account>): ReadonlyArray<MemberResult> {
    this.#asAdmin(group, by)
    const told = group.accounts
    const results = accounts.map((account) => {
      if (group.members.get(account.phone)?.role === "superadmin" && account !== by) return { account, code: 406 }
      return { account, code: group.members.delete(account.phone) ? 200 : 404 }
    })
    this.#gone(group, by, results.flatMap(({ account, code }) => code === 200 ? [account] : []), told)
    return results
  }

  leave(group: Group, by: Account): void {
    const told = group.accounts
    group.members.delete(by.phone)
    group.left.add(by.phone)
    this.#gone(group, by, [by], told)
    const [heir] = group.admins.length === 0 ? group.accounts : []
    if (heir) this.#role(group, heir, [heir], "admin")
  }

  promote(group: Group, by: Account, accounts: ReadonlyArray<Account>): ReadonlyArray<MemberResult> {
    this.#asAdmin(group, by)
    return this.#role(group, by, accounts, "admin")
  }

  demote(group: Group, by: Account, accounts: ReadonlyArray<Account>): ReadonlyArray<MemberResult> {
    this.#asAdmin(group, by)
    return this.#role(group, by, accounts, "member")
  }

  rename(group: Group, by: Account, subject: string): void {
    this.#asEditor(group, by)
    if (subject === "" || subject.length > 100) throw new GroupRefusal(406)
    group.subject = { text: subject, at: seconds(), by }
    this.#notices.tell(group, by, node("subject", subjectAttributes(group)))
  }

  /** `prev` is the id of the description it replaces: one who does not know that one is refused. */
  describe(group: Group, by: Account, text: string | undefined, of: { readonly id?: string; readonly prev?: string }): void {
    this.#asEditor(group, by)
    if (of.prev !== group.description?.id) throw new GroupRefusal(409)
    const id = of.id ?? randomBytes(8).toString("hex").toUpperCase()
    group.description = text === undefined ? undefined : { id, text, at: seconds(), by }
    const content = text === undefined ? node("delete") : node("body", {}, Buffer.from(text))
    this.#notices.tell(group, by, node("description", { id, prev: of.prev }, [content]))
  }

  set(group: Group, by: Account, setting: GroupSetting): void {
    this.#asAdmin(group, by)
    if (setting === "announcement" || setting === "not_announcement") group.announcement = setting === "announcement"
    else group.locked = setting === "locked"
    this.#notices.tell(group, by, node(setting))
  }

  disappear(group: Group, by: Account, afterSeconds: number): void {
    this.#asEditor(group, by)
    group.ephemeral = afterSeconds
    const attrs = { expiration: String(afterSeconds), trigger: "0" }
    this.#notices.tell(group, by, afterSeconds > 0 ? node("ephemeral", attrs) : node("not_ephemeral"))
  }

  whoMayAdd(group: Group, by: Account, mode: MemberAddMode): void {
    this.#asAdmin(group, by)
    group.memberAddMode = mode
    this.#notices.tell(group, by, node("member_add_mode", {}, Buffer.from(mode)))
  }

  approveJoins(group: Group, by: Account, on: boolean): void {
    this.#asAdmin(group, by)
    group.approval = on
    this.#notices.tell(group, by, approvalNode(group))
  }

  /** Throws if this member may not change what the group says of itself. */
  mayEdit(group: Group, by: Account): void {
    this.#asEditor(group, by)
  }

  tellPicture(group: Group, by: Account, id: string | undefined): void {
    this.#notices.picture(group, by, id)
  }

  inviteCode(group: Group, by: Account): string {
    this.#asAdmin(group, by)
    return group.inviteCode
  }

  revokeInvite(group: Group, by: Account): string {
    this.#asAdmin(group, by)
    group.renewInvite()
    this.#notices.tell(group, by, node("invite", { code: group.inviteCode }), group.admins)
    return group.inviteCode
  }

  invitedBy(code: string): Group {
    const group = this.all.find((each) => each.inviteCode === code)
    if (!group) throw new GroupRefusal(404)
    return group
  }

  /** By the link: in at once, or, where admins approve, on the list of those who ask. */
  join(code: string, by: Account): { readonly group: Group; readonly waits: boolean } {
    const group = this.invitedBy(code)
    if (group.has(by)) throw new GroupRefusal(409)
    if (!group.approval) {
      this.#enter(group, by, by, { reason: "invite" })
      return { group, waits: false }
    }
    group.requests.set(by.phone, { account: by, method: "invite_link", at: seconds() })
    const asked = node("requested_user", { jid: group.addressOf(by), ...otherAddress(group, by) })
    const change = node("created_membership_requests", { request_method: "invite_link" }, [asked])
    this.#notices.tell(group, by, change, group.admins)
    return { group, waits: true }
  }

  /** By the invitation that came because one could not be added. */
  acceptInvitation(group: Group, by: Account, code: string): void {
    const invitation = group.invitations.get(code)
    if (!invitation || invitation.for !== by) throw new GroupRefusal(404)
    if (invitation.expires < seconds()) throw new GroupRefusal(410)
    group.invitations.delete(code)
    this.#enter(group, invitation.by, by, { reason: "invite" })
  }

  revokeInvitation(group: Group, by: Account, to: Account): void {
    this.#asAdmin(group, by)
    for (const [code, invitation] of group.invitations) if (invitation.for === to) group.invitations.delete(code)
  }

  decide(
    group: Group,
    by: Account,
    accounts: ReadonlyArray<Account>,
    action: "approve" | "reject"
  ): ReadonlyArray<MemberResult> {
    this.#asAdmin(group, by)
    const results = accounts.map((account) => ({ account, code: group.requests.delete(account.phone) ? 200 : 404 }))
    const decided = results.flatMap(({ account, code }) => code === 200 ? [account] : [])
    if (action === "approve") for (const account of decided) this.#enter(group, by, account, { reason: "invite" })
    else if (decided.length > 0) {
      const refused = decided.map((account) => participantNode(group, account))
      this.#notices.tell(group, by, node("revoked_membership_requests", {}, refused), [...group.admins, ...decided])
    }
    return results
  }

  /** Takes one in without telling anybody, unless something forbids it. */
  #take(group: Group, by: Account, account: Account): MemberResult {
    if (group.has(account)) return { account, code: 409 }
    if (group.left.has(account.phone)) return { account, code: 408 }
    if ((account.privacy.get("groupadd") ?? "all") !== "all") {
      const code = randomBytes(12).toString("base64url")
      const invitation = { code, for: account, by, expires: seconds() + INVITATION_SECONDS }
      group.invitations.set(code, invitation)
      return { account, code: 403, invitation }
    }
    group.members.set(account.phone, { account, role: "member" })
    return { account, code: 200 }
  }

  #enter(group: Group, by: Account, account: Account, attrs: { readonly reason: string }): void {
    const before = group.accounts
    group.members.set(account.phone, { account, role: "member" })
    group.left.delete(account.phone)
    group.requests.delete(account.phone)
    this.#joined(group, by, [account], before, attrs)
  }

  /** Those who were there see who came; those who came see the group. */
  #joined(
    group: Group,
    by: Account,
    added: ReadonlyArray<Account>,
    before: ReadonlyArray<Account>,
    attrs: { readonly reason?: string }
  ): void {
    if (added.length === 0) return
    const participants = added.map((account) => participantNode(group, account))
    this.#notices.tell(group, by, node("add", attrs, participants), before)
    this.#notices.tell(group, by, node("create", attrs, [groupNode(group)]), added)
  }

  /** Those who stay write under new keys, which those who have gone do not get. */
  #gone(group: Group, by: Account, gone: ReadonlyArray<Account>, told: ReadonlyArray<Account>): void {
    if (gone.length === 0) return
    for (const account of group.accounts) {
      for (const device of account.devices.values()) {
        if (device instanceof EmulatedDevice) device.renewSenderKey(group.jid)
      }
    }
    const participants = gone.map((account) => participantNode(group, account))
    this.#notices.tell(group, by, node("remove", {}, participants), told)
  }

  #role(group: Group, by: Account, accounts: ReadonlyArray<Account>, role: Role): ReadonlyArray<MemberResult> {
    const results = accounts.map((account) => {
      const member = group.members.get(account.phone)
      if (!member) return { account, code: 404 }
      if (member.role === "superadmin") return { account, code: 406 }
      member.role = role
      return { account, code: 200 }
    })
    const changed = results.flatMap(({ account, code }) => code === 200 ? [account] : [])
    if (changed.length > 0) {
      const type = role === "member" ? undefined : role
      const participants = changed.map((account) => participantNode(group, account, { type }))
      this.#notices.tell(group, by, node(role === "member" ? "demote" : "promote", {}, participants))
    }
    return results
  }

  #asAdmin(group: Group, by: Account): void {
    if (!group.isAdmin(by)) throw new GroupRefusal(403)
  }

  /** Where a group is locked, only admins change what it says of itself. */
  #asEditor(group: Group, by: Account): void {
    if (!group.has(by) || group.locked && !group.isAdmin(by)) throw new GroupRefusal(403)
  }
}
