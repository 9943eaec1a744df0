import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { createCipheriv, createDecipheriv, createHash, createSecretKey, randomBytes } from "node:crypto"

/** The bytes were encrypted under a key we do not have, for another place, or are damaged. */
export class Undecipherable extends Schema.TaggedError<Undecipherable>()("Undecipherable", {
  place: Schema.String,
  keyId: Schema.String,
  cause: Schema.optional(Schema.Defect)
}) {}

/**
 * AES-256-GCM for what is secret at rest. `place` (such as `auth_state|device-1|session|6281…`) is authenticated with the
 * bytes, so that a row copied elsewhere does not decrypt. Layout: 1 version byte, 4 bytes key id, 12 nonce, 16 tag, rest.
 */
export class Cipher extends Context.Tag("whatsapp-service/Cipher")<Cipher, {
  readonly encrypt: (place: string, plain: Uint8Array) => Uint8Array
  readonly decrypt: (place: string, sealed: Uint8Array) => Effect.Effect<Uint8Array, Undecipherable>
}>() {
  /** Encrypts with the first key; decrypts with whichever of them the bytes name. */
  static readonly layer = (keys: readonly [Redacted.Redacted, ...ReadonlyArray<Redacted.Redacted>]) =>
    Layer.sync(Cipher, () => {
      const ring = new Map(keys.map((secret) => {
        const bytes = createHash("sha256").update("whatsapp-service at rest\0").update(Redacted.value(secret)).digest()
        // a key object once: from bytes Node makes one at each call, which takes longer than the encryption
        return [createHash("sha256").update(bytes).digest("hex").slice(0, 8), createSecretKey(bytes)] as const
      }))
      const [currentId, current] = ring.entries().next().value!

      return Cipher.of({
        encrypt: (place, plain) => {
          const nonce = randomBytes(12)
          const cipher = createCipheriv("aes-256-gcm", current, nonce).setAAD(Buffer.from(place))
          const body = Buffer.concat([cipher.update(plain), cipher.final()])
          return Buffer.concat([Buffer.from([1]), Buffer.from(currentId, "hex"), nonce, cipher.getAuthTag(), body])
        },
        decrypt: (place, sealed) =>
          Effect.suspend(() => {
            const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
            const keyId = bytes.subarray(1, 5).toString("hex")
            const key = ring.get(keyId)
            if (bytes.length < 33 || bytes[0] !== 1 || key === undefined) return new Undecipherable({ place, keyId })
            return Effect.try({
              try: () => {
                const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(5, 17))
                  .setAAD(Buffer.from(place))
                  .setAuthTag(bytes.subarray(17, 33))
                return Buffer.concat([decipher.update(bytes.subarray(33)), decipher.final()])
              },
              catch: (cause) => new Undecipherable({ place, keyId, cause })
            })
          })
      })
    })
}
