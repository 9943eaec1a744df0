import type { Account } from "../Account.ts"
import type { Addressing } from "../EmulatorOptions.ts"
import type { Group, MemberAddMode } from "./Group.ts"
import { GroupRefusal } from "./GroupRefusal.ts"
import type { Groups, GroupSetting, MemberResult } from "./Groups.ts"

/** What the person with the phone does in groups; what is not allowed to them is a `GroupRefusal`. */
export class PhoneGroups {
  readonly #account: Account
  readonly #groups: Groups
  readonly #known: (number: string) => Account

  constructor(account: Account, groups: Groups, known: (number: string) => Account) {
    this.#account = account
    this.#groups = groups
    this.#known = known
  }

  get all(): ReadonlyArray<Group> {
    return this.#groups.of(this.#account)
  }

  get(jid: string): Group {
    return this.#groups.entered(jid, this.#account)
  }

  /** The group, if one may write there. */
  writable(jid: string): Group {
    const group = this.get(jid)
    if (group.announcement && !group.isAdmin(this.#account)) throw new GroupRefusal(403)
    return group
  }

  /** One's own address in a group, whether one is still in it or not. */
  addressIn(jid: string): string {
    return this.#groups.find(jid)?.addressOf(this.#account) ?? this.#account.jid()
  }

  create(subject: string, members: ReadonlyArray<string>, options: { readonly addressing?: Addressing } = {}): Group {
    return this.#groups.create(this.#account, subject, members.map(this.#known), options).group
  }

  add(jid: string, ...numbers: ReadonlyArray<string>): ReadonlyArray<MemberResult> {
    return this.#groups.add(this.get(jid), this.#account, numbers.map(this.#known))
  }

  remove(jid: string, ...numbers: ReadonlyArray<string>): ReadonlyArray<MemberResult> {
    return this.#groups.remove(this.get(jid), this.#account, numbers.map(this.#known))
  }

  promote(jid: string, ...numbers: ReadonlyArray<string>): ReadonlyArray<MemberResult> {
    return this.#groups.promote(this.get(jid), this.#account, numbers.map(this.#known))
  }

  demote(jid: string, ...numbers: ReadonlyArray<string>): ReadonlyArray<MemberResult> {
    return this.#groups.demote(this.get(jid), this.#account, numbers.map(this.#known))
  }

  leave(jid: string): void {
    this.#groups.leave(this.get(jid), this.#account)
  }

  rename(jid: string, subject: string): void {
    this.#groups.rename(this.get(jid), this.#account, subject)
  }

  /** Takes the description away without a text. */
  describe(jid: string, text?: string): void {
    const group = this.get(jid)
    const { description } = group
    this.#groups.describe(group, this.#account, text, description ? { prev: description.id } : {})
  }

  set(jid: string, setting: GroupSetting): void {
    this.#groups.set(this.get(jid), this.#account, setting)
  }

  disappear(jid: string, afterSeconds: number): void {
    this.#groups.disappear(this.get(jid), this.#account, afterSeconds)
  }

  whoMayAdd(jid: string, mode: MemberAddMode): void {
    this.#groups.whoMayAdd(this.get(jid), this.#account, mode)
  }

  approveJoins(jid: string, on: boolean): void {
    this.#groups.approveJoins(this.get(jid), this.#account, on)
  }

  inviteCode(jid: string): string {
    return this.#groups.inviteCode(this.get(jid), this.#account)
  }

  revokeInvite(jid: string): string {
    return this.#groups.revokeInvite(this.get(jid), this.#account)
  }

  /** In the group, or on the list of those who ask to be let in. */
  join(code: string): { readonly group: Group; readonly waits: boolean } {
    return this.#groups.join(code, this.#account)
  }

  decide(jid: string, action: "approve" | "reject", ...numbers: ReadonlyArray<string>): ReadonlyArray<MemberResult> {
    return this.#groups.decide(this.get(jid), this.#account, numbers.map(this.#known), action)
  }
}
