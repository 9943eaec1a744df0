import { HttpApiSchema } from "@effect/platform"
import { Schema } from "effect"
import { DeviceId } from "./DeviceId.ts"
import { Jid } from "./Jid.ts"
import { ChatRef } from "./Message.ts"

export const GroupRole = Schema.Literal("member", "admin", "superadmin")
export type GroupRole = typeof GroupRole.Type

/** `superadmin` is who made the group. Phone number and LID are kept together, as far as they are known. */
export const GroupParticipant = Schema.Struct({ ...ChatRef.fields, role: GroupRole })
export type GroupParticipant = typeof GroupParticipant.Type

/** Who may add others: administrators, or every member. */
export const MemberAddMode = Schema.Literal("admins", "everyone")
export type MemberAddMode = typeof MemberAddMode.Type

/** What a group says of itself, and what its administrators have set. */
export const GroupSettings = Schema.Struct({
  name: Schema.NullOr(Schema.String),
  description: Schema.NullOr(Schema.String),
  owner: Schema.NullOr(ChatRef),
  /** only administrators write */
  announcement: Schema.Boolean,
  /** only administrators change what the group says of itself */
  locked: Schema.Boolean,
  /** administrators let in who comes by the link */
  joinApproval: Schema.Boolean,
  memberAddMode: MemberAddMode,
  /** after how many seconds messages disappear; 0: never */
  ephemeralSeconds: Schema.Int
})
export type GroupSettings = typeof GroupSettings.Type

export class Group extends Schema.Class<Group>("Group")({
  id: Schema.Int,
  deviceId: DeviceId,
  groupId: Jid,
  ...GroupSettings.fields,
  participantCount: Schema.Int,
  /** the device's own; null: it is not in the group */
  ownRole: Schema.NullOr(GroupRole),
  /** when the group was made */
  creation: Schema.NullOr(Schema.DateTimeUtc),
  /** when WhatsApp last told all of it; null: never */
  refreshedAt: Schema.NullOr(Schema.DateTimeUtc),
  createdAt: Schema.DateTimeUtc,
  updatedAt: Schema.DateTimeUtc
}) {
  get isMember() {
    return this.ownRole !== null
  }
}

/** A participant with what the device's contacts say of him. */
export const NamedParticipant = Schema.Struct({ ...GroupParticipant.fields, name: Schema.NullOr(Schema.String) })
export type NamedParticipant = typeof NamedParticipant.Type

/** Done, or why not for this one person; `invite_required` comes with what to send him instead. */
export const ParticipantStatus = Schema.Literal(
  "done", "invite_required", "not_found", "recently_left", "already_member", "not_allowed", "refused"
)
export type ParticipantStatus = typeof ParticipantStatus.Type

export const ParticipantResult = Schema.Struct({
  /** as it was asked for */
  jid: Jid,
  status: ParticipantStatus,
  /** WhatsApp's own number: 200, 403, 404, 408, 409, … */
  code: Schema.Int,
  invite: Schema.NullOr(Schema.Struct({ code: Schema.String, expiresAt: Schema.NullOr(Schema.DateTimeUtc) }))
})
export type ParticipantResult = typeof ParticipantResult.Type

export const ParticipantAction = Schema.Literal("add", "remove", "promote", "demote", "approve", "reject")
export type ParticipantAction = typeof ParticipantAction.Type

/** Somebody who came by the link and waits to be let in. */
export const JoinRequest = Schema.Struct({ ...ChatRef.fields, requestedAt: Schema.NullOr(Schema.DateTimeUtc) })
export type JoinRequest = typeof JoinRequest.Type

/** A change of what a group says of itself, as it is asked of WhatsApp. */
export const GroupChange = Schema.Union(
  Schema.TaggedStruct("Name", { name: Schema.String }),
  /** null takes it away */
  Schema.TaggedStruct("Description", { description: Schema.NullOr(Schema.String) }),
  Schema.TaggedStruct("Announcement", { on: Schema.Boolean }),
  Schema.TaggedStruct("Locked", { on: Schema.Boolean }),
  Schema.TaggedStruct("JoinApproval", { on: Schema.Boolean }),
  Schema.TaggedStruct("MemberAddMode", { mode: MemberAddMode }),
  /** square, see {@link pictureBounds} */
  Schema.TaggedStruct("Picture", { jpeg: Schema.Uint8ArrayFromBase64 }),
  Schema.TaggedStruct("NoPicture", {}),
  Schema.TaggedStruct("Leave", {})
)
export type GroupChange = typeof GroupChange.Type

/** What WhatsApp's own clients send as a picture: a square JPEG, by the pixels of its side and its bytes at most. */
export const pictureBounds = { smallest: 192, largest: 640, mostBytes: 512 * 1024 } as const

/** No picture can be made of it. Width and height are null for what cannot be read. */
export class GroupPictureInvalid extends Schema.TaggedError<GroupPictureInvalid>()(
  "GroupPictureInvalid",
  { field: Schema.String, width: Schema.NullOr(Schema.Int), height: Schema.NullOr(Schema.Int) },
  HttpApiSchema.annotations({ status: 400 })
) {
  override get message() {
    const found = this.width === null ? ", and this is none" : `; this one has ${this.width} × ${this.height}`
    return `${this.field}: an image of at least ${pictureBounds.smallest} pixels a side is expected${found}.`
  }
}

export class GroupNotFound extends Schema.TaggedError<GroupNotFound>()(
  "GroupNotFound",
  { groupId: Schema.String },
  HttpApiSchema.annotations({ status: 404 })
) {
  override get message() {
    return `This device knows no group ${this.groupId}.`
  }
}

export class NotGroupMember extends Schema.TaggedError<NotGroupMember>()(
  "NotGroupMember",
  { groupId: Schema.String },
  HttpApiSchema.annotations({ status: 403 })
) {
  override get message() {
    return `This device is not in the group ${this.groupId}.`
  }
}

export class NotGroupAdmin extends Schema.TaggedError<NotGroupAdmin>()(
  "NotGroupAdmin",
  { groupId: Schema.String },
  HttpApiSchema.annotations({ status: 403 })
) {
  override get message() {
    return `Only administrators of the group ${this.groupId} may do this, and this device is none.`
  }
}

/** WhatsApp understood what was asked and does not do it. `code` is its own number. */
export class GroupRefused extends Schema.TaggedError<GroupRefused>()(
  "GroupRefused",
  { code: Schema.Int },
  HttpApiSchema.annotations({ status: 409 })
) {
  override get message() {
    return `WhatsApp refused this (${this.code}).`
  }
}

/** One person, and WhatsApp did not do to him what was asked. */
export class ParticipantRefused extends Schema.TaggedError<ParticipantRefused>()(
  "ParticipantRefused",
  { jid: Jid, status: ParticipantStatus, code: Schema.Int },
  HttpApiSchema.annotations({ status: 409 })
) {
  override get message() {
    return `WhatsApp did not do this to ${this.jid}: ${this.status}.`
  }
}

export class InviteNotFound extends Schema.TaggedError<InviteNotFound>()(
  "InviteNotFound",
  {},
  HttpApiSchema.annotations({ status: 404 })
) {
  override get message() {
    return "WhatsApp knows no such invite link, or it has been revoked."
  }
}
