import { isGroup } from "../../src/emulator/protocol/jid.ts"
import type { StoredMessage } from "./ChaosDatabase.ts"
import { ranks, type Send } from "./Diary.ts"
import { expectThat, type Findings, show } from "./Findings.ts"
import { auditGroup } from "./GroupAudit.ts"
import type { Walk } from "./Walk.ts"

const complaints = /loop failed|could not be handled|nobody listening|cannot be read(?! now)|forgotten unread|uncaught|defect/i
const secrets = /geheim\d|eyJ[\w-]{10,}\.[\w-]+\.|<Buffer|priv(ate)?Key|chainKey|rootKey|noiseKey/i

/** Compares what the emulator has seen, what the database holds, and what the API tells, message by message. */
export const audit = async (walk: Walk): Promise<Findings> => {
  const { diary, world } = walk
  const { contacts, database, devices, emulator } = world
  const { events, journalled, messages: all, unreadable } = await database.read()
  const messages = all.filter(({ group }) => group === null)
  const inGroup = auditGroup(walk, all, events)
  const missing: Array<string> = [...inGroup.missing]
  const wrong = [...diary.surprises, ...world.troubles, ...inGroup.wrong]
  const indexOf = new Map(devices.map(({ deviceId }, index) => [deviceId, index]))
  const byKey = Map.groupBy(messages, (row) => `${row.deviceId}|${row.idempotencyKey}`)
  const byId = Map.groupBy(messages, (row) => `${row.deviceId}|${row.messageId}`)

  // every send is one row, whatever was answered and how often it was asked
  const rowOf = new Map<Send, StoredMessage>()
  for (const send of diary.sends) {
    const { deviceId } = devices[send.device]!
    const rows = byKey.get(`${deviceId}|${send.key}`) ?? []
    const [row] = rows
    expectThat(wrong, send.ids.size <= 1, () => `${send.text} was answered with ${send.ids.size} ids`)
    expectThat(send.ids.size > 0 ? wrong : missing, rows.length === 1, () => `${send.text} is ${rows.length} rows`)
    if (row === undefined) continue
    rowOf.set(send, row)
    const { phone } = contacts[send.contact]!.phone
    const right = row.content === send.text && row.phone === phone && row.direction === "outgoing"
    expectThat(wrong, right, () => `${send.text} to ${phone} is stored as ${show(row)} to ${row.phone}`)
    for (const id of send.ids) expectThat(wrong, id === row.messageId, () => `${send.text} was answered as ${id} and is ${show(row)}`)
    const before = send.after && rowOf.get(send.after)
    expectThat(wrong, before === undefined || before.id < row.id, () => `${send.text} was asked for after ${send.after?.text}, and comes before`)
  }
  const wanted = new Set([...rowOf.values()].map(({ id }) => id))

  // every row is known to the diary
  const written = new Map(diary.written.map((each) => [`${devices[each.device]!.deviceId}|${each.id}`, each]))
  for (const row of messages) {
    const known = wanted.has(row.id) || written.has(`${row.deviceId}|${row.messageId}`)
    expectThat(wrong, known, () => `nobody wrote ${show(row)}`)
  }

  // what reached the contacts, on each of their devices
  for (const [contact, { confirms, devices: contactDevices, phone }] of contacts.entries()) {
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
        expectStatus(contact, row)
      }
    }
  }
  function expectStatus(contact: number, row: StoredMessage) {
    const status = diary.statusOf(contact, row.messageId)
    const far = ranks.findIndex((rank) => rank === row.status)
    expectThat(far > ranks.indexOf(status) ? wrong : missing, row.status === status, () => `should be ${status}: ${show(row)}`)
    const times = [row.sentAt, row.deliveredAt, row.readAt].filter((time) => time !== null).length
    expectThat(wrong, far < 0 || times === far + 1, () => `has ${times} times: ${show(row)}`)
    expectThat(wrong, (row.queue === null) === (row.status !== "pending"), () => `queued as ${row.queue}: ${show(row)}`)
  }

  // the owners' phones have their copy of all that was sent
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

  // everything written to a device is one row, in the order of its writer
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
      expectStatus(each.contact, row)
      continue
    }
    const writer = `${each.device}|${each.contact}|${each.from}`
    const before = latest.get(writer)
    latest.set(writer, row)
    expectThat(wrong, before === undefined || before.id < row.id || walk.hits("corrupt", each.device, each.contact) > 0, () =>
      `${show(row)} was written after ${before && show(before)}`)
  }

  // the event log, and what a client that followed it has got
  const followed = world.events.received
  const stepsOf = new Map<string, Array<string>>()
  const sequences = new Map<string, number>()
  for (const [index, event] of events.entries()) {
    const last = sequences.get(event.deviceId) ?? 0
    expectThat(wrong, event.sequence === last + 1, () => `${event.deviceId} has the sequence ${last} and then ${event.sequence}`)
    sequences.set(event.deviceId, event.sequence)
    expectThat(wrong, index === 0 || event.id === events[index - 1]!.id + 1, () => `event ${event.id} comes after ${events[index - 1]!.id}`)
    expectThat(wrong, event.type !== "qr-code" || event.sequence < 20, () => `${event.deviceId} shows a QR code again`)
    const { data, type } = event
    if (type.startsWith("message.")) {
      const { content, messageId, status } = JSON.parse(data) as { messageId: string; status?: string; content?: string }
      const key = `${event.deviceId}|${messageId}`
      stepsOf.set(key, [...stepsOf.get(key) ?? [], type === "message.status" ? `${status}` : type === "message.delivered" ? type : `${type} ${content}`])
    }
  }
  const agreed = followed.findIndex((event, index) => event.id !== events[index]?.id || event.sequence !== events[index]?.sequence)
  expectThat(wrong, agreed < 0 || agreed >= events.length, () => `the stream told ${followed[agreed]?.id} where the log has ${events[agreed]?.id}`)
  expectThat(missing, followed.length >= events.length, () => `the stream has told ${followed.length} of ${events.length} events`)
  expectThat(wrong, world.events.resets === 0, () => "the stream was reset")
  for (const row of messages) {
    const steps = stepsOf.get(`${row.deviceId}|${row.messageId}`) ?? []
    const typed = written.get(`${row.deviceId}|${row.messageId}`)
    const received = steps.filter((step) => step.startsWith("message.received") || step.startsWith("message.sent"))
    const statuses = steps.filter((step) => !step.startsWith("message."))
    if (typed !== undefined) {
      const type = typed.from === "phone" ? "message.sent" : "message.received"
      expectThat(received.length > 1 ? wrong : missing, received.join() === `${type} ${typed.text}`, () => `told as "${received.join()}": ${show(row)}`)
    }
    if (row.direction === "incoming") continue
    const path = typed === undefined ? statuses : ["sent", ...statuses]
    const forward = path.every((status, index) => index === 0 || (order[path[index - 1]!] ?? 0) < (order[status] ?? 0))
    const whole = forward && path.at(-1) === row.status && (typed !== undefined || path[0] === "pending")
    expectThat(wrong, whole, () => `told as ${steps.join(", ")}: ${show(row)}`)
  }
  expectThat(missing, journalled === 0, () => `${journalled} entries of the journal are not done`)
  expectThat(wrong, unreadable === 0, () => `${unreadable} entries of the journal cannot be read`)

  // the devices, and what the emulator has to say about them
  for (const [device, { deviceId, phone }] of devices.entries()) {
    const { reason, status } = await world.status(device)
    const [linked] = phone.linked
    expectThat(missing, status === "connected" && linked?.online === true, () => `${deviceId} is ${status} (${reason}), ${linked?.online ? "online" : "offline"} at WhatsApp`)
    expectThat(missing, linked?.queued === 0, () => `${deviceId} has not acknowledged ${linked?.queued} stanzas`)
    expectThat(wrong, phone.linked.length === 1, () => `${deviceId} is linked ${phone.linked.length} times`)
  }
  for (const { failure, from, id, phone, recovered } of emulator.undecryptable) {
    // a contact who says that it could not read a group's message has not got the key that came along: what was on its way then is
    // asked for once more
    const device = devices.findIndex((each) => each.phone.phone === from)
    const contact = contacts.findIndex((each) => each.phone.phone === phone)
    const asked = walk.hits("ask-retry", device, contact) > 0
    expectThat(asked ? missing : wrong, asked && recovered, () => `${phone} could not read ${id} of ${from}: ${failure}`)
  }
  expectThat(wrong, emulator.stats.emptyMessages === 0, () => `${emulator.stats.emptyMessages} messages without ciphertext`)
  expectThat(wrong, emulator.stats.replaced === 0, () => `${emulator.stats.replaced} streams were replaced by another of the same device`)
  for (const error of emulator.failures) wrong.push(`emulator: ${error.message}`)
  for (const { attrs, tag } of emulator.unknown) wrong.push(`the emulator does not know <${tag} ${JSON.stringify(attrs)}>`)

  for (const line of world.output.split("\n")) {
    expectThat(wrong, !complaints.test(line), () => `log: ${line}`)
    expectThat(wrong, !secrets.test(line), () => `secret in the log: ${line}`)
  }
  if (missing.length === 0 && wrong.length === 0) wrong.push(...await historyDiffers(walk, messages, indexOf))
  return { missing, wrong }
}

