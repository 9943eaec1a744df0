import { Data, Effect } from "effect"
import sharp from "sharp"
import type { ImagePreview } from "../domain/Media.ts"

// a picture is looked at once, and threads of its own would take the processor from everything else
sharp.cache(false)
sharp.concurrency(1)

/** It is no image, or damaged, or has more pixels than anybody shows. */
export class ImageUnreadable extends Data.TaggedError("ImageUnreadable")<{ readonly cause: unknown }> {}
export class ImageTooSmall extends Data.TaggedError("ImageTooSmall")<{ readonly width: number; readonly height: number }> {}

/** Decoded, each takes four bytes. */
const mostPixels = 50_000_000
const previewSide = 100

const open = (bytes: Uint8Array) => sharp(bytes, { limitInputPixels: mostPixels, sequentialRead: true })

/** The memory that one picture takes is bounded, that of many at a time would not be: files are read in their turn, too. */
const oneAtATime = Effect.unsafeMakeSemaphore(1)
const reading = <A>(read: () => Promise<A>) =>
  Effect.tryPromise({ try: read, catch: (cause) => new ImageUnreadable({ cause }) })

/** As it stands upright: cameras turn a picture by a note beside it. */
const uprightSize = async (bytes: Uint8Array) => {
  const { autoOrient, format, orientation } = await open(bytes).metadata()
  return { ...autoOrient, isPlainJpeg: format === "jpeg" && (orientation ?? 1) === 1 }
}

const toJpeg = (bytes: Uint8Array, side: number, fit: "cover" | "inside", quality: number) =>
  open(bytes).autoOrient()
    .resize(side, side, { fit, withoutEnlargement: true })
    .flatten({ background: "white" })
    .jpeg({ quality })
    .toBuffer()

export const imagePreview = <E, R>(file: Effect.Effect<Uint8Array, E, R>): Effect.Effect<ImagePreview, E | ImageUnreadable, R> =>
  Effect.flatMap(file, (bytes) =>
    reading(async () => {
      const { height, width } = await uprightSize(bytes)
      return { width, height, jpeg: await toJpeg(bytes, previewSide, "inside", 50) }
    })).pipe(oneAtATime.withPermits(1))

/**
 * The middle of an image as a square JPEG, whose side is between `smallest` and `largest` pixels; one that is that already, and
 * has no more than `mostBytes`, is left as it is.
 */
export const squareJpeg = <E, R>(
  file: Effect.Effect<Uint8Array, E, R>,
  { largest, mostBytes, smallest }: { readonly smallest: number; readonly largest: number; readonly mostBytes: number }
): Effect.Effect<Uint8Array, E | ImageTooSmall | ImageUnreadable, R> =>
  Effect.gen(function*() {
    const bytes = yield* file
    const { height, isPlainJpeg, width } = yield* reading(() => uprightSize(bytes))
    const side = Math.min(width, height)
    if (side < smallest) return yield* new ImageTooSmall({ width, height })
    const asItIs = isPlainJpeg && width === height && side <= largest && bytes.length <= mostBytes
    // also of one that is left as it is: whoever is shown it should be able to read it
    const jpeg = yield* reading(() => toJpeg(bytes, Math.min(side, largest), "cover", 80))
    return asItIs ? bytes : jpeg
  }).pipe(oneAtATime.withPermits(1))
