import { isGroup } from "../../src/emulator/protocol/jid.ts"
import type { Evidence } from "./Evidence.ts"
import type { StoredMessage } from "./ChaosDatabase.ts"
import { ranks } from "./Diary.ts"
import { expectThat, show } from "./Findings.ts"

/** What a contact's devices show is a row with this text, once and in the order of the rows. */
export const auditShown = ({ byId, missing, walk, written, wrong }: Evidence): void => {
  const { contacts, devices } = walk.world
  for (const [contact, { devices: contactDevices, phone }] of contacts.entries()) {
    for (const { inbox, number } of contactDevices) {
      const entries = inbox.entries.filter(({ chat, fromMe }) => !fromMe && !isGroup(chat))
      for (const [device, { deviceId, phone: account }] of devices.entries()) {
        const shown = entries.filter(({ from }) => from === account.phone)
        const at = `${phone.phone}:${number}`
        expectThat(wrong, new Set(shown.map(({ id }) => id)).size === shown.length, () => `${at} shows an id of ${deviceId} twice`)
        expectThat(wrong, new Set(shown.map(({ text }) => text)).size === shown.length, () => `${at} shows a text of ${deviceId} twice`)
        const order: Array<number> = []
        for (const { id, text } of shown) {
          const [row] = byId.get(`${deviceId}|${id}`) ?? []
          const typed = written.has(`${deviceId}|${id}`)
          expectThat(typed ? missing : wrong, row !== undefined, () => `${at} shows ${id} "${text}", which ${deviceId} does not have`)
          if (row === undefined) continue
          expectThat(wrong, row.content === text, () => `${at} shows "${text}" for ${show(row)}`)
          if (!typed) order.push(row.id)
        }
        // what had to be sent again comes later
        const inOrder = order.every((id, index) => index === 0 || order[index - 1]! < id)
        expectThat(wrong, inOrder || walk.hits("ask-retry", device, contact) > 0, () => `${at} shows rows of ${deviceId} as ${order.join(", ")}`)
      }
    }
  }
}

/** What was sent is on each of the contact's devices, or has failed because WhatsApp refused it. */
export const auditSent = (evidence: Evidence): void => {
  const { missing, rowOf, walk, wrong } = evidence
  const { diary, world: { contacts, devices } } = walk
  for (const [contact, { confirms, devices: contactDevices, phone }] of contacts.entries()) {
    for (const [device, { deviceId }] of devices.entries()) {
      const sends = diary.sends.filter((send) => send.device === device && send.contact === contact)
      const refused = walk.hits("ack-error", device, contact)
      const failed = sends.filter((send) => rowOf.get(send)?.status === "failed").length
      expectThat(wrong, failed <= refused, () =>
        `${failed} messages of ${deviceId} to ${phone.phone} failed, WhatsApp refused ${refused}: ${
          sends.flatMap((send) => rowOf.get(send)?.status === "failed" ? [show(rowOf.get(send)!)] : []).join("; ")}`)
      for (const send of sends) {
        const row = rowOf.get(send)
        if (row === undefined) continue
        const seen = contactDevices.filter(({ inbox }) => inbox.entries.some(({ id, fromMe }) => id === row.messageId && !fromMe))
        if (row.status === "failed") {
          expectThat(missing, seen.length === 0, () => `${phone.phone} shows ${show(row)}`)
          continue
        }
        expectThat(missing, seen.length === contactDevices.length, () => `${seen.length} of ${contactDevices.length} devices of ${phone.phone} show ${show(row)}`)
        if (confirms && seen.length > 0) diary.receipt(contact, row.messageId, "delivered")
        expectStatus(evidence, contact, row)
      }
    }
  }
}

/** The row knows how far its message has come. */
export const expectStatus = ({ missing, walk: { diary }, wrong }: Evidence, contact: number, row: StoredMessage): void => {
  const status = diary.statusOf(contact, row.messageId)
  const far = ranks.findIndex((rank) => rank === row.status)
  expectThat(far > ranks.indexOf(status) ? wrong : missing, row.status === status, () => `should be ${status}: ${show(row)}`)
  const times = [row.sentAt, row.deliveredAt, row.readAt].filter((time) => time !== null).length
  expectThat(wrong, far < 0 || times === far + 1, () => `has ${times} times: ${show(row)}`)
  expectThat(wrong, (row.queue === null) === (row.status !== "pending"), () => `queued as ${row.queue}: ${show(row)}`)
}

/** The owners' phones have their copy of all that was sent. */
export const auditCopies = ({ missing, rowOf, walk: { diary, world: { devices } }, wrong }: Evidence): void => {
  for (const [device, { deviceId, phone }] of devices.entries()) {
    const copies = phone.inbox.filter(({ chat, fromMe }) => fromMe && !isGroup(chat))
    expectThat(wrong, new Set(copies.map(({ id }) => id)).size === copies.length, () => `the phone of ${deviceId} shows a message twice`)
    for (const send of diary.sends) {
      const row = rowOf.get(send)
      if (send.device !== device || row === undefined || row.status === "failed" || row.status === "pending") continue
      const copy = copies.find(({ id }) => id === row.messageId)
      expectThat(missing, copy !== undefined, () => `the phone of ${deviceId} does not show ${show(row)}`)
      expectThat(wrong, copy === undefined || copy.text === send.text, () => `the phone of ${deviceId} shows "${copy?.text}" for ${show(row)}`)
    }
  }
}
