import { Schema } from "effect"
import { DeviceId } from "../../domain/DeviceId.ts"
import { Group, GroupParticipant, GroupRole, GroupSettings } from "../../domain/Group.ts"
import { Jid } from "../../domain/Jid.ts"
import { ChatRef } from "../../domain/Message.ts"

const Flag = Schema.transformLiterals([1, true], [0, false])
const { description, memberAddMode, name } = GroupSettings.fields
const settings = {
  name,
  description,
  owner: Schema.NullOr(Schema.parseJson(ChatRef)),
  announcement: Flag,
  locked: Flag,
  joinApproval: Flag,
  memberAddMode,
  ephemeralSeconds: Schema.Int
}
const head = {
  id: Schema.Int,
  deviceId: DeviceId,
  groupId: Jid,
  ...settings,
  participantCount: Schema.Int,
  ownRole: Schema.NullOr(GroupRole),
  creation: Schema.NullOr(Schema.DateTimeUtcFromNumber),
  refreshedAt: Schema.NullOr(Schema.DateTimeUtcFromNumber),
  createdAt: Schema.DateTimeUtcFromNumber,
  updatedAt: Schema.DateTimeUtcFromNumber
}
export const groupColumns = "id, device_id, group_id, name, description, owner, announcement, locked, join_approval, member_add_mode, " +
  "ephemeral_seconds, participant_count, own_role, creation, refreshed_at, created_at, updated_at"

/** Rows of `groups` with {@link groupColumns}: all but the people, who may be thousands. */
export const decodeGroups = Schema.decodeUnknown(
  Schema.Array(
    Schema.transform(Schema.Struct(head), Schema.typeSchema(Group), {
      strict: true,
      decode: (row) => new Group(row, { disableValidation: true }),
      encode: (group) => group
    })
  )
)

const Participants = Schema.parseJson(Schema.Array(GroupParticipant))
export const encodeParticipants = Schema.encode(Participants)
/** Until the device has been told, there are none. */
const People = Schema.Struct({
  addressing: Schema.Literal("pn", "lid"),
  participants: Schema.NullOr(Participants)
})
export const peopleColumns = "addressing, participants"
export const decodePeople = Schema.decodeUnknown(Schema.Array(People))

export const encodeSettings = Schema.encode(Schema.Struct(settings))
