import { it } from "@effect/vitest"
import { Effect, Exit, Layer, TestClock } from "effect"
import { expect } from "vitest"
import { MediaPruner } from "../../src/actors/media/MediaPruner.ts"
import { phoneJid } from "../../src/domain/Jid.ts"
import { MediaLibrary } from "../../src/media/MediaLibrary.ts"
import { Devices } from "../../src/sql/devices/Devices.ts"
import { Jobs } from "../../src/sql/jobs/Jobs.ts"
import { makeDevice, phone, repositoriesLayer } from "../sql/world.ts"
import { describeDatabases } from "../support/databases.ts"
import { mediaLayer } from "../support/mediaFolder.ts"
import { sampleFiles } from "../support/sampleFiles.ts"

async function* once(bytes: Uint8Array) {
  yield bytes
}
const keep = Effect.fnUntraced(function*(deviceId: Effect.Effect.Success<typeof makeDevice>) {
  const library = yield* MediaLibrary
  return yield* library.keep(deviceId, once(sampleFiles.jpeg()), { limit: 10_000, fileName: "a.jpg" })
})
const isThere = (mediaId: Effect.Effect.Success<ReturnType<typeof keep>>["mediaId"]) =>
  Effect.flatMap(MediaLibrary, (library) => Effect.map(Effect.exit(Effect.map(library.open(mediaId), (file) => file.destroy())), Exit.isSuccess))

const makeJob = Effect.fnUntraced(function*(deviceId: Effect.Effect.Success<typeof makeDevice>, count: number) {
  const jobs = yield* Jobs
  const file = yield* keep(deviceId)
  const { userId } = yield* Effect.flatMap(Devices, (devices) => devices.get(deviceId))
  const row = yield* jobs.begin({ deviceId, userId })
  yield* jobs.add(row, Array.from({ length: count }, (_, position) => ({
    position, recipient: phoneJid(phone(`62812000${String(position).padStart(5, "0")}`)), variables: {}
  })))
  const { job } = yield* jobs.finish(row, {
    deviceId, delay: 0, name: undefined, total: count, idempotencyKey: undefined, requestHash: undefined,
    content: { _tag: "Media", kind: "image", ...file, caption: null, fileName: null, seconds: null, mentions: [] }
  })
  return { file, jobId: job.jobId }
})

describeDatabases("files that jobs send", (database) => {
  const layer = mediaLayer.pipe(Layer.provideMerge(repositoriesLayer), Layer.fresh, Layer.provideMerge(database.layer))

  it.effect("are kept until their job is over and no message of it has them", () =>
    Effect.gen(function*() {
      const deviceId = yield* makeDevice
      const jobs = yield* Jobs
      const library = yield* MediaLibrary
      const [waiting, stopped] = [yield* makeJob(deviceId, 3), yield* makeJob(deviceId, 3)]
      const idle = yield* keep(deviceId)
      yield* jobs.pause(waiting.jobId)
      yield* Layer.launch(MediaPruner).pipe(Effect.forkScoped)
      const prune = Effect.gen(function*() {
        // its turns come with the clock, its reading and removing do not
        yield* TestClock.adjust("30 days")
        yield* library.tidy
      })
      yield* prune
      expect([yield* isThere(waiting.file.mediaId), yield* isThere(stopped.file.mediaId), yield* isThere(idle.mediaId)]).toEqual([true, true, false])
      // whoever only named it does not take it away
      yield* library.discard(waiting.file.mediaId)
      yield* jobs.cancel(stopped.jobId)
      yield* prune
      expect([yield* isThere(waiting.file.mediaId), yield* isThere(stopped.file.mediaId)]).toEqual([true, false])
      yield* jobs.resume(waiting.jobId)
      expect(yield* jobs.stage(deviceId)).toBe(3)
      yield* jobs.cancel(waiting.jobId)
      // its messages have it now, for as long as files are kept
      yield* prune
      expect(yield* isThere(waiting.file.mediaId)).toBe(true)
    }).pipe(Effect.scoped, Effect.provide(layer)), 60_000)
})
