import { Data, DateTime, type Duration } from "effect"
import type { DeviceReason, Restriction } from "../../domain/Device.ts"

/** What to do about a closed socket. One table decides, tested row by row. */
export type CloseAction = Data.TaggedEnum<{
  /** open the next socket at once, without counting an attempt (at most 3 in 60 s) */
  Restart: {}
  /** open the next socket after a capped, jittered delay that starts at `base` milliseconds */
  Backoff: { readonly base: number }
  /** do not reconnect before this time, then try once */
  WaitUntil: { readonly until: DateTime.Utc }
  /** another socket uses these credentials: hold until a person connects, so that the two do not throw each other out for ever */
  Yield: {}
  /** the pairing is over: hold the outbox, keep the history, wait for a new pairing */
  PairAgain: {}
  /** stop; only a person's connect starts it again */
  Stop: {}
}>
export const CloseAction = Data.taggedEnum<CloseAction>()

export interface CloseReason {
  readonly reason: DeviceReason
  /** one sentence for people and logs, without secrets */
  readonly text: string
  /** Baileys' or WhatsApp's number, for logs and metrics */
  readonly code: number | null
  readonly action: CloseAction
  readonly restriction?: Restriction | undefined
}

/** We ended the socket ourselves, and know why. */
export class ClosedBecause extends Error {
  readonly reason: CloseReason
  constructor(reason: CloseReason, cause?: unknown) {
    super(reason.text, { cause })
    this.reason = reason
  }
}

/** The server, or a proxy before it, answered the WebSocket upgrade with a plain HTTP response. */
export class UpgradeRefused extends Error {
  readonly status: number
  readonly retryAfter: Duration.Duration | undefined
  constructor(status: number, retryAfter?: Duration.Duration) {
    super(`The WebSocket upgrade was answered with HTTP ${status}`)
    this.status = status
    this.retryAfter = retryAfter
  }
}

type Row = Omit<CloseReason, "code">
const backoff = (base: number) => CloseAction.Backoff({ base })
const pairAgain = CloseAction.PairAgain()
const stop = CloseAction.Stop()

export const connectionLost: Row = {
  reason: "connection_lost",
  text: "The connection to WhatsApp was lost.",
  action: backoff(1000)
}
const loggedOut: Row = { reason: "logged_out", text: "The device was unlinked on the phone.", action: pairAgain }

const unreachable: Row = { reason: "connection_lost", text: "WhatsApp could not be reached.", action: backoff(2000) }
const unreachableByProxy: Row = { ...unreachable, text: "WhatsApp could not be reached through the device's proxy, or the proxy could not." }
const proxyDenied: Row = {
  reason: "connection_refused",
  text: "The device's proxy did not accept its user name and password.",
  action: backoff(60_000)
}

/** By the number alone, where message and data do not say more. */
const byCode: Readonly<Record<number, Row>> = {
  400: { reason: "client_refused", text: "WhatsApp refused the login.", action: stop },
  401: { reason: "logged_out", text: "WhatsApp has ended this pairing.", action: pairAgain },
  402: { reason: "banned", text: "WhatsApp has banned the account for a time.", action: backoff(60_000) },
  403: { reason: "account_locked", text: "WhatsApp has locked the account or its phone is gone.", action: pairAgain },
  405: { reason: "client_outdated", text: "WhatsApp refuses this version of the client.", action: backoff(900_000) },
  406: { reason: "account_locked", text: "WhatsApp has banned the account.", action: pairAgain },
  408: { reason: "connection_lost", text: "WhatsApp did not answer in time.", action: backoff(2000) },
  409: { reason: "client_refused", text: "WhatsApp refuses how this client presents itself.", action: stop },
  411: { reason: "client_refused", text: "The account does not take part in multi-device.", action: stop },
  413: { reason: "client_refused", text: "WhatsApp refused the login (413).", action: stop },
  414: { reason: "client_refused", text: "WhatsApp refused the login (414).", action: stop },
  415: { reason: "client_refused", text: "WhatsApp refused the login (415).", action: stop },
  418: { reason: "client_refused", text: "WhatsApp refused the login (418).", action: stop },
  419: { reason: "connection_refused", text: "WhatsApp doubts this pairing.", action: backoff(60_000) },
  428: connectionLost,
  440: { reason: "replaced", text: "The same credentials are in use elsewhere.", action: CloseAction.Yield() },
  500: { reason: "server_unavailable", text: "WhatsApp ended the connection without a known reason.", action: backoff(5000) },
  501: { reason: "server_unavailable", text: "WhatsApp does not offer this now.", action: backoff(60_000) },
  503: { reason: "server_unavailable", text: "WhatsApp is restarting.", action: backoff(5000) },
  515: { reason: "connection_lost", text: "WhatsApp asks for a restart of the connection.", action: CloseAction.Restart() }
}