interface Told {
  readonly messageId: string
  readonly content: string | null
  readonly status: string
  readonly direction: string
}
// WhatsApp's own times have no smaller part
const secondOf = (row: StoredMessage) => Math.floor(row.timestamp / 1000)
const told = (row: Told) => `${row.messageId} ${row.direction} ${row.status} ${row.content}`

const order: Record<string, number> = { pending: 1, failed: 2, sent: 3, delivered: 4, read: 5 }

/** The API must tell what the rows say. */
const historyDiffers = async (walk: Walk, messages: ReadonlyArray<StoredMessage>, indexOf: ReadonlyMap<string, number>) => {
  const { contacts, devices, service } = walk.world
  const differs: Array<string> = []
  for (const { deviceId } of devices) {
    for (const { phone } of contacts) {
      const items: Array<Told> = []
      for (let before: number | null = null, more = true; more;) {
        const page = await service.ask("GET", walk.world.path(indexOf.get(deviceId) ?? 0, `chat-history/${phone.phone}?limit=200${before === null ? "" : `&before=${before}`}`))
        items.push(...page.items)
        before = page.nextCursor
        more = page.hasMore
      }
      const expected = messages.filter((row) => row.deviceId === deviceId && row.phone === phone.phone)
        .toSorted((a, b) => secondOf(a) - secondOf(b) || a.id - b.id).map(told)
      const actual = items.toReversed().map(told)
      if (actual.join("\n") !== expected.join("\n")) differs.push(`history of ${deviceId} with ${phone.phone}:\n${actual.join("\n")}\nrows:\n${expected.join("\n")}`)
    }
  }
  return differs
}
