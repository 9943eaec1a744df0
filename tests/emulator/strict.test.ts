import { createRequire } from "node:module"
import { Curve, WA_CERT_DETAILS } from "@whiskeysockets/baileys"
import { afterAll, beforeAll, expect, it } from "vitest"
import { BUDI, world } from "./world.ts"

const { curve } = createRequire(import.meta.url)("libsignal") as {
  readonly curve: { readonly verifySignature: (key: Buffer, message: Uint8Array, signature: Uint8Array) => boolean }
}

// Baileys 7.0.0-rc14 drops the answer of the verification: here it counts, and the root is the emulator's.
const lax = Curve.verify
const root = WA_CERT_DETAILS.PUBLIC_KEY

beforeAll(() => {
  Curve.verify = (key, message, signature) =>
    curve.verifySignature(Buffer.concat([Buffer.from([5]), key.subarray(-32)]), message, signature)
})

afterAll(() => {
  Curve.verify = lax
  WA_CERT_DETAILS.PUBLIC_KEY = root
})

it("satisfies a client that verifies: certificates, the account's signature, signed pre-keys", async () => {
  const { budi, link, server } = await world()
  WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(server.noiseRootKey, "hex")
  const client = await link()
  const id = await client.send(BUDI, "diperiksa")
  await budi.waitForMessage((each) => each.id === id)
  expect(client.auth.creds.account?.accountSignature).toHaveLength(64)
})

it.each(["foreign-root", "bad-intermediate", "bad-leaf"] as const)("is refused by it with the chain %s", async (chain) => {
  const { connect, server } = await world()
  WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(server.noiseRootKey, "hex")
  server.faults.add({ kind: "certificate", chain, times: 1 })
  const client = connect()
  await client.untilClosed()
  expect(client.closeCode).toBe(400)
  expect(client.closeError?.message).toMatch(/signature invalid/)
})
