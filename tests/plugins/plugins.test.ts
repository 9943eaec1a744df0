import { SqlClient } from "@effect/sql"
import { it } from "@effect/vitest"
import { Context, Deferred, Effect, Layer, Ref, Scope } from "effect"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect } from "vitest"
import { eachInOrder } from "../../src/plugins/eachInOrder.ts"
import type { Plugin } from "../../src/plugins/Plugin.ts"
import * as PluginFile from "../../src/plugins/PluginFile.ts"
import { Plugins } from "../../src/plugins/Plugins.ts"
import { explainConfigError } from "../../src/runtime/Environment.ts"
import { PluginCursors } from "../../src/sql/events/PluginCursors.ts"
import { ShardLeases } from "../../src/sql/devices/ShardLeases.ts"
import { repositoriesLayer } from "../sql/world.ts"
import { databases, describeDatabases } from "../support/databases.ts"
import { emit, owned, said, settings, signedIn, until } from "./world.ts"

/** Another process on the same database: its plugins end with its scope. */
const processAt = Effect.fnUntraced(function*(address: string) {
  const context = yield* Layer.build(Layer.provide(Layer.fresh(ShardLeases.layer), settings({})))
  const plugins = yield* Plugins.layer.pipe(
    Layer.provide(PluginCursors.layer),
    Layer.provide(signedIn(address)),
    Layer.provide(Layer.succeedContext(context)),
    Layer.fresh,
    Layer.build
  )
  return { ...Context.get(plugins, Plugins), instance: Context.get(context, ShardLeases).instance }
})

const collecting = (name: string, more: Partial<Plugin> = {}) =>
  Effect.map(Ref.make<ReadonlyArray<string>>([]), (seen) => ({
    seen,
    plugin: {
      name,
      beginning: "now",
      handle: eachInOrder(({ data }) => Ref.update(seen, (all) => [...all, String(data["content"])])),
      ...more
    } satisfies Plugin
  }))

const sees = (seen: Ref.Ref<ReadonlyArray<string>>, count: number) => () => Effect.map(Ref.get(seen), (all) => all.length >= count)
const runs = (one: { readonly status: Plugins["Type"]["status"] }) => () => Effect.map(one.status, (all) => all.every(({ runsHere }) => runsHere))
const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, index) => String(from + index))

describeDatabases("plugins", (database) => {
  it.layer(Layer.provideMerge(Layer.fresh(repositoriesLayer), database.layer))((it) => {
    it.scoped("get what they asked for from now on, in order, and go on where they were", () =>
      Effect.gen(function*() {
        const { deviceId } = yield* owned
        yield* emit(said(deviceId, "6281", "before"))
        const { plugin, seen } = yield* collecting("one", { events: ["message.received"] })
        const first = yield* Scope.make()
        const before = yield* Scope.extend(processAt("a:1"), first)
        yield* Scope.extend(before.register(plugin), first)
        yield* until("it to run", runs(before), "1 second")
        yield* emit(...numbers(450).map((text) => said(deviceId, `628${Number(text) % 5}`, text)))
        yield* until("all", sees(seen, 450), "1 second")
        yield* Scope.close(first, yield* Effect.exit(Effect.void))
        yield* emit(...numbers(50, 450).map((text) => said(deviceId, `628${Number(text) % 5}`, text)))
        const after = yield* processAt("b:1")
        yield* after.register(plugin)
        yield* until("the rest", sees(seen, 500), "1 second")
        const all = yield* Ref.get(seen)
        for (const lane of Map.groupBy(all, (text) => Number(text) % 5).values()) {
          expect(lane).toEqual(lane.toSorted((one, other) => Number(one) - Number(other)))
        }
        expect(all.toSorted()).toEqual(numbers(500).toSorted())
      }), 120_000)

    it.scoped("one process runs it, and the next one takes over from one that has died", () =>
      Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const { deviceId } = yield* owned
        const { plugin, seen } = yield* collecting("shared")
        const one = yield* processAt("c:1")
        yield* one.register(plugin)
        yield* until("it to run", runs(one), "1 second")
        const two = yield* processAt("d:1")
        yield* two.register(plugin)
        yield* emit(said(deviceId, "6281", "1"), said(deviceId, "6281", "2"))
        yield* until("both", sees(seen, 2), "1 second")
        expect(yield* runs(two)()).toBe(false)
        yield* sql`UPDATE nodes SET alive_until = 1 WHERE instance = ${one.instance}`
        yield* until("the other one", runs(two), "1 second")
        yield* until("the first one to see it", () => Effect.map(one.status, ([status]) => status?.runsHere === false), "1 second")
        yield* emit(said(deviceId, "6281", "3"))
        yield* until("the third", sees(seen, 3), "1 second")
        expect(yield* Ref.get(seen)).toEqual(["1", "2", "3"])
      }), 120_000)
  })
})

const world = Layer.provideMerge(Layer.fresh(repositoriesLayer), databases[0]!.layer)

