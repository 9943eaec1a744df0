import { Array, Context, DateTime, Duration, Effect, Layer, Option } from "effect"
import type { DeviceNotFound } from "../../domain/Device.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import {
  type GroupChange, GroupNotFound, GroupRefused, InviteNotFound, type JoinRequest, NotGroupAdmin, NotGroupMember, type ParticipantAction, type ParticipantResult
} from "../../domain/Group.ts"
import { GroupFact, refOfPerson } from "../../domain/GroupFact.ts"
import { isLidJid, type Jid, userOf } from "../../domain/Jid.ts"
import type { ChatRef } from "../../domain/Message.ts"
import { PhoneNumber } from "../../domain/PhoneNumber.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { Devices } from "../../sql/devices/Devices.ts"
import { EventLog } from "../../sql/events/EventLog.ts"
import { Groups } from "../../sql/groups/Groups.ts"
import { InboundJournal } from "../../whatsapp/receiving/InboundJournal.ts"
import type { Connection, QueryFailed } from "../../whatsapp/WhatsApp.ts"

const notificationsAtOnce = 50
const groupsAtOnce = 20
/** Notifications keep what is stored up to date: asking for all is for what they may have left out. */
const syncEvery = Duration.hours(1)

export type GroupTrouble = GroupNotFound | NotGroupMember | NotGroupAdmin | GroupRefused
type Failure = QueryFailed | StorageUnavailable | DeviceNotFound

/**
 * Groups over one connection. What WhatsApp answers and what it tells by itself are stored one after the other: an older
 * answer never covers a newer notification.
 */
export interface GroupDesk {
  /** Stores what the journal holds of groups, until it holds nothing. */
  readonly drain: Effect.Effect<void, StorageUnavailable>
  /** Asks for all groups, unless that was done a while ago; `always` if WhatsApp has said that they changed. */
  readonly sync: (always: boolean) => Effect.Effect<void, Failure | GroupRefused>
  readonly create: (name: string, participants: ReadonlyArray<Jid>) => Effect.Effect<
    { readonly groupId: Jid; readonly results: ReadonlyArray<ParticipantResult> },
    Failure | GroupRefused
  >
  readonly refresh: (groupId: Jid) => Effect.Effect<void, Failure | GroupTrouble>
  readonly participants: (groupId: Jid, action: ParticipantAction, people: ReadonlyArray<Jid>) => Effect.Effect<
    ReadonlyArray<ParticipantResult>,
    Failure | GroupTrouble
  >
  readonly change: (groupId: Jid, change: GroupChange) => Effect.Effect<void, Failure | GroupTrouble>
  readonly invite: (groupId: Jid, renew: boolean) => Effect.Effect<string, Failure | GroupTrouble>
  readonly join: (code: string) => Effect.Effect<
    { readonly groupId: Jid; readonly waits: boolean },
    Failure | GroupRefused | InviteNotFound
  >
  readonly joinRequests: (groupId: Jid) => Effect.Effect<ReadonlyArray<JoinRequest>, Failure | GroupTrouble>
}

