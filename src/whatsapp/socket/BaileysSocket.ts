import { type AuthenticationCreds, type BinaryNode, makeWASocket, proto, type UserFacingSocketConfig, type WASocket } from "@whiskeysockets/baileys"
import { Clock, Duration, Effect, Option, Runtime } from "effect"
import { Agent as HttpsAgent } from "node:https"
import { failpoint } from "../../domain/Failpoint.ts"
import { bareJid } from "../../domain/Jid.ts"
import type { MessageId } from "../../domain/Message.ts"
import { Arrivals } from "./Arrivals.ts"
import { baileysLogger } from "./BaileysLogger.ts"
import { ClosedBecause, passkeyRequired } from "./CloseReason.ts"
import { BoundedCache } from "./BoundedCache.ts"
import type { DeviceCaches } from "./DeviceCaches.ts"
import type { Egress } from "./Egress.ts"
import { makeGroupMemory } from "../groups/GroupMemory.ts"
import { changesGroups, groupEntry, isOfGroup } from "../groups/GroupNotification.ts"
import { makeHearing } from "./Hearing.ts"
import { receiptStatus } from "../receiving/InboundFacts.ts"
import { ciphertextDigest, encodeRecord, kindOf, receiptDigest, undecryptableDigest } from "../receiving/JournalRecord.ts"
import { dropKnownLids } from "../auth/KnownLids.ts"
import type { KeyStore } from "../auth/KeyStore.ts"
import { queryTimeout } from "../sending/Sender.ts"
import { makeSafeRepository } from "../auth/SignalRepository.ts"
import { guardSocket, type SocketGuards } from "./SocketGuards.ts"
import type { OpenOptions } from "../Connection.ts"

export interface BaileysSocket {
  readonly sock: WASocket
  readonly guards: SocketGuards
  /** what is remembered of the group for sending is out of date */
  readonly forgetGroup: (groupId: string) => void
  /** milliseconds since 1970, of the last frame that could be read */
  readonly lastHeard: () => number
  /** for how many milliseconds messages have come in and none was dealt with */
  readonly deafFor: () => number
}

/** A name that phones accept in every way of linking; some refuse to link one they do not know. */
const defaultBrowser = "Ubuntu"

const readByBaileys: ReadonlySet<string | undefined> = new Set(["pkmsg", "msg", "skmsg"])

