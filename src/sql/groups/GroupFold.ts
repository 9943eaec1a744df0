import type { DateTime } from "effect"
import type { GroupParticipant, GroupRole, GroupSettings } from "../../domain/Group.ts"
import { type GroupFact, samePerson } from "../../domain/GroupFact.ts"
import type { ChatRef } from "../../domain/Message.ts"
import type { GroupChangeName } from "../../domain/GroupEvent.ts"

/** A group as it is stored. */
export interface GroupState extends GroupSettings {
  readonly addressing: "pn" | "lid"
  readonly participants: ReadonlyArray<GroupParticipant>
  readonly ownRole: GroupRole | null
  readonly creation: DateTime.Utc | null
  /** all of it has been told, and nothing since that could not be read */
  readonly complete: boolean
}

/** What a fact has really changed; a fact that is told twice changes nothing the second time. */
export interface GroupDifference {
  readonly changes: ReadonlyArray<GroupChangeName>
  readonly people: ReadonlyArray<{ readonly action: "add" | "remove" | "promote" | "demote"; readonly participants: ReadonlyArray<ChatRef> }>
}

export const unknownGroup: GroupState = {
  name: null, description: null, owner: null, announcement: false, locked: false, joinApproval: false, memberAddMode: "admins",
  ephemeralSeconds: 0, addressing: "lid", participants: [], ownRole: null, creation: null, complete: false
}

export const foldGroup = (state: GroupState, fact: GroupFact): GroupState => {
  switch (fact._tag) {
    case "Whole": {
      const { groupId: _, ...group } = fact.group
      return { ...group, participants: withKnownIds(group.participants, state.participants), complete: true }
    }
    case "Changed":
      return { ...state, ...fact.settings }
    case "Participants":
      return withParticipants(state, fact)
    case "Gone":
      return { ...state, participants: [], ownRole: null }
    case "Stale":
      return { ...state, complete: false }
    case "Picture":
      return state
  }
}

/** WhatsApp does not name both ids every time; who one is does not change. */
const withKnownIds = (people: ReadonlyArray<GroupParticipant>, known: ReadonlyArray<ChatRef>): ReadonlyArray<GroupParticipant> => {
  const byId = byEachId(known)
  return people.map((each) => {
    if (each.lid !== null && each.phone !== null) return each
    const other = found(byId, each)
    return other === undefined
      ? each
      : { ...each, jid: each.phone === null ? other.jid : each.jid, lid: each.lid ?? other.lid, phone: each.phone ?? other.phone }
  })
}

const byEachId = <A extends ChatRef>(people: ReadonlyArray<A>): ReadonlyMap<string, A> =>
  new Map(people.flatMap((each) => [[each.jid, each] as const, ...(each.lid === null ? [] : [[each.lid, each] as const])]))
const found = <A>(byId: ReadonlyMap<string, A>, { jid, lid }: ChatRef): A | undefined =>
  byId.get(jid) ?? (lid === null ? undefined : byId.get(lid))

const withParticipants = (state: GroupState, fact: Extract<GroupFact, { readonly _tag: "Participants" }>): GroupState => {
  const { action, includesMe, participants } = fact
  const isMeant = (each: ChatRef) => participants.some((person) => samePerson(person, each))
  switch (action) {
    case "add": {
      const added = participants.filter((person) => !state.participants.some((each) => samePerson(each, person)))
      return {
        ...state,
        participants: [...withKnownIds(state.participants, participants), ...added.map((person) => ({ ...person, role: "member" as const }))],
        ownRole: includesMe ? state.ownRole ?? "member" : state.ownRole
      }
    }
    case "remove":
      return {
        ...state,
        participants: state.participants.filter((each) => !isMeant(each)),
        ownRole: includesMe ? null : state.ownRole
      }
    case "promote":
    case "demote": {
      const role = (before: GroupRole): GroupRole =>
        action === "demote" ? "member" : before === "superadmin" ? before : "admin"
      return {
        ...state,
        participants: state.participants.map((each) => isMeant(each) ? { ...each, role: role(each.role) } : each),
        ownRole: includesMe && state.ownRole !== null ? role(state.ownRole) : state.ownRole
      }
    }
  }
}

const told = ["name", "description", "announcement", "locked", "joinApproval", "memberAddMode", "ephemeralSeconds"] as const

export const differenceOf = (before: GroupState, after: GroupState, fact: GroupFact): GroupDifference => {
  const joined = before.ownRole === null && after.ownRole !== null
  const left = before.ownRole !== null && after.ownRole === null
  const firstTold = fact._tag === "Whole" && !before.complete && before.participants.length === 0
  return {
    changes: [
      ...(joined ? ["joined" as const] : left ? ["left" as const] : []),
      // of one's first look at a group, what it says of itself is no change
      ...(firstTold ? [] : told.filter((name) => before[name] !== after[name])),
      ...(fact._tag === "Picture" ? ["picture" as const] : [])
    ],
    people: firstTold || fact._tag === "Gone" ? [] : peopleMoved(before.participants, after.participants)
  }
}

const isAdmin = ({ role }: GroupParticipant) => role !== "member"

const peopleMoved = (before: ReadonlyArray<GroupParticipant>, after: ReadonlyArray<GroupParticipant>): GroupDifference["people"] => {
  if (before === after) return []
  const [was, is] = [byEachId(before), byEachId(after)]
  const added = after.filter((each) => found(was, each) === undefined)
  const removed = before.filter((each) => found(is, each) === undefined)
  const moved = (to: boolean) =>
    after.filter((each) => {
      const earlier = found(was, each)
      return isAdmin(each) === to && (earlier === undefined ? to : isAdmin(earlier) !== to)
    })
  const all = [["add", added], ["remove", removed], ["promote", moved(true)], ["demote", moved(false)]] as const
  return all.flatMap(([action, people]) =>
    people.length === 0 ? [] : [{ action, participants: people.map(({ jid, lid, phone }) => ({ jid, lid, phone })) }])
}
