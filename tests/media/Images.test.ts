import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import sharp from "sharp"
import { imagePreview, squareJpeg } from "../../src/media/Images.ts"
import { sampleFiles } from "../support/sampleFiles.ts"

const bounds = { smallest: 192, largest: 640, mostBytes: 512 * 1024 }
const picture = (...how: Parameters<typeof sampleFiles.picture>) => Effect.promise(() => sampleFiles.picture(...how))
const facts = (bytes: Uint8Array) => Effect.promise(() => sharp(bytes).metadata())

describe("a preview", () => {
  it.effect("is small, keeps the image's proportions and says its size", () =>
    Effect.gen(function*() {
      for (const format of ["jpeg", "png", "webp"] as const) {
        const { height, jpeg, width } = yield* imagePreview(picture(800, 400, { format }))
        expect([width, height]).toEqual([800, 400])
        expect(yield* facts(jpeg)).toMatchObject({ format: "jpeg", width: 100, height: 50 })
        expect(jpeg.length).toBeLessThan(10_000)
      }
    }))

  it.effect("stands upright as the camera was held, and is not larger than a small image", () =>
    Effect.gen(function*() {
      const turned = yield* imagePreview(picture(800, 400, { orientation: 6 }))
      expect([turned.width, turned.height]).toEqual([400, 800])
      expect(yield* facts(turned.jpeg)).toMatchObject({ width: 50, height: 100 })
      expect(yield* facts((yield* imagePreview(picture(20, 10))).jpeg)).toMatchObject({ width: 20, height: 10 })
    }))

  it.effect("cannot be had of what is no image, of half of one, nor of one with too many pixels", () =>
    Effect.gen(function*() {
      const whole = yield* picture(300, 300)
      const huge = yield* Effect.promise(() => sharp({ create: { width: 8000, height: 8000, channels: 3, background: "red" } }).png().toBuffer())
      for (const bytes of [sampleFiles.jpeg(), sampleFiles.pdf(), new Uint8Array(), whole.subarray(0, whole.length / 2), huge]) {
        expect(Exit.isFailure(yield* Effect.exit(imagePreview(Effect.succeed(bytes))))).toBe(true)
      }
      expect(yield* Effect.flip(imagePreview(Effect.succeed(huge)))).toMatchObject({ _tag: "ImageUnreadable" })
    }))
})

describe("a square", () => {
  it.effect("is the middle of the image, within its bounds", () =>
    Effect.gen(function*() {
      const sides = [[1000, 2000, 640], [300, 200, 200], [640, 641, 640], [5000, 192, 192]] as const
      for (const [width, height, side] of sides) {
        const jpeg = yield* squareJpeg(picture(width, height, { format: "png" }), bounds)
        expect(yield* facts(jpeg)).toMatchObject({ format: "jpeg", width: side, height: side })
        expect(jpeg.length).toBeLessThanOrEqual(bounds.mostBytes)
      }
    }))

  it.effect("is left as it is if it is one already", () =>
    Effect.gen(function*() {
      const fine = yield* picture(300, 300)
      expect(yield* squareJpeg(Effect.succeed(fine), bounds)).toBe(fine)
      const turned = picture(300, 300, { orientation: 6 })
      expect((yield* facts(yield* squareJpeg(turned, bounds))).orientation ?? 1).toBe(1)
      expect((yield* squareJpeg(Effect.succeed(fine), { ...bounds, mostBytes: fine.length - 1 })).length).not.toBe(fine.length)
    }))

  it.effect("is not made of an image that is too small", () =>
    Effect.gen(function*() {
      expect(yield* Effect.flip(squareJpeg(picture(191, 500), bounds))).toMatchObject({ _tag: "ImageTooSmall", width: 191, height: 500 })
    }))
})
