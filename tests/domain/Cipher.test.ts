import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Cipher } from "../../src/domain/Cipher.ts"

const key = (name: string) => Redacted.make(`${name}-${"k".repeat(40)}`)
const sealed = Effect.map(Cipher, (cipher) => cipher.encrypt("here", Buffer.from("a secret")))
const open = (place: string, bytes: Uint8Array) => Effect.flatMap(Cipher, (cipher) => cipher.decrypt(place, bytes))

describe("Cipher", () => {
  it.effect("opens what it sealed, and never seals alike", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* sealed, yield* sealed]
      expect(Buffer.from(yield* open("here", one)).toString()).toBe("a secret")
      expect(Buffer.compare(one, other)).not.toBe(0)
      expect(Buffer.from(one).includes("a secret")).toBe(false)
    }).pipe(Effect.provide(Cipher.layer([key("new")]))))

  it.effect("refuses bytes that were moved, damaged, cut or sealed under another key", () =>
    Effect.gen(function*() {
      const bytes = yield* sealed
      const damaged = Buffer.from(bytes)
      damaged[damaged.length - 1]! ^= 1
      expect((yield* open("elsewhere", bytes).pipe(Effect.flip))._tag).toBe("Undecipherable")
      expect((yield* open("here", damaged).pipe(Effect.flip))._tag).toBe("Undecipherable")
      expect((yield* open("here", bytes.subarray(0, 20)).pipe(Effect.flip))._tag).toBe("Undecipherable")
      expect((yield* open("here", new Uint8Array()).pipe(Effect.flip))._tag).toBe("Undecipherable")
      const foreign = open("here", bytes).pipe(Effect.provide(Cipher.layer([key("other")])), Effect.flip)
      expect((yield* foreign)._tag).toBe("Undecipherable")
    }).pipe(Effect.provide(Cipher.layer([key("new")]))))

  it.effect("still opens under an earlier key after a rotation", () =>
    Effect.gen(function*() {
      const bytes = yield* sealed.pipe(Effect.provide(Cipher.layer([key("old")])))
      const plain = yield* open("here", bytes).pipe(Effect.provide(Cipher.layer([key("new"), key("old")])))
      expect(Buffer.from(plain).toString()).toBe("a secret")
    }))
})
