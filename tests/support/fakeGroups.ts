import { Effect, Layer } from "effect"
import { type AskError, GroupCommands } from "../../src/actors/groups/GroupCommands.ts"
import { type Device, DeviceElsewhere, DeviceNotConnected, WhatsAppUnanswered } from "../../src/domain/Device.ts"
import { type GroupChange, GroupNotFound, InviteNotFound, NotGroupAdmin, NotGroupMember, type ParticipantResult } from "../../src/domain/Group.ts"
import { GroupFact, type GroupSnapshot, refOfPerson } from "../../src/domain/GroupFact.ts"
import { Jid, type Jid as JidType, phoneJid, userOf } from "../../src/domain/Jid.ts"
import { PhoneNumber } from "../../src/domain/PhoneNumber.ts"
import { Groups } from "../../src/sql/groups/Groups.ts"

const own = "6281200000001"
export const groupJid = (ending: string) => Jid.make(`120363000000000${ending}@g.us`)
export const refOf = (phone: string) => refOfPerson({ phone: PhoneNumber.make(phone), lid: Jid.make(`${phone}9@lid`) })
const personOf = (jid: JidType) => refOf(userOf(jid))

/** A group of this device and whoever is named. */
export const snapshot = (groupId: JidType, name: string, people: ReadonlyArray<string> = []): GroupSnapshot => ({
  groupId, name, description: null, owner: refOf(own), announcement: false, locked: false, joinApproval: false, memberAddMode: "admins",
  ephemeralSeconds: 0, addressing: "lid", creation: null, ownRole: "superadmin",
  participants: [{ ...refOf(own), role: "superadmin" }, ...people.map((phone) => ({ ...refOf(phone), role: "member" as const }))]
})

const resultOf = (jid: JidType): ParticipantResult =>
  userOf(jid).endsWith("404")
    ? { jid, status: "not_found", code: 404, invite: null }
    : userOf(jid).endsWith("403")
    ? { jid, status: "invite_required", code: 403, invite: { code: "abcdefgh", expiresAt: null } }
    : { jid, status: "done", code: 200, invite: null }

/** What a group's id ends in says how WhatsApp answers; a change is stored as the real thing would. */
export const fakeGroups = Layer.effect(
  GroupCommands,
  Effect.gen(function*() {
    const groups = yield* Groups
    const asked = Effect.fnUntraced(function*({ deviceId, isConnected }: Device, groupId: JidType) {
      const user = userOf(groupId)
      if (user.endsWith("503")) return yield* new DeviceElsewhere({ deviceId })
      if (!isConnected) return yield* new DeviceNotConnected({ deviceId })
      if (user.endsWith("502")) return yield* new WhatsAppUnanswered({ deviceId })
      if (user.endsWith("404")) return yield* new GroupNotFound({ groupId })
      if (user.endsWith("401")) return yield* new NotGroupMember({ groupId })
      if (user.endsWith("403")) return yield* new NotGroupAdmin({ groupId })
    })

    return GroupCommands.of({
      create: (device, name, participants) =>
        Effect.gen(function*() {
          yield* connected(device)
          const groupId = groupJid("777")
          const results = participants.map(resultOf)
          const people = results.flatMap(({ jid, status }) => status === "done" ? [userOf(jid)] : [])
          yield* groups.record(device.deviceId, [GroupFact.Whole({ group: snapshot(groupId, name, people), author: null })])
          return { groupId, results }
        }),
      refresh: (device, groupId) =>
        Effect.zipRight(
          asked(device, groupId),
          groups.record(device.deviceId, [GroupFact.Whole({ group: snapshot(groupId, "Fresh"), author: null })])
        ),
      participants: (device, groupId, action, people) =>
        Effect.gen(function*() {
          yield* asked(device, groupId)
          const results = people.map(resultOf)
          const participants = results.flatMap(({ jid, status }) => status === "done" ? [personOf(jid)] : [])
          if (action !== "approve" && action !== "reject") {
            yield* groups.record(device.deviceId, [GroupFact.Participants({ groupId, action, participants, includesMe: false, author: null })])
          }
          return results
        }),
      change: (device, groupId, change) =>
        Effect.zipRight(asked(device, groupId), groups.record(device.deviceId, [factOf(groupId, change)])),
      invite: (device, groupId, renew) => Effect.as(asked(device, groupId), renew ? "NEWCODE123" : "OLDCODE123"),
      join: (device, code) =>
        Effect.zipRight(
          connected(device),
          code.startsWith("WAITS")
            ? Effect.succeed({ groupId: groupJid("888"), waits: true })
            : code.startsWith("GONE")
            ? new InviteNotFound()
            : Effect.succeed({ groupId: groupJid("777"), waits: false })
        ),
      joinRequests: (device, groupId) =>
        Effect.as(asked(device, groupId), [{ jid: phoneJid("6281277770001"), lid: null, phone: PhoneNumber.make("6281277770001"), requestedAt: null }])
    })
  })
)

const connected = ({ deviceId, isConnected }: Device): Effect.Effect<void, AskError> =>
  isConnected ? Effect.void : new DeviceNotConnected({ deviceId })

const factOf = (groupId: JidType, change: GroupChange): GroupFact =>
  change._tag === "Leave"
    ? GroupFact.Participants({ groupId, action: "remove", participants: [], includesMe: true, author: null })
    : GroupFact.Changed({
      groupId,
      author: null,
      settings: change._tag === "Name"
        ? { name: change.name }
        : change._tag === "Description"
        ? { description: change.description }
        : change._tag === "Announcement"
        ? { announcement: change.on }
        : change._tag === "Locked"
        ? { locked: change.on }
        : {}
    })
