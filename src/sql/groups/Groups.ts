import { Context, type DateTime, Effect, Layer, type Option } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { Group, GroupNotFound, NamedParticipant } from "../../domain/Group.ts"
import type { GroupFact, GroupMembers } from "../../domain/GroupFact.ts"
import type { Jid } from "../../domain/Jid.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { makeGroupReader } from "./GroupReader.ts"
import { makeGroupRecorder } from "./GroupRecorder.ts"

export interface GroupQuery {
  /** in the name */
  readonly search?: string | undefined
  /** leaves out those of which the device only knows the name, or which it has left */
  readonly onlyJoined: boolean
  readonly after?: number | undefined
  readonly limit: number
}

/** The `groups` table: one row a group and device, kept by what WhatsApp tells of it. */
export class Groups extends Context.Tag("whatsapp-service/Groups")<Groups, {
  /** Writes what has changed, and with it its events, unless `quiet`. Joins the caller's transaction. */
  readonly record: (
    deviceId: DeviceId,
    facts: ReadonlyArray<GroupFact>,
    options?: { readonly quiet?: boolean }
  ) => Effect.Effect<void, StorageUnavailable>
  /** These were all the groups of the device a moment ago, and have been recorded: it has left all others. */
  readonly synced: (deviceId: DeviceId, all: ReadonlyArray<Jid>) => Effect.Effect<void, StorageUnavailable>
  /** When all groups were last asked for. */
  readonly syncedAt: (deviceId: DeviceId) => Effect.Effect<Option.Option<DateTime.Utc>, StorageUnavailable>
  readonly get: (deviceId: DeviceId, groupId: Jid) => Effect.Effect<
    { readonly group: Group; readonly addressing: "pn" | "lid"; readonly participants: ReadonlyArray<NamedParticipant> },
    GroupNotFound | StorageUnavailable
  >
  /** None unless the device is in the group, and all that was told of it has been recorded. */
  readonly members: (deviceId: DeviceId, groupId: Jid) => Effect.Effect<Option.Option<GroupMembers>, StorageUnavailable>
  /** By name, after the row id `after`. */
  readonly list: (deviceId: DeviceId, query: GroupQuery) => Effect.Effect<ReadonlyArray<Group>, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    Groups,
    Effect.map(Effect.all([makeGroupReader, makeGroupRecorder]), ([reader, recorder]) => Groups.of({ ...reader, ...recorder }))
  )
}