/** A Baileys socket with everything mended that can be mended from outside. It connects at once. */
export const makeBaileysSocket = Effect.fnUntraced(function*(parts: {
  readonly options: OpenOptions
  readonly creds: AuthenticationCreds
  readonly store: KeyStore
  readonly caches: DeviceCaches
  readonly egress: Egress
  readonly socketUrl: string | undefined
}) {
  const { caches, creds, egress, options, socketUrl, store } = parts
  const runtime = yield* Effect.runtime<never>()
  const clock = yield* Clock.clockWith(Effect.succeed)
  const now = () => clock.unsafeCurrentTimeMillis()
  const stanzas = new WeakMap<Uint8Array, BinaryNode>()
  const acknowledged = new BoundedCache<true>({ capacity: 1000, ttl: "10 minutes" })
  const me = () => ({ id: creds.me?.id ?? "", lid: creds.me?.lid ?? null })
  const hearing = makeHearing(now)
  // Baileys puts them in a queue of their own, and calls them handled when they are in it
  const hearingOffline = makeHearing(now)
  const arrivals = new Arrivals(hearingOffline.message)
  let lastHeard = now()
  // an agent that is only there for its authority speaks nothing but TLS
  const onlyTls = socketUrl?.startsWith("ws:") && egress.agent instanceof HttpsAgent
  const socketAgent = onlyTls ? undefined : egress.agent

  const groups = makeGroupMemory({
    cache: caches.groups,
    stored: (groupId) =>
      Runtime.runPromise(runtime)(
        options.groupMembers(groupId).pipe(
          Effect.tapError((error) => Effect.logWarning("The members of a group could not be read", error)),
          Effect.orElseSucceed(Option.none),
          Effect.map(Option.getOrUndefined)
        )
      ),
    ask: (jid) => sock.groupMetadata(jid),
    now
  })

  const config: UserFacingSocketConfig = {
    auth: { creds, keys: store.keys },
    ...(socketUrl === undefined ? {} : { waWebSocketUrl: socketUrl }),
    ...(egress.agent === undefined ? {} : { fetchAgent: egress.agent }),
    ...(socketAgent === undefined ? {} : { agent: socketAgent }),
    // Node's `fetch` takes undici's dispatchers, which its types have under another name
    options: { dispatcher: egress.dispatcher } as unknown as RequestInit,
    logger: baileysLogger(runtime, options.deviceId),
    browser: [options.browserName ?? defaultBrowser, "Chrome", "22.04.4"],
    connectTimeoutMs: 20_000,
    defaultQueryTimeoutMs: Duration.toMillis(queryTimeout),
    keepAliveIntervalMs: 10_000,
    markOnlineOnConnect: false,
    syncFullHistory: false,
    emitOwnEvents: false,
    // our store has its own patience, and tells what it could not write
    transactionOpts: { maxCommitRetries: 1, delayBetweenTriesMs: 0 },
    msgRetryCounterCache: caches.retryCounters,
    userDevicesCache: caches.userDevices,
    placeholderResendCache: caches.placeholders,
    callOfferCache: caches.calls,
    cachedGroupMetadata: (jid) => groups.metadata(jid),
    makeSignalRepository: makeSafeRepository({
      stanzaOf: (ciphertext) => stanzas.get(ciphertext),
      written: (stanza) => arrivals.written(stanza),
      known: store.known,
      me
    }),
    getMessage: async ({ id }) => {
      const payload = await Runtime.runPromise(runtime)(
        options.sentPayload((id ?? "") as MessageId).pipe(
          Effect.tapError((error) => Effect.logWarning("The payload for a retry could not be read", error)),
          Effect.orElseSucceed(Option.none)
        )
      )
      return Option.match(payload, { onNone: () => undefined, onSome: (bytes) => proto.Message.decode(bytes) })
    }
  }

  const before = (event: string, stanza: BinaryNode): Promise<void> | undefined => {
    switch (event) {
      case "CB:message":
        return noticeMessage(stanza)
      case "CB:receipt":
        return journalReceipt(stanza)
      case "CB:ack,class:message":
        if (stanza.attrs["error"] === undefined) acknowledged.set(stanza.attrs["id"] ?? "", true)
        return undefined
      case "CB:notification":
        if (isOfGroup(stanza)) {
          groups.forget(stanza.attrs["from"] ?? "")
          store.journal([groupEntry(stanza, me())])
        }
        if (stanza.attrs["type"] === "passkey_prologue_request" || stanza.attrs["type"] === "crsc_continuation") {
          guards.fail(new ClosedBecause(passkeyRequired))
        }
        return undefined
      case "CB:ib,,dirty":
        if (changesGroups(stanza)) groups.forgetAll()
        return undefined
      default:
        return event.startsWith("TAG:") ? dropKnownLids(stanza, store.keys) : undefined
    }
  }

  const noticeMessage = (stanza: BinaryNode): Promise<void> | undefined => {
    const children = Array.isArray(stanza.content) ? stanza.content : []
    let readable = stanza.attrs["category"] === "peer"
    let ciphertexts = 0
    for (const { attrs, content, tag } of children) {
      if (tag !== "enc") continue
      readable = true
      if (content instanceof Uint8Array) stanzas.set(content, stanza)
      if (readByBaileys.has(attrs["type"])) ciphertexts++
    }
    if (ciphertexts > 0) return arrivals.arrive(stanza, ciphertexts)
    if (readable || stanza.attrs["from"]?.endsWith("@newsletter")) return undefined
    const plain = children.find(({ tag }) => tag === "plaintext")?.content
    // whoever WhatsApp is, it cannot write in another's name; a server of one's own may
    if (socketUrl !== undefined && plain instanceof Uint8Array) return journalPlaintext(stanza, plain)
    const reason = plain === undefined ? children.find(({ tag }) => tag === "unavailable")?.attrs["type"] ?? "unavailable" : "plaintext"
    store.journal([{
      digest: undecryptableDigest(stanza),
      ...encodeRecord({ kind: "undecryptable", attrs: stanza.attrs, me: me(), reason })
    }])
  }

  const journalPlaintext = (stanza: BinaryNode, plaintext: Uint8Array): undefined => {
    const padded = Buffer.concat([plaintext, Buffer.from([1])])
    const record = { kind: kindOf(padded), attrs: stanza.attrs, me: me(), plaintext: padded.toString("base64") }
    store.journal([{ digest: ciphertextDigest(stanza, plaintext), ...encodeRecord(record) }])
  }

  const journalReceipt = (stanza: BinaryNode): Promise<void> | undefined => {
    const { attrs } = stanza
    if (receiptStatus[attrs["type"] ?? ""] === undefined || attrs["id"] === undefined) return undefined
    // that our phone has its copy says no more than the server's ack did
    if (attrs["type"] === "sender" && acknowledged.get(attrs["id"])) return undefined
    const lists = Array.isArray(stanza.content) ? stanza.content : []
    const items = lists.flatMap(({ content }) => (Array.isArray(content) ? content : []))
    const ids = [...new Set([attrs["id"], ...items.filter(({ tag }) => tag === "item").flatMap((item) => item.attrs["id"] ?? [])])]
    const journal = () =>
      store.journal([{ digest: receiptDigest(stanza, ids), ...encodeRecord({ kind: "receipt", attrs, me: me(), ids }) }])
    // it may be about one of them: a message that was typed on the phone
    const messages = arrivals.all()
    if (messages !== undefined) return messages.then(journal)
    journal()
    return undefined
  }

  const sock = makeWASocket(config)
  // For five minutes it would keep each message that goes or comes, with all keys of the transaction it was handled in; what
  // somebody asks for again is in our database.
  if (sock.messageRetryManager) sock.messageRetryManager.addRecentMessage = () => {}
  const guards: SocketGuards = guardSocket(sock, {
    heard: () => (lastHeard = now()),
    before,
    handling: hearing.message,
    durable: store.durable
  })
  const { lid } = creds.me ?? {}
  sock.ev.on("creds.update", () => {
    failpoint("creds.handed")
    // a login that does not name it takes it away
    if (creds.me && !creds.me.lid && lid) creds.me.lid = lid
    store.saveCreds(creds)
  })
  sock.ev.on("connection.update", ({ receivedPendingNotifications }) => {
    if (receivedPendingNotifications === true) groups.drained()
  })

  const socket: BaileysSocket = {
    sock,
    guards,
    forgetGroup: groups.forget,
    lastHeard: () => lastHeard,
    deafFor: () => Math.max(hearing.deafFor(), hearingOffline.deafFor())
  }
  return socket
})

/** The pairing is complete: `me` alone is there as soon as a pairing code has been asked for. */
export const isPaired = (creds: AuthenticationCreds): boolean => creds.account !== undefined && creds.me !== undefined

export const identityOf = (creds: AuthenticationCreds) => {
  const jid = bareJid(creds.me?.id ?? "")
  return {
    jid,
    lid: creds.me?.lid ? bareJid(creds.me.lid) : null,
    pushName: creds.me?.name && creds.me.name !== "~" ? creds.me.name : null
  }
}
