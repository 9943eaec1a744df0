import { Context, DateTime, Duration, Effect, Layer, Option, Queue } from "effect"
import type { Restriction } from "../../src/domain/Device.ts"
import type { HistoryPiece } from "../../src/domain/History.ts"
import type { MediaKind, MediaSource } from "../../src/domain/Media.ts"
import type { MessageId } from "../../src/domain/Message.ts"
import { CloseAction, type CloseReason } from "../../src/whatsapp/socket/CloseReason.ts"
import type { GroupQueries } from "../../src/whatsapp/groups/GroupQueries.ts"
import { type GroupEntry, type HistoryEntry, InboundJournal, type JournalEntry } from "../../src/whatsapp/receiving/InboundJournal.ts"
import { sealOf } from "../../src/whatsapp/media/MediaCipher.ts"
import type { StorageUnavailable } from "../../src/domain/Storage.ts"
import { type Ack, type Connection, type CredentialsUnreadable, type HistoryGone, MediaGone, type OpenOptions, QueryFailed, type SendError, SendNotAttempted, SocketEvent, type TransferFailed, WhatsApp } from "../../src/whatsapp/WhatsApp.ts"

export interface FakeSocket {
  readonly options: OpenOptions
  readonly emit: (event: SocketEvent) => Effect.Effect<void>
  readonly close: (reason: Partial<CloseReason> & Pick<CloseReason, "action">) => Effect.Effect<void>
  readonly sent: Array<{ readonly to: string; readonly messageId: MessageId; readonly content: Uint8Array }>
  /** what chats were told without a message */
  readonly told: Array<readonly [chat: string, what: string | ReadonlyArray<string>]>
  readonly isOpen: () => boolean
  loggedOut: boolean
}

