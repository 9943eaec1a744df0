// A plain, unmodified Baileys client with everything in memory.
import {
  type AuthenticationState,
  initAuthCreds,
  makeWASocket,
  proto,
  type SignalDataSet,
  type SignalDataTypeMap,
  type UserFacingSocketConfig,
  type WAMessage,
  type WASocket
} from "@whiskeysockets/baileys"
import { vi } from "vitest"
import type { EmulatorServer } from "../../src/emulator/EmulatorServer.ts"
import type { Phone } from "../../src/emulator/Phone.ts"

// libsignal prints whole sessions.
for (const level of ["info", "warn", "error"] as const) vi.spyOn(console, level).mockImplementation(() => {})

type BaileysEvents = Parameters<Parameters<WASocket["ev"]["process"]>[0]>[0]

const silent = {
  level: "silent",
  child: () => silent,
  trace: () => {},
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {}
}

const copy = (value: unknown): unknown => structuredClone(value)

/** Synchronous in memory: what a client stores must not change the order of things here. */
export const memoryAuth = (): AuthenticationState => {
  const stored = new Map<string, unknown>()
  return {
    creds: initAuthCreds(),
    keys: {
      get: <T extends keyof SignalDataTypeMap>(type: T, ids: Array<string>) => {
        const found: Record<string, SignalDataTypeMap[T]> = {}
        for (const id of ids) {
          let value = stored.get(`${type}|${id}`)
          if (value === undefined) continue
          if (type === "app-state-sync-key") value = proto.Message.AppStateSyncKeyData.fromObject(value as object)
          found[id] = value as SignalDataTypeMap[T]
        }
        return found
      },
      set: (data: SignalDataSet) => {
        for (const [type, values] of Object.entries(data)) {
          for (const [id, value] of Object.entries(values ?? {})) {
            if (value === null || value === undefined) stored.delete(`${type}|${id}`)
            else stored.set(`${type}|${id}`, type === "session" ? copy(value) : value)
          }
        }
      }
    }
  }
}

interface Waiting {
  readonly check: () => boolean
  readonly resolve: () => void
}

/** A client that remembers what it was told, so that a test can wait for it whenever it came. */
export class Client {
  readonly auth: AuthenticationState
  readonly #config: Partial<UserFacingSocketConfig>
  readonly #url: string
  readonly messages: Array<{ readonly type: string; readonly message: WAMessage }> = []
  readonly updates: Array<BaileysEvents["messages.update"] extends ReadonlyArray<infer A> | undefined ? A : never> = []
  readonly connection: Array<NonNullable<BaileysEvents["connection.update"]>> = []
  readonly acks: Array<Record<string, string>> = []
  /** Everything Baileys has said, in order. */
  readonly heard: Array<BaileysEvents> = []
  readonly sent = new Map<string, proto.IMessage>()
  readonly #waiting = new Set<Waiting>()
  socket: WASocket

  constructor(
    url: string,
    options: { readonly auth?: AuthenticationState; readonly config?: Partial<UserFacingSocketConfig> } = {}
  ) {
    this.#url = url
    this.auth = options.auth ?? memoryAuth()
    this.#config = options.config ?? {}
    this.socket = this.#open()
  }

  get jid(): string {
    return this.auth.creds.me?.id ?? ""
  }

  get qr(): string | undefined {
    return this.connection.findLast((update) => update.qr !== undefined)?.qr
  }

  get closeCode(): number | undefined {
    const closed = this.connection.findLast((update) => update.connection === "close")
    return (closed?.lastDisconnect?.error as { output?: { statusCode?: number } } | undefined)?.output?.statusCode
  }

  get closeError(): (Error & { readonly data?: unknown }) | undefined {
    return this.connection.findLast((update) => update.connection === "close")?.lastDisconnect?.error
  }

  /** A new socket on the same credentials; what was heard before is forgotten. */
  reconnect(): void {
    this.messages.length = 0
    this.updates.length = 0
    this.connection.length = 0
    this.acks.length = 0
    this.heard.length = 0
    this.socket = this.#open()
  }

  async until(check: () => boolean, what: string, timeoutMs = 10_000): Promise<void> {
    if (check()) return
    await new Promise<void>((resolve, reject) => {
      const waiting: Waiting = { check, resolve: () => (clearTimeout(timer), resolve()) }
      const timer = setTimeout(() => {
        this.#waiting.delete(waiting)
        reject(new Error(`not within ${timeoutMs} ms: ${what}`))
      }, timeoutMs)
      this.#waiting.add(waiting)
    })
  }

  untilQr = (): Promise<void> => this.until(() => this.qr !== undefined, "QR")
  untilClosed = (timeoutMs?: number): Promise<void> =>
    this.until(() => this.connection.some((update) => update.connection === "close"), "close", timeoutMs)

