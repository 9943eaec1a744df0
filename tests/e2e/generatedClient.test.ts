import { execFile } from "node:child_process"
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { generateApi } from "swagger-typescript-api"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type EmulatorServer, startEmulator } from "../../src/emulator/EmulatorServer.ts"
import { e2eDatabases } from "../support/e2eDatabases.ts"
import { admin, makeService, type Service } from "../support/service.ts"

const run = promisify(execFile)
const root = join(import.meta.dirname, "../..")
const friend = "6281299990001"

/** What the journey is compiled by: a company's own settings, with nothing of ours. */
const settings = {
  compilerOptions: {
    strict: true, target: "es2024", lib: ["es2024", "dom"], module: "nodenext", types: [], rewriteRelativeImportExtensions: true, outDir: "out"
  },
  include: ["client.ts", "journey.ts"]
}

describe.each(e2eDatabases)("a client that a public generator makes of the OpenAPI document, on $name", (database) => {
  let emulator: EmulatorServer
  let service: Service
  let folder = ""
  const compile = async () => {
    const { stdout } = await run(join(root, "node_modules/.bin/tsc"), ["-p", folder]).catch((error: { readonly stdout: string }) => error)
    return stdout
  }

  beforeAll(async () => {
    emulator = await startEmulator({ historySync: false })
    emulator.phone(friend, "Budi")
    service = await makeService({ ...(await database.create()), WA_SOCKET_URL: emulator.url, WA_NOISE_ROOT_KEY: emulator.noiseRootKey })
    await service.start()
    folder = await mkdtemp(join(tmpdir(), "wa-client-"))
    await cp(join(import.meta.dirname, "generatedClient/journey.ts"), join(folder, "journey.ts"))
    await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }))
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(settings))
    await generateApi({ url: `${service.url}/openapi.json`, output: folder, fileName: "client.ts", generateUnionEnums: true, silent: true })
  }, 180_000)

  afterAll(async () => {
    await service?.end("SIGKILL")
    await emulator?.stop()
    service?.remove()
    await database.drop()
    if (folder !== "") await rm(folder, { recursive: true })
  }, 30_000)

  it("compiles, and so does a program that uses it", async () => {
    expect(await compile()).toBe("")
  }, 60_000)

  it("pairs, sends, makes a group and reads its history", async () => {
    const { journey } = await import(join(folder, "out/journey.js"))
    const told = await journey({
      url: service.url,
      ...admin,
      friend,
      scan: async (qr: string) => void (await emulator.phone("6281211110001", "Toko").scan(qr))
    })
    expect(told).toEqual({
      first: "disconnected",
      paired: "connected",
      sent: expect.stringMatching(/^(sent|delivered)$/),
      group: { name: "Pelanggan", results: [`${friend}@s.whatsapp.net done`] },
      inGroup: expect.stringMatching(/^(sent|delivered)$/),
      chat: [{ content: "Halo dari klien", direction: "outgoing", messageType: "text" }],
      groupChat: ["Halo semua"],
      file: { size: 2000, fileName: "catatan.bin" },
      refusal: { status: 404, code: "DEVICE_NOT_FOUND" }
    })
  }, 120_000)

  it("would not compile against another contract", async () => {
    const program = join(folder, "journey.ts")
    await writeFile(program, `import { Api } from "./client.ts"\nexport const wrong = new Api().api.messagingSendMessage("device", { phone: 6281 })\n`)
    expect(await compile()).toMatch(/error TS/)
  }, 60_000)
})
