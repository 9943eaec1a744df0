import type { Account } from "../Account.ts"
import { child, node } from "../protocol/node.ts"
import type { Query } from "./Query.ts"

const REACHOUT_TIMELOCK = "23983697327930364"
const MESSAGE_CAPPING_INFO = "24503548349331633"

const answers: Record<string, (account: Account) => unknown> = {
  [REACHOUT_TIMELOCK]: ({ timelock }) => ({
    xwa2_fetch_account_reachout_timelock: timelock !== undefined && timelock.getTime() > Date.now()
      ? { is_active: true, time_enforcement_ends: `${Math.floor(timelock.getTime() / 1000)}` }
      : { is_active: false, time_enforcement_ends: "0" }
  }),
  [MESSAGE_CAPPING_INFO]: () => ({
    xwa2_message_capping_info: { total_quota: "1000", used_quota: "0", capping_status: "NONE" }
  })
}

/** GraphQL over the socket. */
export const mex: Query = ({ companion, iq }) => {
  const asked = child(iq, "query")
  if (!asked) return undefined
  const data = answers[asked.attrs.query_id ?? ""]?.(companion.account)
  const body = data === undefined
    ? { data: null, errors: [{ message: "unknown query", extensions: { error_code: 404, severity: "CRITICAL" } }] }
    : { data }
  return { content: [node("result", {}, Buffer.from(JSON.stringify(body)))] }
}
