import { type AuthenticationCreds, type BinaryNode, USyncQuery, USyncUser, type WAMessageKey } from "@whiskeysockets/baileys"
import { Array, Clock, DateTime, Deferred, Duration, Effect, Runtime, Schedule } from "effect"
import type { ChatState } from "../../domain/ChatState.ts"
import type { ContactFact } from "../../domain/Contact.ts"
import { failpoint } from "../../domain/Failpoint.ts"
import { type Jid, userOf } from "../../domain/Jid.ts"
import type { MessageId } from "../../domain/Message.ts"
import { PhoneNumber } from "../../domain/PhoneNumber.ts"
import { identityOf, isPaired, makeBaileysSocket } from "./BaileysSocket.ts"
import { BoundedCache } from "./BoundedCache.ts"
import { ClosedBecause, type CloseReason, closeReason, connectionLost, deaf, pairedAndLeftOpen, silent } from "./CloseReason.ts"
import { contactFacts } from "../receiving/ContactFacts.ts"
import { within } from "./Deadline.ts"
import type { DeviceCaches } from "./DeviceCaches.ts"
import type { Egress } from "./Egress.ts"
import type { EventOutlet } from "./EventOutlet.ts"
import { changesGroups, isOfGroup } from "../groups/GroupNotification.ts"
import { makeGroupQueries } from "../groups/GroupQueries.ts"
import { personOf } from "../receiving/InboundFacts.ts"
import { makeHistoryDownload } from "../receiving/HistoryDownload.ts"
import type { KeyStore } from "../auth/KeyStore.ts"
import { makeLoginQuestions } from "./LoginQuestions.ts"
import { makeMediaTransfer } from "../media/MediaTransfer.ts"
import { makePersonQueries } from "../PersonQueries.ts"
import { cappingRestriction, makeRestrictionQuery, timelockRestriction } from "../sending/Restrictions.ts"
import { makeProbe } from "./Probe.ts"
import { answerTimeout, makeSender } from "../sending/Sender.ts"
import { judge, type Seen, type Verdict } from "./Watchdog.ts"
import { type Connection, type OpenOptions, QueryFailed, SocketEvent } from "../Connection.ts"

const serverJid = "@s.whatsapp.net"
/** the first login brings the whole address book */
const contactsAtOnce = 500
const qrLifetimes = { first: Duration.seconds(60), next: Duration.seconds(20) }

