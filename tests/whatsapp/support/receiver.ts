// A process of its own: opens a device and receives until it is killed. `plain` is Baileys as it comes, and writes down
// what it has heard; `ours` is this service.
import { makeWASocket, type SocketConfig, useMultiFileAuthState, type UserFacingSocketConfig } from "@whiskeysockets/baileys"
import { ConfigProvider, Effect, Layer } from "effect"
import { appendFileSync } from "node:fs"
import { sqlite } from "../../../src/sql/database/Database.ts"
import { WhatsApp } from "../../../src/whatsapp/WhatsApp.ts"
import { cipher, openOptions } from "./device.ts"

const [kind, url = "", root = "", place = ""] = process.argv.slice(2)
const say = (what: object) => process.stdout.write(`${JSON.stringify(what)}\n`)

const ours = Effect.gen(function*() {
  const whatsApp = yield* WhatsApp
  const connection = yield* whatsApp.open(openOptions({ pairing: true }))
  while (true) {
    const event = yield* connection.events.take
    if (event._tag === "Qr") say({ qr: event.qr })
    else say({ event: event._tag })
    if (event._tag === "Closed") return
  }
}).pipe(
  Effect.scoped,
  Effect.repeat({ times: 3 }),
  Effect.provide(WhatsApp.layer.pipe(Layer.provide(Layer.merge(sqlite(place), cipher)))),
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["WA_SOCKET_URL", url], ["WA_NOISE_ROOT_KEY", root]])))
)

const silent: SocketConfig["logger"] = {
  level: "silent",
  child: () => silent,
  trace: () => {},
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {}
}

const plain = async (): Promise<void> => {
  const { saveCreds, state } = await useMultiFileAuthState(place)
  const config: Partial<UserFacingSocketConfig> = { auth: state, waWebSocketUrl: url, logger: silent }
  const sock = makeWASocket(config as UserFacingSocketConfig)
  sock.ev.on("creds.update", () => void saveCreds())
  sock.ev.on("connection.update", ({ connection, qr, receivedPendingNotifications }) => {
    if (qr !== undefined) say({ qr })
    if (receivedPendingNotifications === true) say({ event: "Drained" })
    if (connection === "close") void plain()
  })
  sock.ev.on("messages.upsert", ({ messages }) => {
    for (const { key } of messages) appendFileSync(`${place}/heard`, `${key.id}\n`)
  })
}

if (kind === "plain") await plain()
else await Effect.runPromise(ours)
