import { Context, Effect, Layer } from "effect"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { MediaLibrary } from "../../src/media/MediaLibrary.ts"
import { diskStore } from "../../src/media/DiskStore.ts"
import { MediaFiles } from "../../src/sql/messages/MediaFiles.ts"
import { MessageMediaRows } from "../../src/sql/messages/MessageMedia.ts"

export class MediaFolder extends Context.Tag("tests/MediaFolder")<MediaFolder, string>() {}

const folder = Layer.scoped(
  MediaFolder,
  Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "wa-test-"))),
    (made) => Effect.promise(() => rm(made, { recursive: true, force: true }))
  )
)

/** Files in a folder that lives as long as the layer. */
export const mediaLayer = MediaLibrary.layer.pipe(
  Layer.provideMerge(Layer.unwrapEffect(Effect.map(MediaFolder, (made) => diskStore(made)))),
  Layer.provideMerge(Layer.mergeAll(MediaFiles.layer, MessageMediaRows.layer, folder))
)
