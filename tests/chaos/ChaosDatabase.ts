export interface StoredMessage {
  readonly id: number
  readonly deviceId: string
  readonly messageId: string
  readonly phone: string | null
  readonly group: string | null
  readonly direction: "incoming" | "outgoing"
  readonly messageType: string
  readonly status: string
  readonly failure: string | null
  readonly content: string | null
  readonly idempotencyKey: string | null
  readonly queue: string | null
  readonly attempts: number
  readonly timestamp: number
  readonly sentAt: number | null
  readonly deliveredAt: number | null
  readonly readAt: number | null
}

export interface StoredEvent {
  readonly id: number
  readonly deviceId: string
  readonly sequence: number
  readonly type: string
  readonly data: string
}

/** The service's database as somebody else has it: to disturb it, and to read what is in it. */
export interface ChaosDatabase {
  readonly name: "SQLite" | "MySQL"
  readonly environment: Readonly<Record<string, string>>
  /** Ends when the database is itself again. */
  readonly disturb: (how: "lock" | "silence" | "cut", ms: number) => Promise<void>
  readonly read: () => Promise<{
    readonly messages: ReadonlyArray<StoredMessage>
    readonly events: ReadonlyArray<StoredEvent>
    /** entries of the inbound journal that have not become rows, and those that could not be read */
    readonly journalled: number
    readonly unreadable: number
  }>
  readonly close: () => Promise<void>
}

export const queries = {
  messages: `SELECT m.id AS id, m.device_id AS deviceId, m.message_id AS messageId, c.phone_number AS phone,
      m.group_jid AS \`group\`,
      m.direction AS direction, m.message_type AS messageType, m.status AS status, m.failure AS failure, m.content AS content,
      m.idempotency_key AS idempotencyKey, m.queue AS queue, m.attempts AS attempts, m.timestamp AS timestamp, m.sent_at AS sentAt,
      m.delivered_at AS deliveredAt, m.read_at AS readAt
    FROM messages m LEFT JOIN contacts c ON c.id = m.contact_id ORDER BY m.id`,
  events: "SELECT id, device_id AS deviceId, sequence, type, data FROM events ORDER BY id",
  journalled: "SELECT COUNT(*) AS n FROM inbound_journal WHERE done_at IS NULL",
  unreadable: "SELECT COUNT(*) AS n FROM inbound_journal WHERE kind = 'unreadable'"
} as const
