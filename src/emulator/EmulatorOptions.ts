import type { Dialect } from "./Dialect.ts"

/** How messages from emulated phones are addressed: by phone number, or by LID with the number beside it. */
export type Addressing = "pn" | "lid"

export interface EmulatorOptions {
  /** 0 takes a free port. */
  readonly port?: number
  /** Of the media server; 0 takes a free one. */
  readonly mediaPort?: number
  readonly host?: string
  /** With it the server speaks wss. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer }
  /** 32 bytes in hex from which the Noise root grows: the same root key in every start. Random without it. */
  readonly rootSeed?: string
  readonly addressing?: Addressing
  /** How new groups name their members: by LID, as WhatsApp's do now, unless told otherwise. */
  readonly groupAddressing?: Addressing
  /** Numbers nobody made with `phone()` exist too, from the first time someone asks for them. Off by default. */
  readonly acceptUnknown?: boolean
  readonly qr?: { readonly count?: number; readonly firstMs?: number; readonly nextMs?: number }
  /** After its first login a companion gets app state keys and a (short) history from its phone. On by default. */
  readonly historySync?: boolean
  /** Below this many one-time keys the server asks the companion for more. */
  readonly preKeyLow?: number
  /** Whether phones tell their own linked devices that they have the copy of what these sent. On by default. */
  readonly senderReceipts?: boolean
  /** How long an emulated phone waits before its delivery and read receipts. */
  readonly receiptDelayMs?: number
  /** How this server differs from the usual one in what it sends. */
  readonly dialect?: Dialect
  /** Caps: messages kept per inbox, stanzas kept per offline companion, entries kept in each log, accounts. */
  readonly inboxLimit?: number
  readonly offlineLimit?: number
  readonly logLimit?: number
  readonly accountLimit?: number
}

export const settle = (options: EmulatorOptions) => ({
  port: options.port ?? 0,
  mediaPort: options.mediaPort ?? 0,
  host: options.host ?? "127.0.0.1",
  tls: options.tls,
  rootSeed: options.rootSeed,
  addressing: options.addressing ?? ("pn" as const),
  groupAddressing: options.groupAddressing ?? ("lid" as const),
  acceptUnknown: options.acceptUnknown ?? false,
  qr: { count: options.qr?.count ?? 6, firstMs: options.qr?.firstMs ?? 60_000, nextMs: options.qr?.nextMs ?? 20_000 },
  historySync: options.historySync ?? true,
  preKeyLow: options.preKeyLow ?? 5,
  senderReceipts: options.senderReceipts ?? true,
  receiptDelayMs: options.receiptDelayMs ?? 0,
  dialect: options.dialect ?? {},
  inboxLimit: options.inboxLimit ?? 10_000,
  offlineLimit: options.offlineLimit ?? 10_000,
  logLimit: options.logLimit ?? 1_000,
  accountLimit: options.accountLimit ?? 20_000
})

export type Settings = ReturnType<typeof settle>
