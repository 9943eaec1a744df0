import { DateTime, Duration, Effect } from "effect"
import { type AskError, GroupCommands, type GroupError } from "../../actors/groups/GroupCommands.ts"
import type { Device } from "../../domain/Device.ts"
import { type Group, NotGroupAdmin, NotGroupMember } from "../../domain/Group.ts"
import type { Jid } from "../../domain/Jid.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { Groups } from "../../sql/groups/Groups.ts"

/** Notifications keep what is stored up to date; this is for what they may have left out. */
const askedAgainAfter = Duration.minutes(30)

export const groupView = (group: Group) => ({ ...group, isMember: group.isMember })

/** Groups as they are stored, with a look at WhatsApp where that is too old. */
export const makeGroupReading = Effect.gen(function*() {
  const commands = yield* GroupCommands
  const groups = yield* Groups

  const stored = Effect.fnUntraced(function*({ deviceId }: Device, groupId: Jid) {
    const { group, participants } = yield* groups.get(deviceId, groupId)
    const admins = participants.flatMap(({ jid, role }) => role === "member" ? [] : [jid])
    return { ...groupView(group), participants, admins }
  })

  /** When WhatsApp last told of the group, if it is one that the device is in: one that it has left stays as it was. */
  const lastTold = ({ deviceId }: Device, groupId: Jid) =>
    groups.get(deviceId, groupId).pipe(
      Effect.map(({ group: { isMember, refreshedAt } }) => refreshedAt === null ? "never" : isMember ? refreshedAt : "over"),
      Effect.catchTag("GroupNotFound", () => Effect.succeed("never" as const))
    )

  /** Whether one may ask is no reason not to show what there is. */
  const look = (device: Device, groupId: Jid) =>
    commands.refresh(device, groupId).pipe(
      Effect.catchIf(isPassing, () => Effect.void),
      // of a group that it has left it still knows what it was
      Effect.catchTag("NotGroupMember", (error) =>
        Effect.asVoid(Effect.mapError(groups.get(device.deviceId, groupId), (failed) => failed._tag === "GroupNotFound" ? error : failed))),
      Effect.when(() => device.isConnected)
    )

  const known = Effect.fnUntraced(function*(device: Device, groupId: Jid) {
    if ((yield* lastTold(device, groupId)) === "never") yield* look(device, groupId)
    const found = yield* groups.get(device.deviceId, groupId)
    return found.group.isMember ? found : yield* new NotGroupMember({ groupId })
  })

  return {
    stored,
    info: Effect.fnUntraced(function*(device: Device, groupId: Jid, refresh: boolean) {
      if (refresh) yield* commands.refresh(device, groupId)
      else {
        const told = yield* lastTold(device, groupId)
        const since = DateTime.subtractDuration(yield* DateTime.now, askedAgainAfter)
        if (told === "never" || (told !== "over" && DateTime.lessThan(told, since))) yield* look(device, groupId)
      }
      return yield* stored(device, groupId)
    }),
    /** That the device is in the group. */
    joined: (device: Device, groupId: Jid) => Effect.asVoid(known(device, groupId)),
    /** Who is in the group, if the device may write there. */
    writable: Effect.fnUntraced(function*(device: Device, groupId: Jid) {
      const { group, participants } = yield* known(device, groupId)
      if (group.announcement && group.ownRole === "member") return yield* new NotGroupAdmin({ groupId })
      return participants
    })
  }
})

type Passing = Exclude<AskError, StorageUnavailable>
const lasting = new Set<GroupError["_tag"]>(["GroupNotFound", "NotGroupMember", "NotGroupAdmin", "StorageUnavailable"])
const isPassing = (error: GroupError): error is Passing => !lasting.has(error._tag)
