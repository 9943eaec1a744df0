import { type BinaryNode, generateMessageIDV2, getAllBinaryNodeChildren, getBinaryNodeChild, getBinaryNodeChildren, type WASocket } from "@whiskeysockets/baileys"
import { Effect, Predicate } from "effect"
import { type GroupChange, GroupRefused, type JoinRequest, type ParticipantAction, type ParticipantResult } from "../../domain/Group.ts"
import type { GroupSnapshot } from "../../domain/GroupFact.ts"
import type { Jid } from "../../domain/Jid.ts"
import { QueryFailed } from "../Connection.ts"
import { joinedOf, joinRequestsOf, type Me, resultsOf, snapshotOf } from "./GroupNodes.ts"

type GroupError = GroupRefused | QueryFailed

/** What can be asked and done about groups. Each is one question to the server, but for what says otherwise. */
export interface GroupQueries {
  /** All that this account is in, with their members. */
  readonly all: Effect.Effect<ReadonlyArray<GroupSnapshot>, GroupError>
  readonly get: (groupId: Jid) => Effect.Effect<GroupSnapshot, GroupError>
  readonly create: (name: string, participants: ReadonlyArray<Jid>) => Effect.Effect<
    { readonly group: GroupSnapshot; readonly results: ReadonlyArray<ParticipantResult> },
    GroupError
  >
  /** The results stand in the order of the people. */
  readonly participants: (groupId: Jid, action: ParticipantAction, people: ReadonlyArray<Jid>) => Effect.Effect<
    ReadonlyArray<ParticipantResult>,
    GroupError
  >
  /** A description takes two questions: it names the one that it replaces. */
  readonly change: (groupId: Jid, change: GroupChange) => Effect.Effect<void, GroupError>
  readonly inviteCode: (groupId: Jid) => Effect.Effect<string, GroupError>
  /** Makes the link worthless; answers the new one's code. */
  readonly revokeInvite: (groupId: Jid) => Effect.Effect<string, GroupError>
  readonly join: (code: string) => Effect.Effect<{ readonly groupId: Jid; readonly waits: boolean }, GroupError>
  readonly joinRequests: (groupId: Jid) => Effect.Effect<ReadonlyArray<JoinRequest>, GroupError>
}

type Ask = <A>(query: string, run: () => Promise<A>) => Effect.Effect<A, QueryFailed>
const everyGroup = "@g.us"

