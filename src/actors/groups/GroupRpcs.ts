import { Rpc } from "@effect/rpc"
import { type Effect, Schema } from "effect"
import { DeviceNotConnected, DeviceNotFound, WhatsAppUnanswered } from "../../domain/Device.ts"
import {
  GroupChange, GroupNotFound, GroupRefused, InviteNotFound, JoinRequest, NotGroupAdmin, NotGroupMember, ParticipantAction, ParticipantResult
} from "../../domain/Group.ts"
import { Jid } from "../../domain/Jid.ts"
import { StorageUnavailable } from "../../domain/Storage.ts"
import type { QueryFailed } from "../../whatsapp/WhatsApp.ts"
import type { GroupDesk } from "./GroupDesk.ts"

const asked = Schema.Union(DeviceNotConnected, DeviceNotFound, WhatsAppUnanswered, StorageUnavailable, GroupRefused)
const ofGroup = Schema.Union(asked, GroupNotFound, NotGroupMember, NotGroupAdmin)

/** What a device's entity is asked about groups. */
export const groupRpcs = [
  Rpc.make("GroupCreate", {
    payload: { name: Schema.String, participants: Schema.Array(Jid) },
    success: Schema.Struct({ groupId: Jid, results: Schema.Array(ParticipantResult) }),
    error: asked
  }),
  Rpc.make("GroupRefresh", { payload: { groupId: Jid }, error: ofGroup }),
  Rpc.make("GroupParticipants", {
    payload: { groupId: Jid, action: ParticipantAction, people: Schema.Array(Jid) },
    success: Schema.Array(ParticipantResult),
    error: ofGroup
  }),
  Rpc.make("GroupChange", { payload: { groupId: Jid, change: GroupChange }, error: ofGroup }),
  Rpc.make("GroupInvite", { payload: { groupId: Jid, renew: Schema.Boolean }, success: Schema.String, error: ofGroup }),
  Rpc.make("GroupJoin", {
    payload: { code: Schema.String },
    success: Schema.Struct({ groupId: Jid, waits: Schema.Boolean }),
    error: Schema.Union(asked, InviteNotFound)
  }),
  Rpc.make("GroupJoinRequests", { payload: { groupId: Jid }, success: Schema.Array(JoinRequest), error: ofGroup })
] as const

/** `ask` gives the desk of the connection that there is, and says what WhatsApp left unanswered. */
export const groupHandlers = (ask: <A, E>(question: (desk: GroupDesk) => Effect.Effect<A, E | QueryFailed>) => Effect.Effect<
  A,
  Exclude<E, QueryFailed> | DeviceNotConnected | WhatsAppUnanswered
>) => ({
  GroupCreate: ({ payload }: { readonly payload: { readonly name: string; readonly participants: ReadonlyArray<Jid> } }) =>
    ask((desk) => desk.create(payload.name, payload.participants)),
  GroupRefresh: ({ payload }: { readonly payload: { readonly groupId: Jid } }) => ask((desk) => desk.refresh(payload.groupId)),
  GroupParticipants: ({ payload }: {
    readonly payload: { readonly groupId: Jid; readonly action: ParticipantAction; readonly people: ReadonlyArray<Jid> }
  }) => ask((desk) => desk.participants(payload.groupId, payload.action, payload.people)),
  GroupChange: ({ payload }: { readonly payload: { readonly groupId: Jid; readonly change: GroupChange } }) =>
    ask((desk) => desk.change(payload.groupId, payload.change)),
  GroupInvite: ({ payload }: { readonly payload: { readonly groupId: Jid; readonly renew: boolean } }) =>
    ask((desk) => desk.invite(payload.groupId, payload.renew)),
  GroupJoin: ({ payload }: { readonly payload: { readonly code: string } }) => ask((desk) => desk.join(payload.code)),
  GroupJoinRequests: ({ payload }: { readonly payload: { readonly groupId: Jid } }) =>
    ask((desk) => desk.joinRequests(payload.groupId))
})
