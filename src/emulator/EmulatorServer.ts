import type { AuditReport } from "./Audit.ts"
import type { Companion } from "./Companion.ts"
import { Directory } from "./Directory.ts"
import { EmulatorError } from "./EmulatorError.ts"
import type { EmulatorOptions } from "./EmulatorOptions.ts"
import type { EmulatorEvents, EventName } from "./Events.ts"
import { Exchange } from "./Exchange.ts"
import type { Faults } from "./Faults.ts"
import { GroupOutgoing } from "./groups/GroupOutgoing.ts"
import { Groups } from "./groups/Groups.ts"
import { GroupTraffic } from "./groups/GroupTraffic.ts"
import { sendHistory } from "./history/sendHistory.ts"
import { Hub } from "./Hub.ts"
import { Media } from "./media/Media.ts"
import { MediaRetry } from "./media/MediaRetry.ts"
import { Outgoing } from "./Outgoing.ts"
import { Phone } from "./Phone.ts"
import { Presences } from "./Presences.ts"
import { Pictures } from "./profile/Pictures.ts"
import { Certificates } from "./protocol/certificates.ts"
import { type Node, proto } from "./protocol/codec.ts"
import { SERVER_JID } from "./protocol/jid.ts"
import { signingKeys } from "./protocol/keys.ts"
import { node } from "./protocol/node.ts"
import { Queries } from "./queries/Queries.ts"
import { Connection } from "./server/Connection.ts"
import { Gate } from "./server/Gate.ts"
import { Login } from "./server/Login.ts"
import { Pairing } from "./server/Pairing.ts"
import type { Counts } from "./Stats.ts"
import type { Undecryptable } from "./Undecryptable.ts"

/** A WhatsApp server, its accounts and their phones. */
export class EmulatorServer {
  readonly #hub: Hub
  readonly #gate: Gate
  readonly #certificates: Certificates
  readonly #directory: Directory
  readonly #outgoing: Outgoing
  readonly #inGroups: GroupOutgoing
  /** The groups, and what members do to them. */
  readonly groups: Groups
  readonly #pairing: Pairing
  readonly #presences: Presences
  readonly #pictures: Pictures
  /** The media server and what lies there. */
  readonly media: Media
  readonly #login: Login
  readonly #phones = new Map<string, Phone>()
  readonly #connections = new Set<Connection>()
  #nextConnection = 1
  #url = ""
  #stopped: Promise<void> | undefined