export class GroupDesks extends Context.Tag("whatsapp-service/GroupDesks")<GroupDesks, {
  /** Stores what the journal holds of a device's groups when there is no connection any more. */
  readonly drain: (deviceId: DeviceId) => Effect.Effect<void, StorageUnavailable>
  readonly open: (deviceId: DeviceId, connection: Connection) => Effect.Effect<GroupDesk>
}>() {
  static readonly layer = Layer.effect(
    GroupDesks,
    Effect.gen(function*() {
      const devices = yield* Devices
      const groups = yield* Groups
      const journal = yield* InboundJournal
      const events = yield* EventLog

      const drainBatch = Effect.fnUntraced(function*(deviceId: DeviceId) {
        const entries = yield* journal.groups(deviceId, notificationsAtOnce)
        if (entries.length === 0) return 0
        yield* events.transaction(Effect.zipRight(
          journal.done(deviceId, entries.map(({ id }) => id)),
          groups.record(deviceId, entries.flatMap(({ facts }) => facts))
        ))
        return entries.length
      })
      const drain = (deviceId: DeviceId) =>
        Effect.asVoid(Effect.repeat(drainBatch(deviceId), { while: (taken) => taken === notificationsAtOnce }))

      const open = Effect.fnUntraced(function*(deviceId: DeviceId, { groups: whatsapp }: Connection) {
        const oneAtATime = yield* Effect.makeSemaphore(1)
        const alone = oneAtATime.withPermits(1)

        const me = Effect.map(devices.get(deviceId), ({ jid, lid, phoneNumber }): ChatRef | null =>
          jid === null ? null : { jid, lid, phone: phoneNumber })

        const sync = Effect.fnUntraced(function*(always: boolean) {
          const before = yield* groups.syncedAt(deviceId)
          const now = yield* DateTime.now
          const isFresh = Option.exists(before, (at) => DateTime.lessThan(now, DateTime.addDuration(at, syncEvery)))
          if (isFresh && !always) return
          const all = yield* whatsapp.all
          for (const some of Array.chunksOf(all, groupsAtOnce)) {
            // the groups that the account brings along are no news
            const facts = some.map((group) => GroupFact.Whole({ group, author: null }))
            yield* groups.record(deviceId, facts, { quiet: Option.isNone(before) })
            // with a synchronous database nobody else would have a turn
            yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
          }
          yield* groups.synced(deviceId, all.map(({ groupId }) => groupId))
        })

        /** People of a group as it calls them; others as they were named. */
        const addressed = (groupId: Jid, people: ReadonlyArray<Jid>) =>
          groups.get(deviceId, groupId).pipe(
            Effect.map(({ addressing, participants }) =>
              people.map((person) => {
                const known = participants.find(({ jid, lid }) => jid === person || lid === person)
                return known === undefined ? person : addressing === "lid" ? known.lid ?? known.jid : known.jid
              })),
            Effect.catchTag("GroupNotFound", () => Effect.succeed(people))
          )

        const fetch = Effect.fnUntraced(function*(groupId: Jid) {
          const group = yield* whatsapp.get(groupId)
          yield* groups.record(deviceId, [GroupFact.Whole({ group, author: null })])
        })

        /** Why WhatsApp refuses: of a 403 it does not say whether one is in the group. */
        const explained = (groupId: Jid) => <A, E>(asked: Effect.Effect<A, E | GroupRefused>) =>
          Effect.catchIf(asked, (error): error is Extract<E | GroupRefused, GroupRefused> => error instanceof GroupRefused, ({ code }) =>
            Effect.gen(function*() {
              if (code === 404 || code === 410) return yield* new GroupNotFound({ groupId })
              if (code !== 403 && code !== 401) return yield* new GroupRefused({ code })
              const isMember = yield* groups.get(deviceId, groupId).pipe(
                Effect.map(({ group }) => group.isMember),
                Effect.catchTag("GroupNotFound", () => Effect.succeed(false))
              )
              return yield* isMember ? new NotGroupAdmin({ groupId }) : new NotGroupMember({ groupId })
            }))

        const desk: GroupDesk = {
          drain: alone(drain(deviceId)),
          sync: (always) => alone(sync(always)),
          create: (name, participants) =>
            alone(Effect.gen(function*() {
              const { group, results } = yield* whatsapp.create(name, participants)
              yield* groups.record(deviceId, [GroupFact.Whole({ group, author: yield* me })])
              return { groupId: group.groupId, results }
            })),
          refresh: (groupId) =>
            alone(fetch(groupId).pipe(
              Effect.tapErrorTag("GroupRefused", ({ code }) => code === 403 || code === 404 ? outside(groupId) : Effect.void),
              explained(groupId)
            )),
          participants: (groupId, action, people) =>
            alone(Effect.gen(function*() {
              const asked = yield* whatsapp.participants(groupId, action, yield* addressed(groupId, people))
              const results = asked.map((result, index) => ({ ...result, jid: people[index]! }))
              const done = results.flatMap(({ jid, status }) => status === "done" ? [refOf(jid)] : [])
              if (action !== "reject" && done.length > 0) {
                const author = yield* me
                const fact = { groupId, participants: done, includesMe: done.some((each) => isSame(each, author)), author }
                yield* groups.record(deviceId, [GroupFact.Participants({ ...fact, action: action === "approve" ? "add" : action })])
              }
              return results
            })).pipe(explained(groupId)),
          change: (groupId, change) =>
            alone(Effect.gen(function*() {
              yield* whatsapp.change(groupId, change)
              yield* groups.record(deviceId, [factOf(groupId, change, yield* me)])
            })).pipe(explained(groupId)),
          invite: (groupId, renew) => explained(groupId)(renew ? whatsapp.revokeInvite(groupId) : whatsapp.inviteCode(groupId)),
          join: (code) =>
            alone(Effect.gen(function*() {
              const joined = yield* whatsapp.join(code).pipe(
                Effect.mapError((error) =>
                  error._tag === "GroupRefused" && unknownInvite.has(error.code) ? new InviteNotFound() : error)
              )
              if (!joined.waits) yield* fetch(joined.groupId)
              return joined
            })),
          joinRequests: (groupId) => explained(groupId)(whatsapp.joinRequests(groupId))
        }

        const outside = (groupId: Jid) =>
          groups.get(deviceId, groupId).pipe(
            Effect.flatMap(({ group }) =>
              group.isMember
                ? groups.record(deviceId, [
                  GroupFact.Participants({ groupId, action: "remove", participants: [], includesMe: true, author: null })
                ])
                : Effect.void),
            Effect.catchTag("GroupNotFound", () => Effect.void)
          )
        return desk
      })

      return GroupDesks.of({ drain, open })
    })
  )
}

const unknownInvite = new Set([400, 401, 404, 406, 410])

const refOf = (jid: Jid): ChatRef => refOfPerson(isLidJid(jid) ? { lid: jid } : { phone: PhoneNumber.make(userOf(jid)) })
const isSame = ({ jid, lid }: ChatRef, other: ChatRef | null) => other !== null && (jid === other.jid || (lid !== null && lid === other.lid))

const factOf = (groupId: Jid, change: GroupChange, author: ChatRef | null): GroupFact => {
  const changed = (settings: Extract<GroupFact, { readonly _tag: "Changed" }>["settings"]) => GroupFact.Changed({ groupId, settings, author })
  switch (change._tag) {
    case "Name":
      return changed({ name: change.name })
    case "Description":
      return changed({ description: change.description })
    case "Announcement":
      return changed({ announcement: change.on })
    case "Locked":
      return changed({ locked: change.on })
    case "JoinApproval":
      return changed({ joinApproval: change.on })
    case "MemberAddMode":
      return changed({ memberAddMode: change.mode })
    case "Picture":
    case "NoPicture":
      return GroupFact.Picture({ groupId, author })
    case "Leave":
      return GroupFact.Participants({
        groupId, action: "remove", participants: author === null ? [] : [author], includesMe: true, author
      })
  }
}