  /** Open, and everything that waited has come. */
  untilOnline = (): Promise<void> =>
    this.until(
      () =>
        this.connection.some((update) => update.connection === "open") &&
        this.connection.some((update) => update.receivedPendingNotifications),
      "online"
    )

  /** The first event of this name that is accepted, whenever it came. */
  async untilEvent<Name extends keyof BaileysEvents>(
    name: Name,
    accepts: (event: NonNullable<BaileysEvents[Name]>) => boolean = () => true
  ): Promise<NonNullable<BaileysEvents[Name]>> {
    const all = () => this.heard.flatMap((events): Array<NonNullable<BaileysEvents[Name]>> => events[name] ? [events[name]] : [])
    await this.until(() => all().some(accepts), `event ${name}`)
    const found = all().find(accepts)
    if (!found) throw new Error(`no event ${name}`)
    return found
  }

  async untilMessage(text: string): Promise<{ readonly type: string; readonly message: WAMessage }> {
    const find = () => this.messages.find(({ message }) => textOf(message) === text)
    await this.until(() => find() !== undefined, `message "${text}"`)
    return find() as { readonly type: string; readonly message: WAMessage }
  }

  /** Baileys folds an update that comes at once into the message it has not handed out yet. */
  untilStatus(id: string, status: number): Promise<void> {
    const reached = () =>
      this.updates.some((each) => each.key.id === id && each.update.status === status) ||
      this.messages.some(({ message }) => message.key.id === id && message.status === status)
    return this.until(reached, `status ${status} of ${id}`)
  }

  /** In a group: what one member did with a message. It too may come folded into the message. */
  untilReceiptOf(userJid: string, id: string, what: "receiptTimestamp" | "readTimestamp"): Promise<void> {
    const reached = () =>
      this.heard.some((events) =>
        events["message-receipt.update"]?.some(({ key, receipt }) =>
          key.id === id && receipt.userJid === userJid && receipt[what]
        ) ||
        events["messages.upsert"]?.messages.some(({ key, userReceipt }) =>
          key.id === id && userReceipt?.some((each) => each.userJid === userJid && each[what])
        )
      )
    return this.until(reached, `${what} of ${userJid} for ${id}`)
  }

  async untilAck(id: string): Promise<Record<string, string>> {
    const find = () => this.acks.find((ack) => ack.id === id)
    await this.until(() => find() !== undefined, `ack of ${id}`)
    return find() ?? {}
  }

  async send(to: string, text: string, id?: string): Promise<string> {
    const options = id === undefined ? {} : { messageId: id }
    const sent = await this.socket.sendMessage(`${to}@s.whatsapp.net`, { text }, options)
    return sent?.key.id ?? ""
  }

  async close(): Promise<void> {
    if (!this.connection.some((update) => update.connection === "close")) await this.socket.end(undefined)
  }

  #open(): WASocket {
    const socket = makeWASocket({
      auth: this.auth,
      waWebSocketUrl: this.#url,
      logger: silent,
      connectTimeoutMs: 5_000,
      defaultQueryTimeoutMs: 5_000,
      retryRequestDelayMs: 0,
      getMessage: async (key) => this.sent.get(key.id ?? ""),
      ...this.#config
    } as UserFacingSocketConfig)
    socket.ev.process((events) => {
      this.heard.push(events)
      if (events["connection.update"]) this.connection.push(events["connection.update"])
      if (events["messages.update"]) this.updates.push(...events["messages.update"])
      const upsert = events["messages.upsert"]
      for (const message of upsert?.messages ?? []) {
        if (message.key.fromMe && message.key.id && message.message) this.sent.set(message.key.id, message.message)
        this.messages.push({ type: upsert?.type ?? "", message })
      }
      this.#check()
    })
    socket.ws.on("CB:ack,class:message", (stanza: { attrs: Record<string, string> }) => {
      this.acks.push(stanza.attrs)
      this.#check()
    })
    return socket
  }

  #check(): void {
    for (const waiting of this.#waiting) {
      if (!waiting.check()) continue
      this.#waiting.delete(waiting)
      waiting.resolve()
    }
  }
}

export const textOf = (message: WAMessage): string | undefined =>
  message.message?.conversation ?? message.message?.extendedTextMessage?.text ?? undefined

/** A client that is linked to the phone and online. */
export const linkedTo = async (
  server: EmulatorServer,
  phone: Phone,
  config: Partial<UserFacingSocketConfig> = {}
): Promise<Client> => {
  const client = new Client(server.url, { config })
  await client.untilQr()
  await phone.scan(client.qr ?? "")
  await client.untilClosed()
  client.reconnect()
  await client.untilOnline()
  // The first history is acknowledged: what waits from here on is the test's own.
  const settled = async (): Promise<void> => {
    if (phone.linked.every((each) => !each.online || each.queued === 0)) return
    await server.waitFor("receipt")
    return settled()
  }
  await settled()
  return client
}