export const makeGroupQueries = (sock: WASocket, ask: Ask, parts: {
  readonly me: () => Me
  /** what is remembered of a group for sending is out of date */
  readonly forget: (groupId: Jid) => void
}): GroupQueries => {
  const { forget, me } = parts
  const iq = (type: "get" | "set", to: string, content: BinaryNode) =>
    ask(`group ${content.tag}`, () => sock.query({ tag: "iq", attrs: { type, xmlns: "w:g2", to }, content: [content] })).pipe(
      Effect.mapError(refused)
    )
  const change = (groupId: Jid, content: BinaryNode) =>
    Effect.ensuring(iq("set", groupId, content), Effect.sync(() => forget(groupId)))
  const metadata = Effect.fnUntraced(function*(groupId: Jid) {
    const answer = yield* iq("get", groupId, node("query", { request: "interactive" }))
    return getBinaryNodeChild(answer, "group")
  })

  return {
    all: Effect.gen(function*() {
      const answer = yield* iq("get", everyGroup, node("participating", {}, [node("participants"), node("description")]))
      const groups = getBinaryNodeChild(answer, "groups")
      if (groups === undefined) return yield* unreadable("group participating")
      return getBinaryNodeChildren(groups, "group").flatMap((group) => snapshotOf(group, me()) ?? [])
    }),
    get: Effect.fn("WhatsApp.group")(function*(groupId) {
      return snapshotOf(yield* metadata(groupId), me()) ?? (yield* unreadable("group query"))
    }),
    create: Effect.fn("WhatsApp.createGroup")(function*(name, people) {
      const answer = yield* iq("set", everyGroup, node("create", { subject: name, key: generateMessageIDV2() }, participantNodes(people)))
      const made = getBinaryNodeChild(answer, "group")
      const group = snapshotOf(made, me())
      return group === undefined ? yield* unreadable("group create") : { group, results: resultsOf(made, people) }
    }),
    participants: Effect.fn("WhatsApp.groupParticipants")(function*(groupId, action, people) {
      const list = node(action, {}, participantNodes(people))
      const decides = action === "approve" || action === "reject"
      const answer = yield* change(groupId, decides ? node("membership_requests_action", {}, [list]) : list)
      const around = decides ? getBinaryNodeChild(answer, "membership_requests_action") : answer
      return resultsOf(getBinaryNodeChild(around, action), people)
    }),
    change: Effect.fn("WhatsApp.changeGroup")(function*(groupId, wanted) {
      switch (wanted._tag) {
        case "Name":
          return yield* Effect.asVoid(change(groupId, node("subject", {}, Buffer.from(wanted.name))))
        case "Description": {
          const old = getBinaryNodeChild(yield* metadata(groupId), "description")?.attrs["id"]
          const prev = old === undefined ? {} : { prev: old }
          const { description } = wanted
          return yield* Effect.asVoid(change(
            groupId,
            description === null
              ? node("description", { delete: "true", ...prev })
              : node("description", { id: generateMessageIDV2(), ...prev }, [node("body", {}, Buffer.from(description))])
          ))
        }
        case "Announcement":
          return yield* Effect.asVoid(change(groupId, node(wanted.on ? "announcement" : "not_announcement")))
        case "Locked":
          return yield* Effect.asVoid(change(groupId, node(wanted.on ? "locked" : "unlocked")))
        case "JoinApproval": {
          const state = node("group_join", { state: wanted.on ? "on" : "off" })
          return yield* Effect.asVoid(change(groupId, node("membership_approval_mode", {}, [state])))
        }
        case "MemberAddMode": {
          const mode = wanted.mode === "everyone" ? "all_member_add" : "admin_add"
          return yield* Effect.asVoid(change(groupId, node("member_add_mode", {}, Buffer.from(mode))))
        }
        case "Picture": {
          const attrs = { to: "s.whatsapp.net", target: groupId, type: "set", xmlns: "w:profile:picture" }
          const content = [node("picture", { type: "image" }, wanted.jpeg)]
          return yield* Effect.mapError(ask("group picture", () => sock.query({ tag: "iq", attrs, content })), refused)
        }
        case "NoPicture":
          return yield* Effect.mapError(ask("group picture", () => sock.removeProfilePicture(groupId)), refused)
        case "Leave": {
          const leave = iq("set", everyGroup, node("leave", {}, [node("group", { id: groupId })]))
          return yield* Effect.asVoid(Effect.ensuring(leave, Effect.sync(() => forget(groupId))))
        }
      }
    }),
    inviteCode: Effect.fn("WhatsApp.groupInvite")((groupId) => Effect.flatMap(iq("get", groupId, node("invite")), inviteOf)),
    revokeInvite: Effect.fn("WhatsApp.revokeGroupInvite")((groupId) => Effect.flatMap(iq("set", groupId, node("invite")), inviteOf)),
    join: Effect.fn("WhatsApp.joinGroup")(function*(code) {
      const joined = joinedOf(yield* iq("set", everyGroup, node("invite", { code })))
      return joined ?? (yield* unreadable("group invite"))
    }),
    joinRequests: Effect.fn("WhatsApp.groupJoinRequests")((groupId) =>
      Effect.map(
        iq("get", groupId, node("membership_approval_requests")),
        (answer) => joinRequestsOf(getAllBinaryNodeChildren(answer)[0])
      )
    )
  }
}

const node = (tag: string, attrs: BinaryNode["attrs"] = {}, content?: BinaryNode["content"]): BinaryNode =>
  content === undefined ? { tag, attrs } : { tag, attrs, content }
const participantNodes = (people: ReadonlyArray<Jid>) => people.map((jid) => node("participant", { jid }))

const unreadable = (query: string) => new QueryFailed({ query, cause: new Error("WhatsApp's answer names no group") })
const inviteOf = (answer: BinaryNode) => {
  const code = getBinaryNodeChild(answer, "invite")?.attrs["code"]
  return code === undefined ? unreadable("group invite") : Effect.succeed(code)
}

/** A number of its own is an answer; that it is asked too often or has a fault is none. */
const refused = (failed: QueryFailed): GroupError => {
  const code = Predicate.hasProperty(failed.cause, "data") ? Number(failed.cause.data) : Number.NaN
  return code >= 400 && code < 500 && code !== 429 ? new GroupRefused({ code }) : failed
}
