import { SqlClient } from "@effect/sql"
import { it } from "@effect/vitest"
import { Context, Effect, Layer, Option } from "effect"
import { expect } from "vitest"
import { Devices } from "../../src/sql/devices/Devices.ts"
import { ShardLeases } from "../../src/sql/devices/ShardLeases.ts"
import { describeDatabases } from "../support/databases.ts"
import { makeDevice, world } from "./world.ts"

const shards = Array.from({ length: 250 }, (_, index) => `default:${index + 1}`)

/** Another process, as far as the leases can tell. */
const processAt = Effect.fnUntraced(function*(address: string, shares = false) {
  const leases = Context.get(yield* Layer.build(Layer.fresh(ShardLeases.layer)), ShardLeases)
  const id = yield* leases.signIn({ address, about: `about ${address}`, shares })
  return { ...leases, id }
})
/** It shows no sign of life for longer than its lease. */
const freeze = (leases: { readonly instance: string }) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql`UPDATE nodes SET alive_until = 1 WHERE instance = ${leases.instance}`)

describeDatabases("ShardLeases", (database) => {
  it.scoped("one process holds a shard, for as long as it lives", () =>
    Effect.gen(function*() {
      const first = yield* processAt("a:1")
      const second = yield* processAt("b:1")
      expect(first.id).not.toBe(second.id)
      expect(yield* first.take(shards)).toEqual(shards)
      expect(yield* second.take(shards)).toEqual([])
      expect(yield* second.outOfReach(shards[0]!)).toEqual(Option.some("a:1"))
      expect(yield* first.outOfReach(shards[0]!)).toEqual(Option.none())

      yield* freeze(first)
      expect(yield* second.outOfReach(shards[0]!)).toEqual(Option.none())
      expect(yield* second.take(shards.slice(0, 200))).toEqual(shards.slice(0, 200))
      // it wakes: what nobody took is still its own
      expect((yield* first.keep).toSorted()).toEqual(shards.slice(200).toSorted())
      expect(yield* first.take(shards)).toEqual(shards.slice(200))
      // and frees nothing that is another's
      yield* first.give(shards[0]!)
      yield* first.giveAll
      expect(yield* second.keep).toHaveLength(200)
      expect(yield* second.take(shards)).toEqual(shards)
    }).pipe(Effect.provide(database.layer)))

  it.scoped("two that take at the same time share nothing", () =>
    Effect.gen(function*() {
      const all = yield* Effect.forEach(["a:1", "b:1", "c:1"], (address) => processAt(address))
      const taken = yield* Effect.forEach(all, (leases) => leases.take(shards), { concurrency: "unbounded" })
      expect(taken.map((each) => each.length).toSorted((one, other) => one - other)).toEqual([0, 0, 250])
    }).pipe(Effect.provide(database.layer)))

  it.scoped("who comes back at the same address is the successor, and whom it follows holds nothing any more", () =>
    Effect.gen(function*() {
      const crashed = yield* processAt("a:1")
      yield* crashed.take(shards)
      const next = yield* processAt("a:1")
      expect(next.id).toBe(crashed.id)
      expect(yield* next.take(shards)).toEqual(shards)
      expect(yield* crashed.keep).toEqual([])
      expect(yield* crashed.take(shards)).toEqual([])
    }).pipe(Effect.provide(database.layer)))

  it.scoped("those that share are listed until they stop or die", () =>
    Effect.gen(function*() {
      const alone = yield* processAt("alone:1")
      const first = yield* processAt("a:1", true)
      const second = yield* processAt("b:1", true)
      yield* first.take(shards.slice(0, 1))
      expect(yield* second.outOfReach(shards[0]!)).toEqual(Option.none())
      expect(yield* alone.outOfReach(shards[0]!)).toEqual(Option.some("a:1"))
      yield* second.setHealthy("a:1", false)
      expect(yield* first.sharing).toEqual([{ about: "about a:1", healthy: false }, { about: "about b:1", healthy: true }])
      yield* first.signOut
      expect((yield* second.sharing).map(({ about }) => about)).toEqual(["about b:1"])
      // it still ends in order what it holds
      expect(yield* second.take(shards)).toEqual(shards.slice(1))
      yield* first.giveAll
      expect(yield* second.take(shards)).toEqual(shards)
      yield* freeze(second)
      expect(yield* first.sharing).toEqual([])
    }).pipe(Effect.provide(database.layer)))

  it.scoped("a device is claimed under the lease only", () =>
    Effect.gen(function*() {
      const devices = yield* Devices
      const deviceId = yield* makeDevice
      const [old, owner] = [yield* processAt("a:1"), yield* processAt("b:1")]
      const shard = shards[0]!
      yield* old.take([shard])
      const first = yield* devices.claimUnder({ shard, instance: old.instance }, deviceId)
      expect(yield* devices.owns(deviceId, first.epoch)).toBe(true)

      yield* freeze(old)
      yield* owner.take([shard])
      const second = yield* devices.claimUnder({ shard, instance: owner.instance }, deviceId)
      expect(second.epoch).toBeGreaterThan(first.epoch)
      expect(yield* devices.owns(deviceId, first.epoch)).toBe(false)

      expect(yield* Effect.flip(devices.claimUnder({ shard, instance: old.instance }, deviceId))).toMatchObject({ _tag: "OwnerChanged" })
      // the refused claim has not thrown the owner out
      expect(yield* devices.owns(deviceId, second.epoch)).toBe(true)
    }).pipe(Effect.provide(world(database))))
})
