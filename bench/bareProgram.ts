// Bare Baileys: the least that sends, receives and stays linked.
import { type BinaryNode, generateMessageIDV2, makeWASocket, type UserFacingSocketConfig, type WASocket } from "@whiskeysockets/baileys"
import { join } from "node:path"
import { type BareAuth, bareAuth } from "./bareAuth.ts"
import { answers } from "./probe.ts"
import { forEach, range } from "./waiting.ts"

const folder = process.env["BARE_FOLDER"] ?? ""
const url = process.env["WA_SOCKET_URL"] ?? ""
const control = process.env["BARE_CONTROL"] ?? ""

const silent = { level: "silent", child: () => silent, trace() {}, debug() {}, info() {}, warn() {}, error() {} }
// libsignal prints whole sessions
Object.assign(console, { info() {}, warn() {}, error() {}, log() {} })

const accounts = new Map<string, { readonly auth: BareAuth; socket: WASocket }>()
const acks = new Map<string, (stanza: BinaryNode) => void>()
let received = 0
let awaited: { readonly count: number; readonly reached: () => void } | undefined

const scan = (phone: string, qr: string) =>
  fetch(`${control}/phones/${phone}/scan`, { method: "POST", body: JSON.stringify({ qr }) })

const connect = (phone: string, auth: BareAuth, online: () => void) => {
  const socket = makeWASocket({
    auth: auth.state,
    waWebSocketUrl: url,
    logger: silent,
    markOnlineOnConnect: false,
    syncFullHistory: false,
    emitOwnEvents: false
  } as UserFacingSocketConfig)
  accounts.set(phone, { auth, socket })
  socket.ev.on("connection.update", ({ connection, qr }) => {
    if (qr !== undefined) void scan(phone, qr)
    if (connection === "close") connect(phone, auth, online)
    if (connection === "open") online()
  })
  socket.ev.on("messages.upsert", ({ messages }) => {
    received += messages.filter(({ key, message }) => !key.fromMe && message).length
    if (awaited && received >= awaited.count) awaited.reached()
  })
  socket.ws.on("CB:ack,class:message", (stanza: BinaryNode) => acks.get(stanza.attrs["id"] ?? "")?.(stanza))
}

const send = async (socket: WASocket, to: string, text: string) => {
  const messageId = generateMessageIDV2(socket.user?.id)
  const { promise, reject, resolve } = Promise.withResolvers<void>()
  acks.set(messageId, ({ attrs }) => attrs["error"] ? reject(new Error(`refused with ${attrs["error"]}`)) : resolve())
  await socket.sendMessage(`${to}@s.whatsapp.net`, { text }, { messageId })
  await promise
  acks.delete(messageId)
}

Object.assign(answers, {
  open: ({ phones }: { readonly phones: ReadonlyArray<string> }) =>
    Promise.all(phones.map((phone) =>
      new Promise<void>((online) => connect(phone, bareAuth(join(folder, phone)), online))
    )).then(() => undefined),
  save: () => {
    for (const { auth } of accounts.values()) auth.save()
  },
  send: async ({ clients, count, from, to }: {
    readonly from: string
    readonly to: ReadonlyArray<string>
    readonly count: number
    readonly clients: number
  }) => {
    const socket = accounts.get(from)!.socket
    await forEach(range(0, count), clients, (index) => send(socket, to[index % to.length]!, `message ${index}`))
  },
  received: () => received,
  receivedAll: ({ count }: { readonly count: number }) =>
    new Promise<void>((reached) => {
      awaited = { count, reached }
      if (received >= count) reached()
    })
})
// without devices nothing else keeps it alive
process.channel?.ref()
process.send?.({ ready: true })