it.layer(world)("a plugin", (it) => {
  it.scoped("that fails gets the same again, says so, and holds up no other; what went well does not come twice", () =>
    Effect.gen(function*() {
      const { deviceId } = yield* owned
      const plugins = yield* processAt("a:1")
      const mended = yield* Ref.make(false)
      const tried = yield* Ref.make<ReadonlyArray<string>>([])
      const failing = eachInOrder(({ data }) =>
        Effect.gen(function*() {
          const text = String(data["content"])
          yield* Ref.update(tried, (all) => [...all, text])
          if (text === "bad" && !(yield* Ref.get(mended))) return yield* Effect.dieMessage("not today")
        }))
      const healthy = yield* collecting("healthy")
      yield* plugins.register({ name: "failing", beginning: "now", handle: failing })
      yield* plugins.register(healthy.plugin)
      yield* plugins.register({ name: "hanging", beginning: "now", handle: () => Effect.never })
      yield* until("them to run", runs(plugins), "1 second")
      yield* emit(said(deviceId, "6281", "good"), said(deviceId, "6282", "bad"), said(deviceId, "6282", "behind"))
      yield* until("the healthy one", sees(healthy.seen, 3), "1 second")
      yield* emit(said(deviceId, "6281", "later"))
      yield* until("the healthy one", sees(healthy.seen, 4), "1 second")
      yield* until("another try", () => Effect.map(Ref.get(tried), (all) => all.filter((text) => text === "bad").length > 2), "1 second")
      const trouble = (yield* plugins.status).find(({ name }) => name === "failing")?.trouble
      expect(trouble?.message).toBe("not today")
      yield* Ref.set(mended, true)
      yield* until("all", () => Effect.map(Ref.get(tried), (all) => all.includes("later")), "1 second")
      const seen = (yield* Ref.get(tried)).filter((text) => text !== "bad")
      expect(seen).toEqual(["good", "behind", "later"])
      yield* until("no trouble", () => Effect.map(plugins.status, (all) => all[0]!.trouble === undefined), "1 second")
      // what the one that hangs has not come to is needed
      expect(yield* plugins.needs).toBeLessThan((yield* plugins.status)[1]!.passed!)
    }), 60_000)

  it.scoped("work runs beside it and begins again when it fails", () =>
    Effect.gen(function*() {
      const plugins = yield* processAt("w:1")
      const started = yield* Ref.make(0)
      const third = yield* Deferred.make<void>()
      const work = Effect.gen(function*() {
        if ((yield* Ref.updateAndGet(started, (count) => count + 1)) < 3) return yield* Effect.dieMessage("again")
        yield* Deferred.succeed(third, undefined)
        return yield* Effect.never
      })
      yield* plugins.register({ name: "working", beginning: "now", handle: () => Effect.void, work })
      yield* until("the third try", () => Deferred.isDone(third), "1 second")
    }))
})

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "wa-plugin-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true }))
)
const loading = (values: Readonly<Record<string, string>>) =>
  PluginFile.layer.pipe(
    Layer.provideMerge(Plugins.layer),
    Layer.provide(signedIn("files:1")),
    Layer.provide(settings(values)),
    Layer.fresh,
    Layer.build
  )

const explained = (values: Readonly<Record<string, string>>) =>
  Effect.map(Effect.flip(loading(values)), (error) => error._tag === "StorageUnavailable" ? "" : explainConfigError(error))

it.layer(world)("a plugin from a file", (it) => {
  const example = join(import.meta.dirname, "../../docs/examples/order-notes.js")

  it.scoped("such as the one of the documentation is loaded and works", () =>
    Effect.gen(function*() {
      const { deviceId } = yield* owned
      const file = join(yield* folder, "notes")
      const plugins = Context.get(yield* loading({ PLUGINS: example, ORDER_NOTES_FILE: file }), Plugins)
      yield* until("it to run", runs(plugins), "1 second")
      yield* emit(said(deviceId, "6281", "hello"), said(deviceId, "6281", "my Order 7"))
      const notes = () => Effect.promise(() => readFile(file, "utf8").catch(() => ""))
      yield* until("a note", () => Effect.map(notes(), (text) => text !== ""), "1 second")
      expect(JSON.parse(yield* notes())).toMatchObject({ device: deviceId, chat: "6281@s.whatsapp.net", content: "my Order 7" })
      const docs = yield* Effect.promise(() => readFile(join(import.meta.dirname, "../../docs/plugins.md"), "utf8"))
      expect(docs).toContain(yield* Effect.promise(() => readFile(example, "utf8")))
    }))

  it.scoped("that is none, or lacks its configuration, stops the start with a line that says so", () =>
    Effect.gen(function*() {
      const where = yield* folder
      const file = (name: string, text: string) => Effect.promise(() => writeFile(join(where, name), text)).pipe(Effect.as(join(where, name)))
      expect(yield* explained({ PLUGINS: example })).toContain("ORDER_NOTES_FILE")
      expect(yield* explained({ PLUGINS: join(where, "nothing.js") })).toMatch(/^PLUGINS: .*nothing\.js is no plugin/)
      expect(yield* explained({ PLUGINS: yield* file("odd.mjs", "export default 7") })).toMatch(/odd\.mjs is no plugin/)
      const wrong = yield* file("wrong.mjs", "export default () => ({ name: 'x', events: ['no.such'], start: () => ({ handle() {} }) })")
      expect(yield* explained({ PLUGINS: wrong })).toMatch(/wrong\.mjs is no plugin/)
      const throws = yield* file("throws.mjs", "export default () => ({ name: 'x', start: () => { throw new Error('no luck') } })")
      expect(yield* explained({ PLUGINS: throws })).toMatch(/no luck/)
    }))
})
