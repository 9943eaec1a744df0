import { randomBytes, randomInt } from "node:crypto"
import type { Account } from "../Account.ts"
import type { Addressing } from "../EmulatorOptions.ts"
import { GROUP_SERVER, pnJid } from "../protocol/jid.ts"

export type Role = "member" | "admin" | "superadmin"

export interface Member {
  readonly account: Account
  role: Role
}

/** Something that was said of the group, when and by whom. */
interface Said {
  readonly text: string
  readonly at: number
  readonly by: Account
}

export interface JoinRequest {
  readonly account: Account
  readonly method: "invite_link" | "linked_group_join" | "non_admin_add"
  readonly at: number
}

/** What an account that does not let itself be added is sent instead. */
export interface Invitation {
  readonly code: string
  readonly for: Account
  readonly by: Account
  readonly expires: number
}

export type MemberAddMode = "admin_add" | "all_member_add"

export const seconds = (): number => Math.floor(Date.now() / 1000)

const inviteCode = (): string => randomBytes(16).toString("base64url")

/** A group as the server keeps it. */
export class Group {
  readonly id = `120363${String(randomInt(0, 2 ** 47)).padStart(12, "0").slice(-12)}`
  readonly addressing: Addressing
  readonly creator: Account
  readonly createdAt = seconds()
  readonly members = new Map<string, Member>()
  /** Who left of their own accord; they cannot be added, only come back themselves. */
  readonly left = new Set<string>()
  readonly requests = new Map<string, JoinRequest>()
  readonly invitations = new Map<string, Invitation>()
  subject: Said
  description: Said & { readonly id: string } | undefined
  announcement = false
  locked = false
  approval = false
  memberAddMode: MemberAddMode = "all_member_add"
  /** Seconds after which messages disappear; 0 is never. */
  ephemeral = 0
  inviteCode = inviteCode()

  constructor(creator: Account, subject: string, addressing: Addressing) {
    this.creator = creator
    this.addressing = addressing
    this.subject = { text: subject, at: this.createdAt, by: creator }
    this.members.set(creator.phone, { account: creator, role: "superadmin" })
  }

  get jid(): string {
    return `${this.id}@${GROUP_SERVER}`
  }

  get accounts(): ReadonlyArray<Account> {
    return [...this.members.values()].map((each) => each.account)
  }

  get admins(): ReadonlyArray<Account> {
    return [...this.members.values()].flatMap((each) => each.role === "member" ? [] : [each.account])
  }

  has(account: Account): boolean {
    return this.members.has(account.phone)
  }

  isAdmin(account: Account): boolean {
    return (this.members.get(account.phone)?.role ?? "member") !== "member"
  }

  /** The address of an account in this group. */
  addressOf(account: Account, device = 0): string {
    return this.addressing === "lid" ? account.lidJid(device) : pnJid(account.phone, device)
  }

  renewInvite(): void {
    this.inviteCode = inviteCode()
  }
}
