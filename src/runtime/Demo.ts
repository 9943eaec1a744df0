import { FileSystem } from "@effect/platform"
import { Config, Console, Effect, Layer, Queue, Schema } from "effect"
import { type EmulatorServer, startEmulator } from "../emulator/EmulatorServer.ts"
import { qrTerminal } from "../domain/QrImage.ts"
import { type DemoEvent, makeDemoClient } from "./DemoClient.ts"
import { serviceUrl } from "./Announce.ts"
import { environment } from "./Environment.ts"
import { Service } from "./Services.ts"

const admin = { email: "admin@localhost", password: "demo-password" }
const phone = "6281234567890"
const friend = "6281298765432"
const base = "/api/whatsapp-multi-device/devices"

const say = (line: string) => Console.log(`\u001B[36m▸\u001B[0m ${line}`)
const show = (event: DemoEvent) => {
  const { content, messageId, reason, status } = event.data
  const facts = Object.entries({ status, reason, messageId, content }).filter(([, fact]) => typeof fact === "string")
  return Console.log(`  \u001B[90msse ${event.type}${facts.map(([name, fact]) => ` ${name}=${String(fact)}`).join("")}\u001B[0m`)
}

/** The service against the built-in emulator: pairs, sends and receives as a user would, then stays up to be played with. */
export const demo = Effect.gen(function*() {
  const emulator = yield* Effect.acquireRelease(
    Effect.promise(() => startEmulator()),
    (server) => Effect.promise(() => server.stop())
  )
  const dataDir = yield* Effect.flatMap(FileSystem.FileSystem, (files) => files.makeTempDirectoryScoped({ prefix: "wa-demo-" }))
  const quiet = yield* Config.string("LOG_LEVEL").pipe(Config.withDefault("warning"))
  const settings = environment({
    DATA_DIR: dataDir,
    DATABASE_URL: "",
    DB_HOST: "",
    ADMIN_EMAIL: admin.email,
    ADMIN_PASSWORD: admin.password,
    WA_SOCKET_URL: emulator.url,
    WA_NOISE_ROOT_KEY: emulator.noiseRootKey,
    WA_MEDIA_CA: emulator.mediaCa,
    // what one tries out would look like a mass of new chats
    PACING: "off",
    LOG_LEVEL: quiet
  })
  const service = yield* Layer.build(Service).pipe(Effect.withConfigProvider(settings))
  const url = yield* Effect.provide(serviceUrl, service)
  yield* say(`The service runs on ${url}, docs at ${url}/docs; WhatsApp is the emulator at ${emulator.url}.`)
  yield* scenario(url, emulator)
  yield* Console.log(playground(url))
  return yield* Effect.never
}).pipe(Effect.scoped)

const scenario = Effect.fnUntraced(function*(url: string, emulator: EmulatorServer) {
  const client = yield* makeDemoClient(url)
  const siti = emulator.phone(phone, "Siti")
  const budi = emulator.phone(friend, "Budi")
  budi.receipts = { delivered: true, read: true }
  budi.autoReply((received) => received.text === undefined ? undefined : `Budi got: ${received.text}`)

  yield* client.login(admin.email, admin.password)
  yield* say(`Logged in as ${admin.email}.`)
  const events = yield* client.events
  const awaitEvent = (matches: (event: DemoEvent) => boolean) =>
    Queue.take(events).pipe(Effect.tap(show), Effect.repeat({ until: matches }), Effect.timeout("30 seconds"))

  const device = yield* client.ask(Schema.Struct({ deviceId: Schema.String }))("POST", base, { deviceName: "Demo" })
  yield* say(`Created device ${device.deviceId}; connecting it.`)
  const { qr } = yield* client.ask(Schema.Struct({ qr: Schema.String }))("POST", `${base}/${device.deviceId}/connect`)
  yield* Console.log(yield* qrTerminal(qr))
  yield* say("Scanning this QR code with the emulated phone of Siti…")
  yield* Effect.promise(() => siti.scan(qr))
  yield* awaitEvent((event) => event.type === "device-status" && event.data["status"] === "connected")

  yield* say("Paired. Sending Budi a message.")
  const sent = yield* client.ask(Schema.Struct({ messageId: Schema.String, status: Schema.String }))(
    "POST",
    `${base}/${device.deviceId}/send-message`,
    { phone: `+${friend}`, message: "Halo Budi, apa kabar?" }
  )
  yield* say(`The API answered: ${sent.status}, message id ${sent.messageId}. Waiting for his answer.`)
  yield* awaitEvent((event) => event.type === "message.received")
  yield* say("Everything works.")
})

const playground = (url: string) => `
Play with it; Ctrl-C ends it, and nothing is kept.

  TOKEN=$(curl -s ${url}/api/auth/login -H 'content-type: application/json' \\
    -d '{"email":"${admin.email}","password":"${admin.password}"}' | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')
  curl -N ${url}/api/events -H "authorization: Bearer $TOKEN"
  DEVICE=$(curl -s ${url}${base} -H "authorization: Bearer $TOKEN" | sed 's/.*"deviceId":"\\([^"]*\\)".*/\\1/')
  curl -s ${url}${base}/$DEVICE/send-message -H "authorization: Bearer $TOKEN" \\
    -H 'content-type: application/json' -d '{"phone":"${friend}","message":"Halo lagi"}'
`
