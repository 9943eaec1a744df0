import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type EmulatorProcess, startEmulatorProcess } from "../support/emulatorProcess.ts"
import { until } from "../support/process.ts"
import { type Proxy, startProxy } from "../support/proxy.ts"
import { makeService, type Service } from "../support/service.ts"

const base = "/api/whatsapp-multi-device/devices"
const friend = "6281299990001"
const password = "geh:eim@1/"
const credentials = `dewi:${password}`

describe("a device with a proxy", () => {
  let emulator: EmulatorProcess
  let service: Service
  let proxy: Proxy
  let strict: Proxy

  const create = (name: string, proxyUrl: string) => service.ask("POST", base, { deviceId: name, deviceName: name, proxyUrl })
  const status = (name: string) => service.ask("GET", `${base}/${name}/status`)
  const refusal = async (name: string, proxyUrl: string) => {
    await create(name, proxyUrl)
    await service.call("POST", `${base}/${name}/connect`)
    return until(`${name} to be refused`, async () => {
      const state = await status(name)
      return state.reason === null ? undefined : state
    })
  }

  beforeAll(async () => {
    emulator = await startEmulatorProcess()
    await emulator.ask("POST", "/phones", { phone: friend })
    proxy = await startProxy({ credentials })
    strict = await startProxy({ refuses: true })
    service = await makeService({ ...emulator.environment, LOG_LEVEL: "trace" })
    await service.start()
  }, 60_000)

  afterAll(async () => {
    await service?.end("SIGKILL")
    await emulator?.end()
    await proxy?.close()
    await strict?.close()
    service?.remove()
  }, 30_000)

  it.each([["http", "6281222230001"], ["socks5", "6281222230002"], ["socks5h", "6281222230003"]])(
    "of the kind %s: links, sends and receives through it alone",
    async (scheme, phone) => {
      await emulator.ask("POST", "/phones", { phone })
      proxy.asked.length = 0
      await create(scheme, proxy.at(scheme))
      await service.ask("POST", `${base}/${scheme}/connect`)
      const { qr } = await until("the QR code", () => service.ask("GET", `${base}/${scheme}/qr`))
      await emulator.ask("POST", `/phones/${phone}/scan`, { qr })
      await until("the device to be connected", async () => (await status(scheme)).isConnected ? true : undefined)
      const before = { ...proxy.carried }
      const sent = await service.call("POST", `${base}/${scheme}/send-message`, { phone: friend, message: `by ${scheme}` })
      expect(sent.status).toBe(200)
      await emulator.ask("POST", `/phones/${friend}/messages`, { to: phone, text: "back to you" })
      await until("the answer", async () => {
        const { items } = await service.ask("GET", `${base}/${scheme}/chat-history/${friend}`)
        return items.some((row: { readonly content: string }) => row.content === "back to you") ? true : undefined
      })
      expect(proxy.carried.out).toBeGreaterThan(before.out)
      expect(proxy.carried.back).toBeGreaterThan(before.back)
      // the linking and the login, each a connection of its own, and nothing else
      expect(new Set(proxy.asked)).toEqual(new Set([new URL(emulator.environment.WA_SOCKET_URL).host]))
      expect(proxy.asked).toHaveLength(2)
    }
  )

  it.each(["http", "socks5"])("of the kind %s whose password is wrong says so", async (scheme) => {
    const state = await refusal(`wrong-${scheme}`, proxy.at(scheme, "dewi:falsch"))
    expect(state).toMatchObject({
      reason: "connection_refused",
      reasonText: "The device's proxy did not accept its user name and password."
    })
  })

  it("that wants a password and is given none says so", async () => {
    expect((await refusal("none", proxy.at("socks5", undefined).replace(/\/\/.*@/, "//"))).reasonText).toContain("user name and password")
  })

  it.each(["http", "socks5"])("of the kind %s that lets nobody through says so", async (scheme) => {
    const state = await refusal(`strict-${scheme}`, strict.at(scheme))
    expect(state.reason).toBe("connection_refused")
    expect(state.reasonText).toContain("proxy")
    expect(strict.asked.length).toBeGreaterThan(0)
  })

  it("that is not there says so, and nothing goes round it", async () => {
    const { logins } = await emulator.ask("GET", "/stats")
    const state = await refusal("gone", "socks5://127.0.0.1:1")
    expect(state).toMatchObject({ reason: "connection_lost" })
    expect(state.reasonText).toContain("proxy")
    expect((await emulator.ask("GET", "/stats")).logins).toBe(logins)
  })

  it("keeps its password to itself, in answers and in logs", async () => {
    const answers = JSON.stringify([await service.ask("GET", base), await service.ask("GET", `${base}/http`), await status("wrong-http")])
    const secrets = [password, encodeURIComponent(password), Buffer.from(credentials).toString("base64"), "falsch"]
    for (const secret of secrets) {
      expect(answers).not.toContain(secret)
      expect(service.output()).not.toContain(secret)
    }
    expect(service.output()).toContain("wrong-http")
  })
})
