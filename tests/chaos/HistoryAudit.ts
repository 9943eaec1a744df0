import type { StoredMessage } from "./ChaosDatabase.ts"
import type { Evidence } from "./Evidence.ts"

interface Told {
  readonly messageId: string
  readonly content: string | null
  readonly status: string
  readonly direction: string
}
// WhatsApp's own times have no smaller part
const secondOf = (row: StoredMessage) => Math.floor(row.timestamp / 1000)
const told = (row: Told) => `${row.messageId} ${row.direction} ${row.status} ${row.content}`

/** The API must tell what the rows say. */
export const auditHistory = async ({ messages, walk: { world }, wrong }: Evidence): Promise<void> => {
  const { contacts, devices, service } = world
  for (const [device, { deviceId }] of devices.entries()) {
    for (const { phone } of contacts) {
      const items: Array<Told> = []
      for (let before: number | null = null, more = true; more;) {
        const page = await service.ask("GET", world.path(device, `chat-history/${phone.phone}?limit=200${before === null ? "" : `&before=${before}`}`))
        items.push(...page.items)
        before = page.nextCursor
        more = page.hasMore
      }
      const expected = messages.filter((row) => row.deviceId === deviceId && row.phone === phone.phone)
        .toSorted((a, b) => secondOf(a) - secondOf(b) || a.id - b.id).map(told)
      const actual = items.toReversed().map(told)
      if (actual.join("\n") !== expected.join("\n")) wrong.push(`history of ${deviceId} with ${phone.phone}:\n${actual.join("\n")}\nrows:\n${expected.join("\n")}`)
    }
  }
}
