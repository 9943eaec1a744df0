import { HttpApiBuilder } from "@effect/platform"
import { Effect } from "effect"
import { GroupCommands } from "../../actors/groups/GroupCommands.ts"
import type { AuditAction, AuditDetails } from "../../domain/Audit.ts"
import { type GroupChange, type ParticipantAction, ParticipantRefused } from "../../domain/Group.ts"
import type { Jid } from "../../domain/Jid.ts"
import { type GroupQuery, Groups } from "../../sql/groups/Groups.ts"
import { Api } from "../Api.ts"
import { CallerDevice } from "../contract/Authorization.ts"
import type { SettingsBody } from "../contract/GroupBodies.ts"
import { page } from "../contract/Paging.ts"
import { makeGroupPictures } from "../media/GroupPicture.ts"
import { groupView, makeGroupReading } from "./GroupReading.ts"
import { makeNoting } from "./Noting.ts"

export const layer = HttpApiBuilder.group(Api, "groups", (handlers) =>
  Effect.gen(function*() {
    const commands = yield* GroupCommands
    const groups = yield* Groups
    const reading = yield* makeGroupReading
    const pictureOf = yield* makeGroupPictures
    const { after } = yield* makeNoting

    const noted = <A, E, R>(
      action: AuditAction,
      groupId: Jid | ((made: A) => Jid),
      details: AuditDetails,
      change: Effect.Effect<A, E, R>
    ) =>
      Effect.flatMap(CallerDevice, ({ caller, device: { deviceId } }) =>
        after(change, (made) => {
          const id = typeof groupId === "string" ? groupId : made === undefined ? undefined : groupId(made)
          return { actor: caller, action, target: id === undefined ? undefined : { type: "group", id }, details: { deviceId, ...details } }
        }))

    const list = Effect.fnUntraced(function*(query: GroupQuery) {
      const { device } = yield* CallerDevice
      const found = yield* groups.list(device.deviceId, { ...query, limit: query.limit + 1 })
      return page(found.map(groupView), query.limit, ({ id }) => id)
    })

    const create = Effect.fnUntraced(function*(name: string, participants: ReadonlyArray<Jid>) {
      const { device } = yield* CallerDevice
      const { groupId, results } = yield* noted("group.create", (made) => made.groupId, { name }, commands.create(device, name, participants))
      return { ...(yield* reading.stored(device, groupId)), results }
    })

    const change = Effect.fnUntraced(function*(groupId: Jid, ...changes: ReadonlyArray<GroupChange>) {
      const { device } = yield* CallerDevice
      for (const each of changes) {
        const action = each._tag === "Leave" ? "group.leave" : "group.update"
        yield* noted(action, groupId, { change: each._tag }, commands.change(device, groupId, each))
      }
      return yield* reading.stored(device, groupId)
    })

    const people = Effect.fnUntraced(function*(groupId: Jid, action: ParticipantAction, some: ReadonlyArray<Jid>) {
      const { device } = yield* CallerDevice
      const results = yield* noted(
        "group.participants", groupId, { change: action, participants: some.slice(0, mostNoted) }, commands.participants(device, groupId, action, some)
      )
      return { groupId, results }
    })

    const person = Effect.fnUntraced(function*(groupId: Jid, action: ParticipantAction, jid: Jid) {
      const answer = yield* people(groupId, action, [jid])
      const [result] = answer.results
      if (result !== undefined && result.status !== "done") {
        return yield* new ParticipantRefused({ jid, status: result.status, code: result.code })
      }
      return answer
    })

    const invite = Effect.fnUntraced(function*(groupId: Jid, renew: boolean) {
      const { device } = yield* CallerDevice
      const asked = commands.invite(device, groupId, renew)
      const code = yield* renew ? noted("group.invite", groupId, { change: "renewed" }, asked) : asked
      return { groupId, code, link: `https://chat.whatsapp.com/${code}` }
    })

    return handlers
      .handle("list", ({ urlParams: { all, ...query } }) => list({ ...query, onlyJoined: !all }))
      .handle("create", ({ payload }) => create(payload.name, payload.participants))
      .handle("join", ({ payload }) =>
        Effect.flatMap(CallerDevice, ({ device }) =>
          noted("group.join", (joined) => joined.groupId, {}, commands.join(device, payload.invite))).pipe(
          Effect.map(({ groupId, waits }) => ({ groupId, status: waits ? "waiting_for_approval" as const : "joined" as const }))
        ))
      .handle("info", ({ path: { groupId }, urlParams: { refresh } }) =>
        Effect.flatMap(CallerDevice, ({ device }) => reading.info(device, groupId, refresh)))
      .handle("add", ({ path: { groupId }, payload }) => people(groupId, "add", payload.participants))
      .handle("remove", ({ path: { groupId, participantJid } }) => person(groupId, "remove", participantJid))
      .handle("promote", ({ path: { groupId }, payload }) => people(groupId, "promote", payload.participants))
      .handle("demote", ({ path: { adminJid, groupId } }) => person(groupId, "demote", adminJid))
      .handle("rename", ({ path: { groupId }, payload: { name } }) => change(groupId, { _tag: "Name", name }))
      .handle("describe", ({ path: { groupId }, payload: { description } }) =>
        change(groupId, { _tag: "Description", description: description === "" ? null : description }))
      .handle("set", ({ path: { groupId }, payload }) => change(groupId, ...settingChanges(payload)))
      .handleRaw("setPicture", ({ path: { groupId }, request }) =>
        Effect.flatMap(CallerDevice, ({ device: { deviceId } }) => pictureOf(deviceId, request)).pipe(
          Effect.flatMap((jpeg) => change(groupId, { _tag: "Picture", jpeg })),
          Effect.scoped
        ))
      .handle("removePicture", ({ path: { groupId } }) => change(groupId, { _tag: "NoPicture" }))
      .handle("leave", ({ path: { groupId } }) => Effect.as(change(groupId, { _tag: "Leave" }), { groupId, status: "left" as const }))
      .handle("invite", ({ path: { groupId } }) => invite(groupId, false))
      .handle("revokeInvite", ({ path: { groupId } }) => invite(groupId, true))
      .handle("joinRequests", ({ path: { groupId } }) =>
        Effect.flatMap(CallerDevice, ({ device }) => commands.joinRequests(device, groupId)).pipe(
          Effect.map((items) => ({ groupId, items }))
        ))
      .handle("approve", ({ path: { groupId }, payload }) => people(groupId, "approve", payload.participants))
      .handle("reject", ({ path: { groupId }, payload }) => people(groupId, "reject", payload.participants))
  }))

/** An entry has room for so many of those whom a change is about. */
const mostNoted = 50

const settingChanges = (
  { announcement, joinApproval, locked, memberAddMode }: typeof SettingsBody.Type
): ReadonlyArray<GroupChange> => [
  ...(announcement === undefined ? [] : [{ _tag: "Announcement", on: announcement } as const]),
  ...(locked === undefined ? [] : [{ _tag: "Locked", on: locked } as const]),
  ...(joinApproval === undefined ? [] : [{ _tag: "JoinApproval", on: joinApproval } as const]),
  ...(memberAddMode === undefined ? [] : [{ _tag: "MemberAddMode", mode: memberAddMode } as const])
]
