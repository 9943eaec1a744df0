import { Schema } from "effect"
import { Group, JoinRequest, MemberAddMode, NamedParticipant, ParticipantResult } from "../../domain/Group.ts"
import { DeviceId } from "../../domain/DeviceId.ts"
import { Jid } from "../../domain/Jid.ts"
import { MessageId, MessageText } from "../../domain/Message.ts"
import { GroupAddress, PersonAddress } from "./Addresses.ts"
import { closed, withAliases } from "./Body.ts"

export const GroupPath = Schema.Struct({ deviceId: DeviceId, groupId: GroupAddress })
export const ParticipantPath = Schema.Struct({ deviceId: DeviceId, groupId: GroupAddress, participantJid: PersonAddress })
export const AdminPath = Schema.Struct({ deviceId: DeviceId, groupId: GroupAddress, adminJid: PersonAddress })

const mostPeople = 256
const people = Schema.Array(PersonAddress).pipe(
  Schema.maxItems(mostPeople),
  Schema.filter((people) => new Set(people).size === people.length ? undefined : "each person has to be another one")
)

const GroupName = Schema.String.pipe(
  Schema.filter((name) => (name.trim() === "" ? "the name is empty" : undefined)),
  Schema.filter((name) => (name.length > 100 ? "at most 100 characters are expected" : undefined))
)
const membersAs = { members: "participants", phones: "participants" }
const nameAs = { subject: "name", groupName: "name" }

export const CreateBody = withAliases(
  closed({ name: GroupName, participants: people }),
  { ...nameAs, ...membersAs },
  { name: "Keluarga", participants: ["6281234567890", "+62 812-9876-5432"] }
)
export const PeopleBody = withAliases(
  closed({ participants: people.pipe(Schema.minItems(1)) }),
  membersAs,
  { participants: ["6281234567890"] }
)
export const NameBody = withAliases(closed({ name: GroupName }), nameAs, { name: "Keluarga besar" })
export const DescriptionBody = withAliases(
  closed({
    description: Schema.NullOr(Schema.String.pipe(
      Schema.filter((text) => (text.length > 2048 ? "at most 2048 characters are expected" : undefined))
    ))
  }),
  {},
  { description: "Untuk semua." }
)
export const SettingsBody = withAliases(
  closed({
    announcement: Schema.optional(Schema.Boolean),
    locked: Schema.optional(Schema.Boolean),
    joinApproval: Schema.optional(Schema.Boolean),
    memberAddMode: Schema.optional(MemberAddMode)
  }).pipe(Schema.filter((settings) => (Object.keys(settings).length === 0 ? "at least one setting is expected" : undefined))),
  {},
  { announcement: true }
)

const InviteCode = Schema.String.pipe(Schema.pattern(/^[A-Za-z0-9_-]{8,64}$/))
const invite = "an invite link such as https://chat.whatsapp.com/… or its code is expected"
/** The link as people pass it on, or the code at its end. */
const Invite = Schema.transform(
  Schema.String.pipe(
    Schema.maxLength(200),
    Schema.pattern(/^\s*(https:\/\/chat\.whatsapp\.com\/(invite\/)?)?[A-Za-z0-9_-]{8,64}\/?(\?\S*)?\s*$/, { message: () => invite })
  ),
  InviteCode,
  {
    strict: true,
    decode: (sent) => sent.trim().replace(/\?.*$/, "").replace(/\/$/, "").replace(/^.*\//, ""),
    encode: (code) => code
  }
)
export const JoinBody = withAliases(closed({ invite: Invite }), { link: "invite", code: "invite" }, {
  invite: "https://chat.whatsapp.com/AbCdEfGhIjKlMnOpQrStUv"
})

const Mentions = Schema.Array(Schema.Union(Schema.Literal("@all"), PersonAddress)).pipe(Schema.maxItems(1024))
const quotedMessageId = Schema.optional(MessageId)
export const GroupTextBody = withAliases(
  closed({ groupId: GroupAddress, message: MessageText, quotedMessageId }),
  { to: "groupId", text: "message" },
  { groupId: "120363000000000001@g.us", message: "Halo semua." }
)
export const MentionBody = withAliases(
  closed({ message: MessageText, mentions: Mentions.pipe(Schema.minItems(1)), quotedMessageId }),
  { text: "message", participants: "mentions" },
  { message: "Halo @6281234567890", mentions: ["6281234567890"] }
)

export const GroupView = Schema.Struct({ ...Group.fields, isMember: Schema.Boolean }).annotations({ identifier: "Group" })
/** Administrators by the addresses that `participants` has. */
export const GroupInfo = Schema.Struct({
  ...GroupView.fields,
  participants: Schema.Array(NamedParticipant.annotations({ identifier: "GroupParticipant" })),
  admins: Schema.Array(Jid)
}).annotations({ identifier: "GroupInfo" })
export const Results = Schema.Struct({
  groupId: Jid,
  results: Schema.Array(ParticipantResult.annotations({ identifier: "ParticipantResult" }))
})
export const CreatedGroup = Schema.Struct({ ...GroupInfo.fields, results: Results.fields.results }).annotations({ identifier: "CreatedGroup" })
export const InviteLink = Schema.Struct({ groupId: Jid, code: Schema.String, link: Schema.String }).annotations({ identifier: "InviteLink" })
export const Joined = Schema.Struct({ groupId: Jid, status: Schema.Literal("joined", "waiting_for_approval") })
export const JoinRequests = Schema.Struct({
  groupId: Jid,
  items: Schema.Array(JoinRequest.annotations({ identifier: "JoinRequest" }))
})
export const Left = Schema.Struct({ groupId: Jid, status: Schema.Literal("left") })
