import type { NewChatMessageCapInfo, ReachoutTimelockState } from "@whiskeysockets/baileys"
import { DateTime } from "effect"
import type { Restriction } from "../domain/Device.ts"

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
