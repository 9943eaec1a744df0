import type { StoredEvent, StoredMessage } from "./ChaosDatabase.ts"
import { expectThat, type Findings, show } from "./Findings.ts"
import type { Walk } from "./Walk.ts"

/** What was written in the group is once with everybody: on the contacts' devices, and in the rows and events of our own. */
export const auditGroup = (walk: Walk, messages: ReadonlyArray<StoredMessage>, events: ReadonlyArray<StoredEvent>): Findings => {
  const { diary, world } = walk
  const missing: Array<string> = []
  const wrong: Array<string> = []
  const rows = messages.filter(({ group }) => group !== null)
  const byKey = Map.groupBy(rows, (row) => `${row.deviceId}|${row.idempotencyKey}`)
  const byId = Map.groupBy(rows, (row) => `${row.deviceId}|${row.messageId}`)
  const received = Map.groupBy(
    events.filter(({ type }) => type === "message.received"),
    ({ data, deviceId }) => `${deviceId}|${(JSON.parse(data) as { readonly messageId: string }).messageId}`
  )
  const known = new Set<number>()

  const expectReceived = (deviceId: string, id: string, text: string) => {
    const found = byId.get(`${deviceId}|${id}`) ?? []
    const [row] = found
    expectThat(found.length > 1 ? wrong : missing, found.length === 1, () => `"${text}" in the group is ${found.length} rows of ${deviceId}`)
    if (row === undefined) return
    known.add(row.id)
    const told = received.get(`${deviceId}|${id}`) ?? []
    expectThat(row.messageType === "undecryptable" ? missing : wrong, row.content === text, () => `"${text}" in the group is stored as ${show(row)}`)
    expectThat(wrong, row.direction === "incoming" && row.group === world.group, () => `"${text}" is stored in ${row.group} as ${show(row)}`)
    expectThat(told.length > 1 ? wrong : missing, told.length === 1, () => `told ${told.length} times: ${show(row)}`)
  }
  const expectShown = (where: string, shown: number, row: StoredMessage) =>
    expectThat(shown > 1 ? wrong : missing, shown === 1, () => `${where} shows ${shown} times ${show(row)}`)

  for (const send of diary.groupSends) {
    const { deviceId, phone } = world.devices[send.device]!
    const found = byKey.get(`${deviceId}|${send.key}`) ?? []
    const [row] = found
    expectThat(wrong, send.ids.size <= 1, () => `${send.text} was answered with ${send.ids.size} ids`)
    expectThat(send.ids.size > 0 ? wrong : missing, found.length === 1, () => `${send.text} is ${found.length} rows`)
    if (row === undefined) continue
    known.add(row.id)
    expectThat(wrong, row.content === send.text && row.direction === "outgoing" && row.group === world.group, () =>
      `${send.text} is stored in ${row.group} as ${show(row)}`)
    for (const id of send.ids) expectThat(wrong, id === row.messageId, () => `${send.text} was answered as ${id} and is ${show(row)}`)
    expectThat(row.status === "pending" ? missing : wrong, ["sent", "delivered", "read"].includes(row.status), () => `was not sent: ${show(row)}`)
    expectShown(`the phone of ${deviceId}`, phone.inbox.filter(({ id }) => id === row.messageId).length, row)
    for (const { devices, phone: contact } of world.contacts) {
      for (const { inbox, number } of devices) {
        const shown = inbox.entries.filter(({ id }) => id === row.messageId)
        expectShown(`${contact.phone}:${number}`, shown.length, row)
        expectThat(wrong, shown.every(({ text }) => text === send.text), () => `${contact.phone}:${number} shows "${shown[0]?.text}" for ${show(row)}`)
      }
    }
    for (const other of world.devices) if (other.deviceId !== deviceId) expectReceived(other.deviceId, row.messageId, send.text)
  }
  for (const { id, text } of diary.groupWritten) for (const { deviceId } of world.devices) expectReceived(deviceId, id, text)
  for (const row of rows) expectThat(wrong, known.has(row.id), () => `nobody wrote in the group ${show(row)}`)
  return { missing, wrong }
}
