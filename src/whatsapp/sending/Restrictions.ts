import type { NewChatMessageCapInfo, ReachoutTimelockState, WASocket } from "@whiskeysockets/baileys"
import { DateTime, Effect } from "effect"
import type { Restriction } from "../../domain/Device.ts"
import { ClosedBecause } from "../socket/CloseReason.ts"
import type { QueryFailed } from "../Connection.ts"

/**
 * 463 has two causes: the account may not write to strangers, or lacks a token for this one person; the server tells which.
 * 475 has one, and only its end is asked for.
 */
export const makeRestrictionQuery = (
  sock: WASocket,
  ask: <A>(query: string, run: () => Promise<A>) => Effect.Effect<A, QueryFailed>
) => (code: number): Effect.Effect<Restriction | null, QueryFailed> =>
  code === 475
    ? ask("new-chat-cap", () => sock.fetchNewChatMessageCap()).pipe(
      Effect.map((info) => cappingRestriction(info)),
      Effect.catchIf(({ cause }) => !(cause instanceof ClosedBecause), () => Effect.succeed(null)),
      Effect.map((told) => told ?? { kind: "new_chat_cap", code, until: null })
    )
    : Effect.map(ask("reachout-timelock", () => sock.fetchAccountReachoutTimelock()), timelockRestriction)

/** Whether it is active counts alone: kinds that Baileys does not know arrive under the name of "no restriction". */
export const timelockRestriction = ({ isActive, timeEnforcementEnds }: ReachoutTimelockState): Restriction | null =>
  isActive
    ? {
      kind: "reachout_timelock",
      code: 463,
      until: timeEnforcementEnds === undefined ? null : DateTime.unsafeFromDate(timeEnforcementEnds)
    }
    : null

export const cappingRestriction = (info: NewChatMessageCapInfo): Restriction | null => {
  if (info.capping_status !== "CAPPED") return null
  const ends = Number(info.cycle_end_timestamp)
  return {
    kind: "new_chat_cap",
    code: 475,
    until: Number.isFinite(ends) && ends > 0 ? DateTime.unsafeMake(ends * 1000) : null
  }
}