/** A WhatsApp port whose sockets do what the test says. */
export class FakeWhatsApp extends Context.Tag("tests/FakeWhatsApp")<FakeWhatsApp, {
  readonly sockets: Array<FakeSocket>
  /** The next socket that is opened, in order of opening. */
  readonly next: Effect.Effect<FakeSocket>
  answer: (messageId: MessageId, attempt: number) => Effect.Effect<Ack, SendError>
  /** to a message that was refused with this number */
  restriction: (code: number) => Effect.Effect<Restriction | null, QueryFailed>
  registered: (phone: string) => boolean
  alive: boolean
  /** runs before each socket is there */
  opening: (options: OpenOptions) => Effect.Effect<void, CredentialsUnreadable | StorageUnavailable>
  /** runs before each look into the journal */
  reading: Effect.Effect<void, StorageUnavailable>
  readonly journal: Array<JournalEntry>
  groups: GroupQueries
  readonly groupJournal: Array<GroupEntry>
  readonly histories: Array<HistoryEntry>
  history: (notification: Uint8Array) => Effect.Effect<HistoryPiece, QueryFailed | HistoryGone>
  readonly quarantined: Array<number>
  /** runs before each upload */
  upload: (kind: MediaKind) => Effect.Effect<void, TransferFailed>
  download: (source: MediaSource) => Effect.Effect<AsyncIterable<Uint8Array>, TransferFailed | MediaGone>
  reupload: Effect.Effect<string, QueryFailed | MediaGone>
}>() {
  static readonly layer = Layer.effectContext(
    Effect.gen(function*() {
      const opened = yield* Queue.unbounded<FakeSocket>()
      const fake: FakeWhatsApp["Type"] = {
        sockets: [],
        next: Queue.take(opened),
        answer: () => Effect.map(DateTime.now, (at) => ({ at })),
        restriction: (code) => Effect.succeed(code === 475 ? { kind: "new_chat_cap", code, until: null } : null),
        registered: () => true,
        alive: true,
        opening: () => Effect.void,
        reading: Effect.void,
        journal: [],
        groups: noGroups,
        groupJournal: [],
        quarantined: [],
        histories: [],
        history: () => new QueryFailed({ query: "history", cause: new Error("no history") }),
        upload: () => Effect.void,
        download: () => new MediaGone({ cause: new Error("no file") }),
        reupload: new QueryFailed({ query: "media-retry", cause: new Error("no phone") })
      }
      const attempts = new Map<string, number>()

      const open = Effect.fnUntraced(function*(options: OpenOptions) {
        yield* fake.opening(options)
        const events = yield* Queue.bounded<SocketEvent>(64)
        let isOpen = true
        const socket: FakeSocket = {
          options,
          sent: [],
          told: [],
          loggedOut: false,
          isOpen: () => isOpen,
          emit: (event) => Queue.offer(events, event),
          close: (reason) =>
            Queue.offer(events, SocketEvent.Closed({ reason: { reason: "connection_lost", text: "lost", code: null, ...reason } }))
        }
        yield* Effect.addFinalizer(() => Effect.sync(() => (isOpen = false)))
        fake.sockets.push(socket)
        yield* Queue.offer(opened, socket)
        const query = <A>(name: string, effect: Effect.Effect<A>) =>
          Effect.suspend(() => fake.alive ? effect : new QueryFailed({ query: name, cause: new Error("no answer") }))
        const connection: Connection = {
          events,
          showState: (chat, state) => query("chatstate", Effect.sync(() => void socket.told.push([chat, state]))),
          markRead: (chat, _, ids) => query("read", Effect.sync(() => void socket.told.push([chat, ids]))),
          send: (to, messageId, content) =>
            Effect.suspend((): Effect.Effect<Ack, SendError> => {
              // a send begins with a question too
              if (!fake.alive) return new SendNotAttempted({ reason: "lookup_failed", cause: new Error("no answer") })
              const attempt = (attempts.get(messageId) ?? 0) + 1
              attempts.set(messageId, attempt)
              socket.sent.push({ to, messageId, content })
              return fake.answer(messageId, attempt)
            }),
          lookup: (phones) =>
            query("lookup", Effect.succeed(phones.filter(fake.registered).map((phone) => ({ phone, lid: `${phone}9@lid` as never })))),
          profilePicture: (jid, size) =>
            query("profile-picture", Effect.succeed(Option.some(`https://pps.whatsapp.net/${size}/${jid}`))),
          about: () => query("about", Effect.map(DateTime.now, (setAt) => ({ about: "Hey there!", setAt }))),
          history: (notification) => Effect.suspend(() => fake.history(notification)),
          groups: following(() => fake.groups),
          upload: (kind, { bytes, size }) =>
            Effect.suspend(() => fake.upload(kind)).pipe(
              Effect.zipRight(Effect.promise(async () => sealOf(await bytes(), kind, Buffer.alloc(32, 1)))),
              Effect.map((facts) => ({ ...facts, fileLength: size, mediaKey: Buffer.alloc(32, 1), mediaKeyTimestamp: 1, directPath: "/v/x", url: null }))
            ),
          download: (source) => Effect.suspend(() => fake.download(source)),
          reupload: () => Effect.suspend(() => fake.reupload),
          requestPairingCode: () => query("code", Effect.succeed("ABCD1234")),
          restriction: (code) => Effect.suspend(() => fake.restriction(code)),
          probe: query("probe", Effect.succeed(Duration.millis(1))),
          lastHeard: DateTime.now,
          logout: Effect.sync(() => {
            socket.loggedOut = true
          })
        }
        return connection
      })

      const journal = InboundJournal.of({
        pending: (_, limit) => Effect.suspend(() => Effect.as(fake.reading, fake.journal.slice(0, limit))),
        history: () => Effect.sync(() => Option.fromNullable(fake.histories[0])),
        groups: (_, limit) => Effect.sync(() => fake.groupJournal.slice(0, limit)),
        done: (_, ids) =>
          Effect.sync(() => {
            const done = new Set(ids)
            fake.groupJournal.splice(0, fake.groupJournal.length, ...fake.groupJournal.filter((entry) => !done.has(entry.id)))
            fake.histories.splice(0, fake.histories.length, ...fake.histories.filter((entry) => !done.has(entry.id)))
            fake.journal.splice(0, fake.journal.length, ...fake.journal.filter((entry) => !done.has(entry.id)))
          }),
        quarantine: (_, id) =>
          Effect.sync(() => {
            fake.quarantined.push(id)
            fake.journal.splice(0, fake.journal.length, ...fake.journal.filter((entry) => entry.id !== id))
          }),
        prune: () => Effect.succeed(0)
      })
      return Context.make(FakeWhatsApp, fake).pipe(
        Context.add(WhatsApp, WhatsApp.of({ open })),
        Context.add(InboundJournal, journal)
      )
    })
  )
}

const noAnswer = new QueryFailed({ query: "group", cause: new Error("no answer") })
/** An account that is in no group. */
const noGroups: GroupQueries = {
  all: Effect.succeed([]),
  get: () => noAnswer,
  create: () => noAnswer,
  participants: () => noAnswer,
  change: () => noAnswer,
  inviteCode: () => noAnswer,
  revokeInvite: () => noAnswer,
  join: () => noAnswer,
  joinRequests: () => noAnswer
}

/** What the test says at the time of each call. */
const following = (groups: () => GroupQueries): GroupQueries => ({
  all: Effect.suspend(() => groups().all),
  get: (groupId) => groups().get(groupId),
  create: (name, people) => groups().create(name, people),
  participants: (groupId, action, people) => groups().participants(groupId, action, people),
  change: (groupId, change) => groups().change(groupId, change),
  inviteCode: (groupId) => groups().inviteCode(groupId),
  revokeInvite: (groupId) => groups().revokeInvite(groupId),
  join: (code) => groups().join(code),
  joinRequests: (groupId) => groups().joinRequests(groupId)
})

export const paired = (phone: string) => ({
  jid: `${phone}@s.whatsapp.net` as never,
  lid: `${phone}7@lid` as never,
  phone: phone as never,
  pushName: "Siti"
})

export const lost = { action: CloseAction.Backoff({ base: 1000 }) }