  constructor(options: EmulatorOptions) {
    this.#hub = new Hub(options)
    const { rootSeed } = this.#hub.settings
    const root = rootSeed === undefined ? undefined : signingKeys(Buffer.from(rootSeed, "hex"))
    this.#certificates = new Certificates(root)
    this.#directory = new Directory(this.#hub)
    this.#outgoing = new Outgoing(this.#hub)
    this.#pairing = new Pairing(this.#hub)
    this.groups = new Groups(this.#hub)
    this.media = new Media(this.#hub)
    this.#presences = new Presences(this.#directory, this.groups)
    this.#pictures = new Pictures(this.#hub, this.#directory, this.groups, this.media)
    this.#inGroups = new GroupOutgoing(this.#hub)
    const queries = new Queries(this.#hub, this.#directory, {
      groups: this.groups,
      media: this.media.server,
      pictures: this.#pictures
    }, {
      active: (companion) => this.#activate(companion),
      logout: (companion) => this.#pairing.unlink(companion, false)
    })
    const traffic = new GroupTraffic(this.#hub, this.#directory, this.#inGroups)
    const exchange = new Exchange(this.#hub, this.#directory, {
      outgoing: this.#outgoing,
      groups: this.groups,
      inGroups: traffic,
      mediaRetry: new MediaRetry(this.#hub, this.media),
      presences: this.#presences
    })
    this.#login = new Login(this.#hub, this.#directory, exchange, queries)
    this.#gate = new Gate(this.#hub, (socket, tcp) => {
      const id = this.#nextConnection++
      const connection = new Connection(this.#hub, id, socket, tcp, this.#certificates, this.#accept)
      this.#connections.add(connection)
      socket.on("close", () => this.#connections.delete(connection))
    })
  }

  async start(): Promise<this> {
    await this.media.listen()
    try {
      this.#url = await this.#gate.listen()
    } catch (error) {
      await this.media.close()
      throw error
    }
    return this
  }

  /** For `WA_SOCKET_URL`. */
  get url(): string {
    return this.#url
  }

  /** For `WA_NOISE_ROOT_KEY`: the public key, in hex, that the certificate chain ends at. */
  get noiseRootKey(): string {
    return this.#certificates.root.publicKey.toString("hex")
  }

  /** For `WA_MEDIA_CA`: the authority behind the media server, in PEM; or the path of a file with it. */
  get mediaCa(): string {
    return this.media.server.ca
  }

  mediaCaFile(): Promise<string> {
    return this.media.store.write("ca.pem", this.mediaCa)
  }

  /** The open connections; a label says which device is logged in. */
  get connections(): ReadonlyArray<Connection> {
    return [...this.#connections].filter((connection) => connection.open)
  }

  get phones(): ReadonlyArray<Phone> {
    return this.#directory.accounts.map((account) => this.phone(account.phone))
  }

  get faults(): Faults {
    return this.#hub.faults
  }

  get stats(): Readonly<Counts> {
    return this.#hub.stats.counts
  }

  /** Whether what was accepted and what was shown are the same. */
  audit(): AuditReport {
    const unreadable = this.undecryptable.filter((each) => !each.recovered).map((each) => each.id)
    return this.#hub.audit.report(unreadable)
  }

  /** What linked devices sent that emulated ones could not read, the last ones. */
  get undecryptable(): ReadonlyArray<Undecryptable> {
    return this.#hub.undecryptable.entries
  }

  /** Stanzas that the emulator did not understand, the last ones. */
  get unknown(): ReadonlyArray<Node> {
    return this.#hub.unknown.entries
  }

  /** Clients that broke the protocol, and defects of the emulator itself, the last ones. */
  get failures(): ReadonlyArray<Error> {
    return this.#hub.failures.entries
  }

  resetStats(): void {
    this.#hub.stats.reset()
    this.#hub.undecryptable.clear()
    this.#hub.unknown.clear()
    this.#hub.failures.clear()
  }

  /** The phone of a number, which exists from then on. */
  phone(number: string, name?: string): Phone {
    const account = this.#directory.make(number, name)
    let phone = this.#phones.get(account.phone)
    if (!phone) {
      const parts = {
        hub: this.#hub,
        directory: this.#directory,
        outgoing: this.#outgoing,
        inGroups: this.#inGroups,
        groups: this.groups,
        media: this.media,
        presences: this.#presences,
        pictures: this.#pictures,
        pairing: this.#pairing
      }
      this.#phones.set(account.phone, phone = new Phone(parts, account))
    }
    return phone
  }

  /** The phone of a number that exists. */
  find(number: string): Phone | undefined {
    const account = this.#directory.find(number)
    return account && this.phone(account.phone)
  }

  /** The live connection of a linked device: the first one of the number without `device`. */
  connectionOf(number: string, device?: number): Connection {
    const found = this.connections.find((connection) =>
      connection.label?.phone === number.replaceAll(/\D/g, "") &&
      (device === undefined || connection.label.device === device)
    )
    if (!found) throw new EmulatorError("disconnected", `${number} has no connected device`)
    return found
  }

  /** Tells a linked device how many one-time keys the server holds, as when they run low. */
  askForPreKeys(number: string, device: number, count?: number): void {
    this.#directory.find(number)?.companion(device)?.askForPreKeys(count)
  }

  on<Name extends EventName>(name: Name, listener: (event: EmulatorEvents[Name]) => void): () => void {
    return this.#hub.events.on(name, listener)
  }

  /** The next such event. */
  waitFor<Name extends EventName>(
    name: Name,
    accepts?: (event: EmulatorEvents[Name]) => boolean,
    options?: { readonly timeoutMs?: number }
  ): Promise<EmulatorEvents[Name]> {
    return this.#hub.events.waitFor(name, accepts, options)
  }

  stop(): Promise<void> {
    return this.#stopped ??= (async () => {
      this.#hub.timers.stop()
      this.#hub.events.clear()
      this.#hub.faults.clear()
      for (const connection of this.#connections) connection.reset()
      await this.#gate.close()
      await this.media.close()
    })()
  }

  readonly #accept = (connection: Connection, clientKey: Buffer, bytes: Buffer) => {
    const payload = proto.ClientPayload.decode(bytes)
    return payload.devicePairingData
      ? this.#pairing.accept(connection, clientKey, payload)
      : this.#login.accept(connection, clientKey, payload)
  }

  /** The device says it is ready: first what waited for it, then how much that was, then it is online. */
  #activate(companion: Companion): void {
    const { stream } = companion
    if (!stream) return
    const waiting = companion.queue.entries
    const count = (tag: string) => String(waiting.filter((entry) => entry.stanza.tag === tag).length)
    if (waiting.length > 0) {
      const preview = {
        count: String(waiting.length),
        message: count("message"),
        receipt: count("receipt"),
        notification: count("notification"),
        appdata: "0"
      }
      stream.send(node("ib", { from: SERVER_JID }, [node("offline_preview", preview)]))
    }
    const offline = companion.flush()
    stream.send(node("ib", { from: SERVER_JID }, [node("offline", { count: String(offline) })]))
    companion.online = true
    if (companion.logins === 1 && this.#hub.settings.historySync) {
      sendHistory(this.#outgoing, this.media, companion).catch((error: unknown) => this.#hub.fail(error))
    }
    this.#hub.events.emit("online", { phone: companion.account.phone, device: companion.number, offline })
  }
}

export const startEmulator = (options: EmulatorOptions = {}): Promise<EmulatorServer> =>
  new EmulatorServer(options).start()
