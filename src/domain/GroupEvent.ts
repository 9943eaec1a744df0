import { Schema } from "effect"
import { GroupSettings } from "./Group.ts"
import { Jid } from "./Jid.ts"
import { ChatRef } from "./Message.ts"

/** What has changed; `joined` and `left` are the device's own. */
export const GroupChangeName = Schema.Literal(
  "joined", "left", "name", "description", "announcement", "locked", "joinApproval", "memberAddMode", "ephemeralSeconds", "picture"
)
export type GroupChangeName = typeof GroupChangeName.Type

/** `group.updated`: a group as it is now, and what of it is new. */
export const GroupUpdatedData = Schema.Struct({
  groupId: Jid,
  ...GroupSettings.fields,
  participantCount: Schema.Int,
  isMember: Schema.Boolean,
  changes: Schema.Array(GroupChangeName),
  /** who did it, where WhatsApp says so */
  author: Schema.NullOr(ChatRef)
})

/** `group.participants`: people came or went, became administrators or are none any more. */
export const GroupParticipantsData = Schema.Struct({
  groupId: Jid,
  name: Schema.NullOr(Schema.String),
  action: Schema.Literal("add", "remove", "promote", "demote"),
  participants: Schema.Array(ChatRef),
  participantCount: Schema.Int,
  author: Schema.NullOr(ChatRef)
})
