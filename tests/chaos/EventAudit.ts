import type { Evidence } from "./Evidence.ts"
import { expectThat, show } from "./Findings.ts"

const order: Record<string, number> = { pending: 1, failed: 2, sent: 3, delivered: 4, read: 5 }

/** The event log tells each step of each message once, and a client that followed it has got the same. */
export const auditEvents = ({ events, messages, missing, walk: { world }, written, wrong }: Evidence): void => {
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
}
