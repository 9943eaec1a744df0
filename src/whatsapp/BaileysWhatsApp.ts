import { type AuthenticationCreds, initAuthCreds } from "@whiskeysockets/baileys"
import { Config, ConfigError, DateTime, Effect, Either, Option, Queue } from "effect"
import { readFileSync } from "node:fs"
import { type AuthError, makeAuthRows } from "./auth/AuthRows.ts"
import { isPaired } from "./socket/BaileysSocket.ts"
import { ClosedBecause, type CloseReason, credentialsUnreadable, notPaired, ownerChanged, storageUnavailable } from "./socket/CloseReason.ts"
import { installStrictSignatures, trustAnyRoot, trustNoiseRoot, whatsAppRoot } from "./auth/Curve.ts"
import { duration } from "../domain/Settings.ts"
import { makeDeviceCaches } from "./socket/DeviceCaches.ts"
import { makeEgress } from "./socket/Egress.ts"
import { makeEventOutlet } from "./socket/EventOutlet.ts"
import { makeKeyStore, parseCreds } from "./auth/KeyStore.ts"
import { connect } from "./socket/SocketConnection.ts"
import { type Connection, CredentialsUnreadable, type OpenOptions, QueryFailed, SendNotAttempted, SocketEvent, TransferFailed } from "./Connection.ts"

const eventCapacity = 256
const devicesRemembered = 5000

const rootKey = Config.nonEmptyString("WA_NOISE_ROOT_KEY").pipe(
  Config.mapOrFail((hex): Either.Either<"any" | Buffer, ConfigError.ConfigError> =>
    hex === "any"
      ? Either.right(hex)
      : /^(05)?[0-9a-f]{64}$/i.test(hex)
      ? Either.right(Buffer.from(hex, "hex"))
      : Either.left(ConfigError.InvalidData(["WA_NOISE_ROOT_KEY"], "32 bytes in hex, or 'any', are expected"))
  ),
  Config.option
)
const socketUrl = Config.nonEmptyString("WA_SOCKET_URL").pipe(
  Config.validate({ message: "a ws:// or wss:// URL is expected", validation: (url) => URL.canParse(url) && /^wss?:/.test(url) }),
  Config.option
)
const mediaCa = Config.nonEmptyString("WA_MEDIA_CA").pipe(
  Config.mapOrFail((value) =>
    value.includes("-----BEGIN")
      ? Either.right(value)
      : Either.try({
        try: () => readFileSync(value, "utf8"),
        catch: () => ConfigError.InvalidData(["WA_MEDIA_CA"], "a PEM certificate or the path of one is expected")
      })
  ),
  Config.option
)

const patience = duration("WA_STORAGE_PATIENCE", "25 seconds")

export const makeBaileysWhatsApp = Effect.gen(function*() {
  const storagePatience = yield* patience
  const rows = yield* makeAuthRows
  const cachesOf = makeDeviceCaches(devicesRemembered)
  const url = Option.getOrUndefined(yield* socketUrl)
  const ca = Option.getOrUndefined(yield* mediaCa)
  const root = Option.getOrElse(yield* rootKey, () => whatsAppRoot)
  if (root === "any" && url === undefined) {
    return yield* Effect.fail(
      ConfigError.InvalidData(["WA_NOISE_ROOT_KEY"], "WhatsApp itself has to prove who it is: 'any' is for the server of WA_SOCKET_URL")
    )
  }
  installStrictSignatures()
  if (root === "any") trustAnyRoot()
  else trustNoiseRoot(root)

  const loadCreds = Effect.fnUntraced(function*({ deviceId, pairing }: OpenOptions) {
    const stored = yield* rows.read(deviceId, "creds", [""]).pipe(
      Effect.catchTag("Undecipherable", (cause) => new CredentialsUnreadable({ deviceId, cause }))
    )
    const bytes = stored.get("")
    if (bytes === undefined) return pairing ? Option.some(initAuthCreds()) : Option.none<AuthenticationCreds>()
    const creds = yield* Effect.try({
      try: () => parseCreds(bytes),
      catch: (cause) => new CredentialsUnreadable({ deviceId, cause })
    })
    if (isPaired(creds)) return Option.some(creds)
    if (!pairing) return Option.none<AuthenticationCreds>()
    // a pairing that was begun and not finished: the keys may stay, what the phone was to confirm may not
    delete creds.me
    creds.pairingCode = undefined
    return Option.some(creds)
  })

  const open = Effect.fn("WhatsApp.open")(function*(options: OpenOptions) {
    const { deviceId, epoch } = options
    const creds = yield* loadCreds(options)
    if (!(yield* rows.holdsEpoch(deviceId, epoch))) return yield* closedConnection(ownerChanged)
    if (Option.isNone(creds)) return yield* closedConnection(notPaired)

    const egress = makeEgress({ proxyUrl: options.proxyUrl, mediaCa: ca })
    yield* Effect.addFinalizer(() => Effect.promise(() => egress.close()))
    const outlet = yield* makeEventOutlet(eventCapacity)
    const runtime = yield* Effect.runtime<never>()
    let fail: ((error: Error) => void) | undefined
    let failure: Error | undefined
    const store = makeKeyStore({
      deviceId,
      epoch,
      rows,
      runtime,
      patience: storagePatience,
      onFailure: (error) => {
        failure = new ClosedBecause(reasonOf(error), error)
        fail?.(failure)
      },
      onJournalled: () => outlet.publish(SocketEvent.Journalled())
    })
    return yield* connect({
      options,
      creds: creds.value,
      store,
      caches: cachesOf(deviceId),
      egress,
      socketUrl: url,
      outlet,
      failBy: (failing) => {
        fail = failing
        // Baileys reads before it is handed to us
        if (failure !== undefined) failing(failure)
      }
    })
  })

  return { open }
})

const reasonOf = (error: AuthError): CloseReason =>
  ({ StorageUnavailable: storageUnavailable, OwnerChanged: ownerChanged, Undecipherable: credentialsUnreadable })[error._tag]

/** A connection that never was. */
const closedConnection = Effect.fnUntraced(function*(reason: CloseReason) {
  const events = yield* Queue.bounded<SocketEvent>(1)
  yield* Queue.offer(events, SocketEvent.Closed({ reason }))
  const cause = new ClosedBecause(reason)
  const unanswered = (query: string) => Effect.fail(new QueryFailed({ query, cause }))
  const connection: Connection = {
    events,
    send: () => new SendNotAttempted({ reason: "offline", cause }),
    showState: () => unanswered("chatstate"),
    markRead: () => unanswered("read"),
    lookup: () => unanswered("lookup"),
    profilePicture: () => unanswered("profile-picture"),
    about: () => unanswered("about"),
    history: () => unanswered("history"),
    groups: {
      all: unanswered("groups"),
      get: () => unanswered("group"),
      create: () => unanswered("group"),
      participants: () => unanswered("group"),
      change: () => unanswered("group"),
      inviteCode: () => unanswered("group"),
      revokeInvite: () => unanswered("group"),
      join: () => unanswered("group"),
      joinRequests: () => unanswered("group")
    },
    upload: () => new TransferFailed({ reason: "connection", cause }),
    download: () => new TransferFailed({ reason: "connection", cause }),
    reupload: () => unanswered("media-retry"),
    requestPairingCode: () => unanswered("pairing-code"),
    restriction: () => unanswered("restriction"),
    probe: unanswered("probe"),
    lastHeard: Effect.map(Effect.clockWith((clock) => clock.currentTimeMillis), DateTime.unsafeMake),
    logout: unanswered("logout")
  }
  return connection
})