/** What Baileys says in words where its number has two meanings. */
const byMessage: ReadonlyArray<readonly [RegExp, Row]> = [
  [/^QR refs attempts ended/, { reason: "pairing_timeout", text: "Nobody scanned the QR code in time.", action: stop }],
  [/^Intentional Logout/, { reason: "logged_out", text: "The device was unlinked by this service.", action: pairAgain }],
  [/^Connection was lost/, connectionLost],
  [
    /noise (leaf |intermediate )?certificate|certification match failed/i,
    {
      reason: "connection_refused",
      text: "The server could not prove that it is WhatsApp: its certificate is not signed by the trusted root.",
      action: backoff(60_000)
    }
  ],
  [
    /account signature|device-identity/i,
    { reason: "pairing_refused", text: "The phone's proof of the link was not valid.", action: stop }
  ],
  [
    /socket is not authenticated yet/,
    { reason: "server_unavailable", text: "WhatsApp sent something before the login.", action: backoff(5000) }
  ],
  [/Socks5 Authentication failed|no accepted authentication type/i, proxyDenied],
  [
    /Socks\d? proxy rejected connection/i,
    { reason: "connection_refused", text: "The device's proxy does not let it through to WhatsApp.", action: backoff(5000) }
  ],
  [/^WebSocket Error/, unreachable]
]

export const notPaired: CloseReason = {
  reason: "not_paired",
  text: "The device is not paired with a phone.",
  code: null,
  action: stop
}
export const ownerChanged: CloseReason = {
  reason: "owner_changed",
  text: "Another process owns this device now.",
  code: null,
  action: stop
}
export const storageUnavailable: CloseReason = {
  reason: "storage_unavailable",
  text: "The database could not be written to; nothing was acknowledged to WhatsApp.",
  code: null,
  action: backoff(5000)
}
export const credentialsUnreadable: CloseReason = {
  reason: "credentials_unreadable",
  text: "The stored credentials cannot be read; nothing was overwritten.",
  code: null,
  action: stop
}
export const stopped: CloseReason = {
  reason: "stopped",
  text: "The connection was closed on request.",
  code: null,
  action: stop
}
export const passkeyRequired: CloseReason = {
  reason: "pairing_refused",
  text: "WhatsApp asks for a passkey to link this account, which this service cannot give.",
  code: null,
  action: stop
}
export const pairedAndLeftOpen: CloseReason = {
  reason: "connection_lost",
  text: "The device is linked; a new connection follows.",
  code: 515,
  action: CloseAction.Restart()
}
export const unreadableFrame: CloseReason = {
  reason: "connection_lost",
  text: "WhatsApp sent something that could not be read.",
  code: null,
  action: backoff(2000)
}
export const silent: CloseReason = { ...connectionLost, text: "WhatsApp has gone silent.", code: 408 }
export const deaf: CloseReason = { ...connectionLost, text: "Messages from WhatsApp came in and were not dealt with.", code: null }

/** What an ended socket means, from whatever Baileys, `ws` or we ended it with. */
export const closeReason = (error: unknown, now: DateTime.Utc, proxied = false): CloseReason => {
  if (error instanceof ClosedBecause) return error.reason
  if (error instanceof UpgradeRefused) return error.status === 407 ? { ...proxyDenied, code: 407 } : upgradeRefused(error, now)
  if (error === undefined) return stopped
  const message = error instanceof Error ? error.message : ""
  const code = statusCode(error)
  const data = dataOf(error)
  const type = field(field(data, "attrs"), "type")

  if (type === "device_removed") return { ...loggedOut, code }
  if (code === 402) return temporaryBan(data, now)
  const spoken = byMessage.find(([pattern]) => pattern.test(message))
  const row = spoken?.[1] ?? (code === null ? connectionLost : byCode[code] ?? byCode[500]!)
  return { ...(proxied && row === unreachable ? unreachableByProxy : row), code }
}

const upgradeRefused = ({ retryAfter, status }: UpgradeRefused, now: DateTime.Utc): CloseReason => ({
  reason: status >= 500 || status === 429 ? "server_unavailable" : "connection_refused",
  text: `WhatsApp, or a proxy on the way, refused the connection with HTTP ${status}.`,
  code: status,
  action: retryAfter === undefined
    ? backoff(status === 429 ? 60_000 : 5000)
    : CloseAction.WaitUntil({ until: DateTime.addDuration(now, retryAfter) })
})

const banReasons: Readonly<Record<string, string>> = {
  101: "it wrote to too many people who do not know it",
  102: "too many people have blocked it",
  103: "it made or joined too many groups",
  104: "it sent the same message too often",
  106: "it sent too many broadcasts"
}

const temporaryBan = (data: unknown, now: DateTime.Utc): CloseReason => {
  const kind = String(field(data, "code") ?? "")
  const expire = Number(field(data, "expire"))
  const until = Number.isFinite(expire) && expire > 0 ? DateTime.add(now, { seconds: expire }) : undefined
  return {
    reason: "banned",
    text: `WhatsApp has banned the account for a time${banReasons[kind] ? `: ${banReasons[kind]}` : ""}.`,
    code: 402,
    // ten minutes more, since a login that comes too early may prolong it
    action: CloseAction.WaitUntil({ until: DateTime.add(until ?? DateTime.add(now, { hours: 1 }), { minutes: 10 }) }),
    restriction: { kind: "temporary_ban", code: /^\d+$/.test(kind) ? Number(kind) : null, until: until ?? null }
  }
}

const field = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined
const dataOf = (error: unknown): unknown => field(error, "data")
const statusCode = (error: unknown): number | null => {
  const code = field(field(error, "output"), "statusCode")
  return typeof code === "number" && Number.isFinite(code) ? code : null
}
