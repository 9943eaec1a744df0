import { Context, type Effect } from "effect"
import type { Device, DeviceBusy, DeviceElsewhere, DeviceNotConnected, DeviceNotFound, WhatsAppUnanswered } from "../../domain/Device.ts"
import type {
  GroupChange, GroupNotFound, GroupRefused, InviteNotFound, JoinRequest, NotGroupAdmin, NotGroupMember, ParticipantAction, ParticipantResult
} from "../../domain/Group.ts"
import type { Jid } from "../../domain/Jid.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"

export type AskError =
  | DeviceNotConnected
  | DeviceElsewhere
  | DeviceBusy
  | DeviceNotFound
  | WhatsAppUnanswered
  | StorageUnavailable
  | GroupRefused
export type GroupError = AskError | GroupNotFound | NotGroupMember | NotGroupAdmin

/** What is done to groups: WhatsApp does it, and what it answers is stored before the call returns. */
export class GroupCommands extends Context.Tag("whatsapp-service/GroupCommands")<GroupCommands, {
  /** Who could not be added is not in the group; the results say why, in the order of the participants. */
  readonly create: (device: Device, name: string, participants: ReadonlyArray<Jid>) => Effect.Effect<
    { readonly groupId: Jid; readonly results: ReadonlyArray<ParticipantResult> },
    AskError
  >
  /** Stores the group as WhatsApp has it now. */
  readonly refresh: (device: Device, groupId: Jid) => Effect.Effect<void, GroupError>
  readonly participants: (device: Device, groupId: Jid, action: ParticipantAction, people: ReadonlyArray<Jid>) => Effect.Effect<
    ReadonlyArray<ParticipantResult>,
    GroupError
  >
  readonly change: (device: Device, groupId: Jid, change: GroupChange) => Effect.Effect<void, GroupError>
  /** The code of the link; `renew` makes the old one worthless. */
  readonly invite: (device: Device, groupId: Jid, renew: boolean) => Effect.Effect<string, GroupError>
  /** `waits`: administrators have to let the device in first. */
  readonly join: (device: Device, code: string) => Effect.Effect<
    { readonly groupId: Jid; readonly waits: boolean },
    AskError | InviteNotFound
  >
  readonly joinRequests: (device: Device, groupId: Jid) => Effect.Effect<ReadonlyArray<JoinRequest>, GroupError>
}>() {}
