import { expect, it } from "@effect/vitest"
import { Curve, proto, WA_CERT_DETAILS } from "@whiskeysockets/baileys"
import fc from "fast-check"
import libsignal from "libsignal"
import { installStrictSignatures, trustAnyRoot, trustNoiseRoot, verifySignature, whatsAppRoot } from "../../src/whatsapp/auth/Curve.ts"
import { genuineChain } from "./support/genuineChain.ts"

const flipped = (bytes: Uint8Array, bit: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy[bit >> 3] = copy[bit >> 3]! ^ (1 << (bit & 7))
  return copy
}

const { intermediate, leaf } = proto.CertChain.decode(genuineChain)
const issuer = proto.CertChain.NoiseCertificate.Details.decode(intermediate!.details!)

// before the rest: what Baileys says when nobody has mended it
it("plain Baileys takes a forged signature for a good one", () => {
  expect(Curve.verify(WA_CERT_DETAILS.PUBLIC_KEY, intermediate!.details!, flipped(intermediate!.signature!, 77))).toBe(true)
})

it("a genuine chain passes, and no bit of its signatures can be flipped", () => {
  expect(verifySignature(WA_CERT_DETAILS.PUBLIC_KEY, intermediate!.details!, intermediate!.signature!)).toBe(true)
  expect(verifySignature(issuer.key!, leaf!.details!, leaf!.signature!)).toBe(true)
  for (let bit = 0; bit < 512; bit += 3) {
    expect(verifySignature(WA_CERT_DETAILS.PUBLIC_KEY, intermediate!.details!, flipped(intermediate!.signature!, bit))).toBe(false)
    expect(verifySignature(issuer.key!, leaf!.details!, flipped(leaf!.signature!, bit))).toBe(false)
  }
})

it("agrees with libsignal on every key, message and damage", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.option(fc.nat(511)), (message, damage) => {
      const { privKey, pubKey } = libsignal.curve.generateKeyPair()
      const good = libsignal.curve.calculateSignature(privKey, Buffer.from(message))
      const signature = damage === null ? good : flipped(good, damage)
      const expected = libsignal.curve.verifySignature(pubKey, Buffer.from(message), signature)
      expect(verifySignature(pubKey, message, signature)).toBe(expected)
      expect(expected).toBe(damage === null)
    }),
    { numRuns: 60 }
  )
})

it("malformed keys and signatures are refused, not thrown at the caller", () => {
  expect(verifySignature(new Uint8Array(31), new Uint8Array(1), new Uint8Array(64))).toBe(false)
  expect(verifySignature(WA_CERT_DETAILS.PUBLIC_KEY, intermediate!.details!, new Uint8Array(63))).toBe(false)
  expect(verifySignature(new Uint8Array(32).fill(0xff), new Uint8Array(1), new Uint8Array(64).fill(0xff))).toBe(false)
})

it("installed, a chain counts only together with the key that its leaf names", () => {
  installStrictSignatures()
  const { key } = proto.CertChain.NoiseCertificate.Details.decode(leaf!.details!)
  const { private: ours } = Curve.generateKeyPair()
  const shown = (staticKey: Uint8Array) => {
    Curve.sharedKey(ours, staticKey)
    const leafOk = Curve.verify(issuer.key!, leaf!.details!, leaf!.signature!)
    return leafOk && Curve.verify(WA_CERT_DETAILS.PUBLIC_KEY, intermediate!.details!, intermediate!.signature!)
  }
  expect(shown(key!)).toBe(true)
  expect(shown(Curve.generateKeyPair().public)).toBe(false)
})

it("with any root every certificate passes, and no other signature that is not good", () => {
  installStrictSignatures()
  trustAnyRoot()
  expect(Curve.verify(issuer.key!, leaf!.details!, flipped(leaf!.signature!, 77))).toBe(true)
  expect(Curve.verify(WA_CERT_DETAILS.PUBLIC_KEY, intermediate!.details!, flipped(intermediate!.signature!, 77))).toBe(true)
  const phone = Curve.generateKeyPair()
  const asAdv = Buffer.concat([Buffer.from([6, 0]), leaf!.details!])
  const signedPreKey = Buffer.concat([Buffer.from([5]), Curve.generateKeyPair().public])
  for (const message of [asAdv, signedPreKey]) {
    const signature = Curve.sign(phone.private, message)
    expect(Curve.verify(phone.public, message, signature)).toBe(true)
    expect(Curve.verify(phone.public, message, flipped(signature, 77))).toBe(false)
  }
  trustNoiseRoot(whatsAppRoot)
  expect(Curve.verify(issuer.key!, leaf!.details!, flipped(leaf!.signature!, 77))).toBe(false)
})