/** Opens the socket and makes a connection of it. Its scope closes it in order. */
export const connect = Effect.fnUntraced(function*(parts: {
  readonly options: OpenOptions
  readonly creds: AuthenticationCreds
  readonly store: KeyStore
  readonly caches: DeviceCaches
  readonly egress: Egress
  readonly socketUrl: string | undefined
  readonly outlet: EventOutlet
  /** set before the store can fail: how it ends the socket */
  readonly failBy: (fail: (error: Error) => void) => void
}) {
  const { caches, creds, outlet, store } = parts
  const clock = yield* Clock.clockWith(Effect.succeed)
  const runFork = Runtime.runFork(yield* Effect.runtime<never>())
  const now = () => DateTime.unsafeMake(clock.unsafeCurrentTimeMillis())
  const socket = yield* makeBaileysSocket(parts)
  const { guards, sock } = socket
  const questions = makeLoginQuestions(sock.ws)
  parts.failBy(guards.fail)
  outlet.onFull(guards)

  const closed = yield* Deferred.make<CloseReason>()
  const firstQr = yield* Deferred.make<void>()
  const startedAt = clock.unsafeCurrentTimeMillis()
  let phase: Seen["phase"] = "connecting"
  let drained = false
  let openedAt = startedAt
  let pairedAt: number | undefined
  let lastAsked = 0
  let codes = 0

  const identity = () => {
    const { jid, lid, pushName } = identityOf(creds)
    return { jid, lid, pushName, phone: PhoneNumber.make(userOf(jid)) }
  }
  const me = () => ({ id: creds.me?.id ?? "", lid: creds.me?.lid ?? null })
  const finish = (error: unknown) => {
    if (phase === "closed") return
    phase = "closed"
    const reason = closeReason(guards.failure() ?? error, now(), parts.options.proxyUrl !== undefined)
    guards.gate.seal(new ClosedBecause(reason))
    void guards.hangUp()
    Deferred.unsafeDone(closed, Effect.succeed(reason))
    // what the socket has told us is durable before anyone opens the next one
    outlet.publish(SocketEvent.Closed({ reason }), store.idle())
  }

  sock.ev.on("connection.update", (update) => {
    if (update.qr !== undefined) {
      if (phase === "connecting") phase = "pairing"
      const expiresAt = DateTime.addDuration(now(), codes++ === 0 ? qrLifetimes.first : qrLifetimes.next)
      outlet.publish(SocketEvent.Qr({ qr: update.qr, expiresAt }))
      Deferred.unsafeDone(firstQr, Effect.void)
    }
    if (update.isNewLogin === true) {
      pairedAt = clock.unsafeCurrentTimeMillis()
      outlet.publish(SocketEvent.Paired({ ...identity(), platform: creds.platform ?? null }), store.idle())
    }
    if (update.connection === "open" && phase !== "open") {
      phase = "open"
      openedAt = clock.unsafeCurrentTimeMillis()
      outlet.publish(SocketEvent.Open(identity()))
      if (drained) outlet.publish(SocketEvent.Drained())
      // what was given up at the login, without anyone waiting for it
      if (questions.anyUnanswered()) {
        runFork(Effect.ignoreLogged(ask("pre-keys", () => sock.uploadPreKeysToServerIfRequired())))
      }
    }
    if (update.receivedPendingNotifications === true) {
      drained = true
      // it may come before the login is complete
      if (phase === "open") outlet.publish(SocketEvent.Drained())
    }
    if (update.reachoutTimeLock) {
      outlet.publish(SocketEvent.Restricted({ restriction: timelockRestriction(update.reachoutTimeLock) }))
    }
    if (update.connection === "close") finish(update.lastDisconnect?.error)
  })
  sock.ev.on("message-capping.update", (info) => outlet.publish(SocketEvent.Restricted({ restriction: cappingRestriction(info) })))
  // every message brings its writer's name once more
  const told = new BoundedCache<string>({ capacity: 1000, ttl: "1 hour" })
  const isNews = (contact: ContactFact) => {
    const [key, text] = [`${contact.phone}|${contact.lid}`, JSON.stringify(contact)]
    if (told.get(key) === text) return false
    told.set(key, text)
    return true
  }
  const tell = (contacts: ReadonlyArray<ContactFact>) => {
    failpoint("listener.contacts")
    for (const chunk of Array.chunksOf(contacts.filter(isNews), contactsAtOnce)) {
      if (chunk.length > 0) outlet.publish(SocketEvent.Contacts({ contacts: chunk }))
    }
  }
  sock.ev.on("contacts.upsert", (contacts) => tell(contactFacts(contacts)))
  sock.ev.on("contacts.update", (contacts) => tell(contactFacts(contacts)))
  sock.ev.on("lid-mapping.update", ({ lid, pn }) => tell([personOf(lid, pn)].filter((fact) => fact !== undefined)))

  const sender = makeSender({
    sock,
    guards,
    isOpen: () => phase === "open",
    closed: Effect.map(Deferred.await(closed), (reason) => new ClosedBecause(reason)),
    forgetDevices: (users) => {
      for (const user of users) caches.userDevices.del(user)
    }
  })
  sock.ws.on("CB:ack,class:message", sender.onAck)
  sock.ws.on("CB:notification", (stanza: BinaryNode) => {
    if (isOfGroup(stanza)) outlet.publish(SocketEvent.GroupsTold(), store.idle())
  })
  sock.ws.on("CB:ib,,dirty", (stanza: BinaryNode) => {
    if (changesGroups(stanza)) outlet.publish(SocketEvent.GroupsStale())
  })

  const settle = (verdict: Verdict): void => {
    switch (verdict) {
      case "well":
        return
      case "dead":
        return guards.fail(new ClosedBecause(silent))
      case "deaf":
        return guards.fail(new ClosedBecause(deaf))
      case "left-open":
        return guards.fail(new ClosedBecause(pairedAndLeftOpen))
      case "drained":
        drained = true
        sock.ev.flush()
        return outlet.publish(SocketEvent.Drained())
      case "quiet":
        lastAsked = clock.unsafeCurrentTimeMillis()
        runFork(Effect.ignore(count))
    }
  }
  const watch = Effect.sync(() => {
    const at = clock.unsafeCurrentTimeMillis()
    if (phase === "connecting" && isPaired(creds)) questions.hurry(at)
    const lastHeard = socket.lastHeard()
    const genuine = parts.socketUrl === undefined
    settle(judge({ phase, startedAt, openedAt, pairedAt, drained, lastHeard, lastAsked, deafFor: socket.deafFor(), genuine }, at))
  })
  yield* Effect.forkScoped(Effect.repeat(watch, Schedule.spaced("2 seconds")))

  /** A question to the server; it fails with the socket, and when time is up. */
  const ask = <A>(query: string, run: () => Promise<A>) =>
    Effect.tryPromise({ try: run, catch: (cause) => new QueryFailed({ query, cause: asError(cause) }) }).pipe(
      Effect.timeoutFail({
        duration: answerTimeout,
        onTimeout: () => new QueryFailed({ query, cause: new Error("WhatsApp did not answer in time") })
      }),
      Effect.raceFirst(Effect.flatMap(Deferred.await(closed), (reason) =>
        new QueryFailed({ query, cause: new ClosedBecause(reason) })))
    )

  const lookup = Effect.fn("WhatsApp.lookup")(function*(phones: ReadonlyArray<PhoneNumber>) {
    const query = new USyncQuery().withContactProtocol().withLIDProtocol()
    for (const phone of phones.slice(0, 50)) query.withUser(new USyncUser().withPhone(`+${phone}`))
    const answer = yield* ask("lookup", () => sock.executeUSyncQuery(query))
    // Baileys gives nothing where it was answered nothing, which must not look like "nobody has this number"
    if (answer === undefined) return yield* new QueryFailed({ query: "lookup", cause: new Error("WhatsApp did not answer") })
    const found = answer.list.filter(({ contact }) => contact === true)
    return found.flatMap(({ id, lid }) => personOf(id, typeof lid === "string" ? lid : undefined) ?? [])
  })

  const whileOpen = <A>(query: string, run: () => Promise<A>) =>
    Effect.suspend(() =>
      phase === "open" ? ask(query, run) : new QueryFailed({ query, cause: new Error("The device is not connected") })
    )
  const showState = Effect.fn("WhatsApp.showState")((chat: Jid, state: ChatState) =>
    Effect.asVoid(whileOpen("chatstate", () => sock.sendPresenceUpdate(state, chat)))
  )
  const markRead = Effect.fn("WhatsApp.markRead")((chat: Jid, participant: Jid | null, ids: ReadonlyArray<MessageId>) => {
    const keys = ids.map((id) => ({ remoteJid: chat, id, fromMe: false, participant: participant ?? undefined }))
    return Effect.asVoid(whileOpen("read", () => sock.readMessages(keys as Array<WAMessageKey>)))
  })

  const requestPairingCode = Effect.fn("WhatsApp.requestPairingCode")(function*(phone: PhoneNumber) {
    if (isPaired(creds)) {
      return yield* new QueryFailed({ query: "pairing-code", cause: new Error("The device is paired already") })
    }
    yield* Effect.raceFirst(
      Deferred.await(firstQr),
      Effect.flatMap(Deferred.await(closed), (reason) => new QueryFailed({ query: "pairing-code", cause: new ClosedBecause(reason) }))
    )
    return yield* ask("pairing-code", () => sock.requestPairingCode(phone))
  })

  const { count, probe } = makeProbe(sock, ask)

  const unlink = () =>
    sock.query({
      tag: "iq",
      attrs: { to: serverJid, type: "set", xmlns: "md" },
      content: [{ tag: "remove-companion-device", attrs: { jid: creds.me?.id ?? "", reason: "user_initiated" } }]
    })
  const logout = Effect.raceFirst(
    ask("logout", unlink),
    // the server may end the stream in place of an answer
    Effect.flatMap(Deferred.await(closed), (reason) =>
      reason.reason === "logged_out" ? Effect.void : new QueryFailed({ query: "logout", cause: new ClosedBecause(reason) }))
  ).pipe(Effect.asVoid)

  const close = Effect.promise(async () => {
    // what comes from now on is the next socket's: under steady traffic there would be no end of what is to be stored
    guards.pause()
    sock.ev.flush()
    await within(5000, store.idle())
    guards.settle()
    // to hear that the server hangs up, too
    guards.resume()
    if (phase !== "closed") await within(3000, sock.end(undefined))
    finish(undefined)
    await within(3000, guards.hangUp())
    await within(5000, store.idle())
    await outlet.flushed()
    store.close()
  })
  yield* Effect.addFinalizer(() => close)

  const connection: Connection = {
    events: outlet.events,
    send: sender.send,
    showState,
    markRead,
    lookup,
    ...makePersonQueries(sock, ask),
    ...makeHistoryDownload(parts.egress, me),
    groups: makeGroupQueries(sock, ask, { me, forget: socket.forgetGroup }),
    ...makeMediaTransfer(sock, parts.egress, whileOpen, () => creds.me?.id ?? ""),
    requestPairingCode,
    restriction: makeRestrictionQuery(sock, ask),
    probe,
    lastHeard: Effect.sync(() => DateTime.unsafeMake(socket.lastHeard())),
    logout
  }
  return connection
})

const asError = (cause: unknown): Error =>
  cause instanceof Error ? cause : new ClosedBecause({ ...connectionLost, code: typeof cause === "number" ? cause : null })
