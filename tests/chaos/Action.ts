import fc from "fast-check"
import type { Breakage } from "../../src/emulator/server/Breakage.ts"
import type { Fault } from "../../src/emulator/Faults.ts"

export const deviceCount = 4
export const contactCount = 3

/** One step of a walk, as plain data: it can be printed, left out, and done again. */
export type Action =
  /** Requests to send; `inTurn` waits for each answer before the next, `twice` repeats each with its idempotency key at once. */
  | {
    readonly do: "send"
    readonly device: number
    readonly contact: number
    readonly count: number
    readonly inTurn: boolean
    readonly twice: boolean
    readonly wait: "accepted" | "sent"
  }
  /** A contact writes, from the phone or a further device. */
  | { readonly do: "write"; readonly device: number; readonly contact: number; readonly from: number; readonly count: number }
  /** The same in the group in which all are; each request is made twice at once if `twice`. */
  | { readonly do: "send to the group"; readonly device: number; readonly count: number; readonly twice: boolean }
  | { readonly do: "write in the group"; readonly contact: number; readonly from: number; readonly count: number }
  /** The owner of the account writes on the phone. */
  | { readonly do: "write on the phone"; readonly device: number; readonly contact: number }
  /** Receipts for some of what a contact has, `skip` of the latest left out; in reverse order, one by one. */
  | {
    readonly do: "receipts"
    readonly contact: number
    readonly type: "delivered" | "read"
    readonly skip: number
    readonly count: number
    readonly twice: boolean
  }
  /** Something goes wrong once at the next occasion. */
  | { readonly do: "fault"; readonly device: number; readonly contact: number; readonly fault: SmallFault }
  | { readonly do: "break"; readonly device: number; readonly how: Breakage }
  | { readonly do: "stream error"; readonly device: number; readonly code: string }
  | { readonly do: "replace"; readonly device: number }
  | { readonly do: "disconnect" | "connect"; readonly device: number }
  | { readonly do: "stop"; readonly signal: "SIGKILL" | "SIGTERM"; readonly downMs: number }
  /** The database is locked by someone else, silent, or gone for a moment; SQLite can only be locked. */
  | { readonly do: "database"; readonly how: "lock" | "silence" | "cut"; readonly ms: number }
  | { readonly do: "pause"; readonly ms: number }

/** A fault without the device it befalls. */
export type SmallFault =
  | { readonly kind: "ack-drop" | "ack-close"; readonly deliver: boolean }
  | { readonly kind: "ack-delay"; readonly ms: number }
  | { readonly kind: "ack-error"; readonly code: number }
  | { readonly kind: "ack-phash" | "ask-retry" | "corrupt" | "duplicate" | "re-encrypt" | "black-hole" | "login-hang" | "handshake-garbage" }
  | { readonly kind: "iq-silence" | "iq-error"; readonly xmlns: string; readonly code: number }
  | { readonly kind: "login-failure"; readonly reason: number }
  | { readonly kind: "upgrade-status"; readonly status: number; readonly retryAfter: number }

/** The fault as the emulator knows it. */
export const faultFor = (fault: SmallFault, phone: string, contact: string): Fault => {
  const once = { times: 1, phone }
  switch (fault.kind) {
    case "ack-drop":
    case "ack-close":
    case "ack-delay":
    case "ack-error":
      return { ...once, ...fault, to: contact }
    case "ack-phash":
    case "ask-retry":
      return { ...once, kind: fault.kind, to: contact }
    case "corrupt":
    case "duplicate":
    case "re-encrypt":
      return { ...once, kind: fault.kind, from: contact }
    case "handshake-garbage":
      return { times: 1, kind: fault.kind }
    case "upgrade-status":
      return { times: 1, ...fault }
    default:
      return { ...once, ...fault }
  }
}

const device = fc.nat(deviceCount - 1)
const contact = fc.nat(contactCount - 1)

const smallFault: fc.Arbitrary<SmallFault> = fc.oneof(
  fc.record({ kind: fc.constantFrom("ack-drop" as const, "ack-close" as const), deliver: fc.boolean() }),
  fc.record({ kind: fc.constant("ack-delay" as const), ms: fc.integer({ min: 10, max: 3000 }) }),
  fc.record({ kind: fc.constant("ack-error" as const), code: fc.constantFrom(463, 403) }),
  fc.record({
    kind: fc.constantFrom(
      ...(["ack-phash", "ask-retry", "corrupt", "duplicate", "re-encrypt", "black-hole", "login-hang", "handshake-garbage"] as const)
    )
  }),
  fc.record({
    kind: fc.constantFrom("iq-silence" as const, "iq-error" as const),
    xmlns: fc.constantFrom("usync", "encrypt", "w:p"),
    code: fc.constantFrom(429, 500, 503)
  }),
  fc.record({ kind: fc.constant("login-failure" as const), reason: fc.constantFrom(500, 503) }),
  fc.record({
    kind: fc.constant("upgrade-status" as const),
    status: fc.constantFrom(429, 502, 503),
    retryAfter: fc.integer({ min: 1, max: 2 })
  })
)

const breakage = fc.constantFrom<Breakage>(
  "reset", "reset", "reset", "close", "stream-end", "garbage-frame", "truncated-frame", "empty-frame", "bad-node", "bad-zlib"
)

export const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 28,
    arbitrary: fc.record({
      do: fc.constant("send" as const),
      device,
      contact,
      count: fc.integer({ min: 1, max: 4 }),
      inTurn: fc.boolean(),
      twice: fc.boolean(),
      wait: fc.constantFrom("accepted" as const, "sent" as const)
    })
  },
  {
    weight: 22,
    arbitrary: fc.record({
      do: fc.constant("write" as const),
      device,
      contact,
      from: fc.nat(1),
      count: fc.integer({ min: 1, max: 4 })
    })
  },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant("send to the group" as const), device, count: fc.integer({ min: 1, max: 3 }), twice: fc.boolean() })
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("write in the group" as const), contact, from: fc.nat(1), count: fc.integer({ min: 1, max: 3 }) })
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("write on the phone" as const), device, contact }) },
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant("receipts" as const),
      contact,
      type: fc.constantFrom("delivered" as const, "read" as const),
      skip: fc.nat(4),
      count: fc.integer({ min: 1, max: 5 }),
      twice: fc.boolean()
    })
  },
  { weight: 14, arbitrary: fc.record({ do: fc.constant("fault" as const), device, contact, fault: smallFault }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("break" as const), device, how: breakage }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("stream error" as const),
      device,
      code: fc.constantFrom("515", "515", "503", "500", "428")
    })
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("replace" as const), device }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("disconnect" as const, "connect" as const), device }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("stop" as const),
      signal: fc.constantFrom("SIGKILL" as const, "SIGKILL" as const, "SIGTERM" as const),
      downMs: fc.nat(1500)
    })
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("database" as const),
      how: fc.constantFrom("lock" as const, "silence" as const, "cut" as const),
      ms: fc.integer({ min: 50, max: 5000 })
    })
  },
  { weight: 14, arbitrary: fc.record({ do: fc.constant("pause" as const), ms: fc.nat(700) }) }
)

export interface Plan {
  readonly receiptDelayMs: number
  /** Afterwards nothing is done to the connections: what is still open must come to its end by itself. */
  readonly patient: boolean
  readonly actions: ReadonlyArray<Action>
}

export const planOf = (length: number): fc.Arbitrary<Plan> =>
  fc.record({
    receiptDelayMs: fc.constantFrom(0, 5, 100),
    patient: fc.boolean(),
    actions: fc.array(action, { minLength: Math.ceil(length / 2), maxLength: length, size: "max" })
  })
