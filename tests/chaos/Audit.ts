import type { StoredMessage } from "./ChaosDatabase.ts"
import type { Send } from "./Diary.ts"
import { auditEvents } from "./EventAudit.ts"
import type { Evidence } from "./Evidence.ts"
import { expectThat, type Findings, show } from "./Findings.ts"
import { auditGroup } from "./GroupAudit.ts"
import { auditHistory } from "./HistoryAudit.ts"
import { auditCopies, auditSent, auditShown } from "./SentAudit.ts"
import type { Walk } from "./Walk.ts"
import { auditWritten } from "./WrittenAudit.ts"

const complaints = /loop failed|could not be handled|nobody listening|cannot be read(?! now)|forgotten unread|uncaught|defect/i
const secrets = /geheim\d|eyJ[\w-]{10,}\.[\w-]+\.|<Buffer|priv(ate)?Key|chainKey|rootKey|noiseKey/i

/** Compares what the emulator has seen, what the database holds, and what the API tells, message by message. */
export const audit = async (walk: Walk): Promise<Findings> => {
  const { diary, world } = walk
  const { database, devices } = world
  const { events, journalled, messages: all, unreadable } = await database.read()
  const messages = all.filter(({ group }) => group === null)
  const inGroup = auditGroup(walk, all, events)
  const missing = [...inGroup.missing]
  const wrong = [...diary.surprises, ...world.troubles, ...inGroup.wrong]
  const evidence: Evidence = {
    walk,
    messages,
    events,
    byId: Map.groupBy(messages, (row) => `${row.deviceId}|${row.messageId}`),
    rowOf: matchSends(walk, messages, { missing, wrong }),
    written: new Map(diary.written.map((each) => [`${devices[each.device]!.deviceId}|${each.id}`, each])),
    missing,
    wrong
  }
  auditRows(evidence)
  auditShown(evidence)
  auditSent(evidence)
  auditCopies(evidence)
  auditWritten(evidence)
  auditEvents(evidence)
  expectThat(missing, journalled === 0, () => `${journalled} entries of the journal are not done`)
  expectThat(wrong, unreadable === 0, () => `${unreadable} entries of the journal cannot be read`)
  await auditDevices(evidence)
  auditEmulator(evidence)
  auditLog(evidence)
  if (missing.length === 0 && wrong.length === 0) await auditHistory(evidence)
  return { missing, wrong }
}

/** Every send is one row, whatever was answered and how often it was asked. */
const matchSends = (
  { diary, world: { contacts, devices } }: Walk,
  messages: ReadonlyArray<StoredMessage>,
  { missing, wrong }: Pick<Evidence, "missing" | "wrong">
): ReadonlyMap<Send, StoredMessage> => {
  const byKey = Map.groupBy(messages, (row) => `${row.deviceId}|${row.idempotencyKey}`)
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
  return rowOf
}

/** Every row is known to the diary. */
const auditRows = ({ messages, rowOf, written, wrong }: Evidence): void => {
  const wanted = new Set([...rowOf.values()].map(({ id }) => id))
  for (const row of messages) {
    const known = wanted.has(row.id) || written.has(`${row.deviceId}|${row.messageId}`)
    expectThat(wrong, known, () => `nobody wrote ${show(row)}`)
  }
}

const auditDevices = async ({ missing, walk: { world }, wrong }: Evidence): Promise<void> => {
  for (const [device, { deviceId, phone }] of world.devices.entries()) {
    const { reason, status } = await world.status(device)
    const [linked] = phone.linked
    expectThat(missing, status === "connected" && linked?.online === true, () => `${deviceId} is ${status} (${reason}), ${linked?.online ? "online" : "offline"} at WhatsApp`)
    expectThat(missing, linked?.queued === 0, () => `${deviceId} has not acknowledged ${linked?.queued} stanzas`)
    expectThat(wrong, phone.linked.length === 1, () => `${deviceId} is linked ${phone.linked.length} times`)
  }
}

/** What the emulator has to complain about. */
const auditEmulator = ({ missing, walk, wrong }: Evidence): void => {
  const { contacts, devices, emulator } = walk.world
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
}

const auditLog = ({ walk: { world }, wrong }: Evidence): void => {
  for (const line of world.output.split("\n")) {
    expectThat(wrong, !complaints.test(line), () => `log: ${line}`)
    expectThat(wrong, !secrets.test(line), () => `secret in the log: ${line}`)
  }
}
