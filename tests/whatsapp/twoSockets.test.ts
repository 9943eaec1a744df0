// Two processes that both believe to own a device: each has its own locks, and only the database is between them.
import { beforeAll, expect, it } from "@effect/vitest"
import { SqlClient } from "@effect/sql"
import { Duration, Effect, Layer } from "effect"
import { vi } from "vitest"
import { makeAuthRows } from "../../src/whatsapp/auth/AuthRows.ts"
import { makeKeyStore } from "../../src/whatsapp/auth/KeyStore.ts"
import { describeDatabases } from "../support/databases.ts"
import { acquainted, type Encrypted, Party, plain, safe } from "./support/party.ts"
import { cipher, deviceId, makeDevice } from "./support/world.ts"

// libsignal's own complaints are not what is tested
beforeAll(() => {
  for (const level of ["info", "warn", "error"] as const) vi.spyOn(console, level).mockImplementation(() => {})
})

const rounds = 40

/** Both owners write to the same friend; what of it the friend cannot read, and how many refused to write. */
const bothWrite = async (owners: ReadonlyArray<Party>, friend: Party) => {
  const written: Array<Encrypted> = []
  const refused: Array<string> = []
  for (let n = 0; n < rounds; n++) {
    await Promise.all(owners.map((owner) =>
      owner.relay(() => owner.encrypt(friend, `message ${n}`)).then(
        (encrypted) => written.push(encrypted),
        (error: unknown) => refused.push(error instanceof Error ? error.message : String(error))
      )
    ))
  }
  let unreadable = 0
  for (const encrypted of written) await friend.decrypt(owners[0]!, encrypted).catch(() => unreadable++)
  return { written: written.length, unreadable, refused }
}

it("plain Baileys: two sockets on one auth state write what nobody can read", async () => {
  const [first, friend] = [new Party({ user: "1001", make: plain, latency: 1 }), new Party({ user: "1002", make: plain })]
  await acquainted(first, friend)
  const second = new Party({ user: "1001", make: plain, latency: 1, like: first })
  const { unreadable, written } = await bothWrite([first, second], friend)
  expect(written).toBe(2 * rounds)
  expect(unreadable).toBeGreaterThan(rounds / 4)
})

describeDatabases("two owners of one device", (database) => {
  it.scoped("the one who has lost it can write nothing", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const rows = yield* makeAuthRows
      const runtime = yield* Effect.runtime<never>()
      const ownedAt = (epoch: number) =>
        makeKeyStore({ deviceId, epoch, rows, runtime, patience: Duration.seconds(1), onFailure: () => {}, onJournalled: () => {} })
      yield* makeDevice()
      const first = new Party({ user: "1001", make: safe, store: ownedAt(1).keys })
      const friend = new Party({ user: "1002", make: plain })
      yield* Effect.promise(() => acquainted(first, friend))
      yield* sql`UPDATE whatsapp_sessions SET owner_epoch = 2 WHERE device_id = ${deviceId}`
      const second = new Party({ user: "1001", make: safe, store: ownedAt(2).keys, like: first })
      const { refused, unreadable, written } = yield* Effect.promise(() => bothWrite([first, second], friend))
      expect([written, unreadable, refused.length]).toEqual([rounds, 0, rounds])
    }).pipe(Effect.provide(Layer.merge(database.layer, cipher))))
})
