import type { Evidence } from "./Evidence.ts"
import type { StoredMessage } from "./ChaosDatabase.ts"
import { expectThat, show } from "./Findings.ts"
import { expectStatus } from "./SentAudit.ts"

/** Everything written to a device is one row, in the order of its writer. */
export const auditWritten = (evidence: Evidence): void => {
  const { byId, missing, walk, wrong } = evidence
  const { diary, world: { contacts, devices } } = walk
  const latest = new Map<string, StoredMessage>()
  for (const each of diary.written) {
    const { deviceId } = devices[each.device]!
    const rows = byId.get(`${deviceId}|${each.id}`) ?? []
    const [row] = rows
    expectThat(rows.length > 1 ? wrong : missing, rows.length === 1, () => `"${each.text}" from ${each.contact}:${each.from} to ${deviceId} is ${rows.length} rows`)
    if (row === undefined) continue
    const direction = each.from === "phone" ? "outgoing" : "incoming"
    const { phone } = contacts[each.contact]!.phone
    expectThat(row.messageType === "undecryptable" ? missing : wrong, row.content === each.text, () => `"${each.text}" is stored as ${show(row)} ${row.messageType}`)
    expectThat(wrong, row.direction === direction && row.phone === phone, () => `"${each.text}" with ${phone} is stored as ${show(row)} with ${row.phone}`)
    if (direction === "outgoing") {
      expectStatus(evidence, each.contact, row)
      continue
    }
    const writer = `${each.device}|${each.contact}|${each.from}`
    const before = latest.get(writer)
    latest.set(writer, row)
    expectThat(wrong, before === undefined || before.id < row.id || walk.hits("corrupt", each.device, each.contact) > 0, () =>
      `${show(row)} was written after ${before && show(before)}`)
  }
}
