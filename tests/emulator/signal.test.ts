// The emulator's own Signal against libsignal, the one Baileys uses.
import { createRequire } from "node:module"
import { beforeAll, describe, expect, it, vi } from "vitest"
import { signingKeys, sign, typed, verifySignature } from "../../src/emulator/protocol/keys.ts"
import { SignalDevice } from "../../src/emulator/signal/SignalDevice.ts"
import type { SignalFailure } from "../../src/emulator/signal/SignalError.ts"

interface Keys {
  readonly pubKey: Buffer
  readonly privKey: Buffer
}
interface Record_ {
  readonly serialize: () => unknown
}
interface Cipher {
  readonly encrypt: (data: Buffer) => Promise<{ readonly type: number; readonly body: Uint8Array }>
  readonly decryptWhisperMessage: (data: Buffer) => Promise<Buffer>
  readonly decryptPreKeyWhisperMessage: (data: Buffer) => Promise<Buffer>
}
interface Builder {
  readonly initOutgoing: (bundle: unknown) => Promise<void>
}
interface LibSignal {
  readonly curve: {
    readonly generateKeyPair: () => Keys
    readonly calculateSignature: (key: Buffer, data: Buffer) => Buffer
    readonly verifySignature: (key: Buffer, data: Buffer, signature: Buffer) => boolean
  }
  readonly SessionRecord: { readonly deserialize: (data: unknown) => Record_ }
  readonly ProtocolAddress: new (name: string, device: number) => unknown
  readonly SessionCipher: new (store: unknown, address: unknown) => Cipher
  readonly SessionBuilder: new (store: unknown, address: unknown) => Builder
}

const libsignal = createRequire(import.meta.url)("libsignal") as LibSignal

beforeAll(() => {
  for (const level of ["info", "warn", "error"] as const) vi.spyOn(console, level).mockImplementation(() => {})
})

const peer = () => {
  const [identity, signed, oneTime] = [0, 1, 2].map(() => libsignal.curve.generateKeyPair()) as [Keys, Keys, Keys]
  const signature = libsignal.curve.calculateSignature(identity.privKey, signed.pubKey)
  const sessions = new Map<string, unknown>()
  const store = {
    loadSession: async (id: string) => sessions.get(id) && libsignal.SessionRecord.deserialize(sessions.get(id)),
    storeSession: async (id: string, record: Record_) => void sessions.set(id, structuredClone(record.serialize())),
    isTrustedIdentity: () => true,
    loadPreKey: async () => oneTime,
    removePreKey: () => {},
    loadSignedPreKey: () => signed,
    getOurRegistrationId: () => 77,
    getOurIdentity: () => identity
  }
  const address = new libsignal.ProtocolAddress(`signal-test-${Math.random()}`.replace(".", ""), 0)
  const cipher = new libsignal.SessionCipher(store, address)
  const bundle = {
    registrationId: 77,
    identityKey: identity.pubKey,
    signedPreKey: { id: 1, publicKey: signed.pubKey, signature },
    preKey: { id: 5, publicKey: oneTime.pubKey }
  }
  return {
    bundle,
    open: (device: SignalDevice) => {
      const { identityKey, preKey, registrationId, signedPreKey } = device.bundle()
      return new libsignal.SessionBuilder(store, address).initOutgoing({
        registrationId,
        identityKey: typed(identityKey),
        signedPreKey: {
          keyId: signedPreKey.id,
          publicKey: typed(signedPreKey.publicKey),
          signature: signedPreKey.signature
        },
        preKey: preKey && { keyId: preKey.id, publicKey: typed(preKey.publicKey) }
      })
    },
    say: async (text: string) => {
      const { body, type } = await cipher.encrypt(Buffer.from(text))
      return { type: type === 3 ? "pkmsg" : "msg", ciphertext: Buffer.from(body) }
    },
    hear: async (message: { readonly type: string; readonly ciphertext: Buffer }) =>
      (message.type === "pkmsg"
        ? await cipher.decryptPreKeyWhisperMessage(message.ciphertext)
        : await cipher.decryptWhisperMessage(message.ciphertext)).toString()
  }
}

type Message = { readonly type: string; readonly ciphertext: Buffer }
const hear = (device: SignalDevice, message: Message) =>
  device.decrypt("peer", message.type, message.ciphertext).toString()
const failure = (device: SignalDevice, message: Message): SignalFailure | undefined => {
  try {
    device.decrypt("peer", message.type, message.ciphertext)
    return undefined
  } catch (error) {
    return (error as { failure?: SignalFailure }).failure
  }
}

describe("Signal", () => {
  it("talks both ways with libsignal, whoever opens the session, over many turns", async () => {
    for (const weOpen of [true, false]) {
      const device = new SignalDevice()
      const other = peer()
      if (weOpen) device.open("peer", other.bundle)
      else await other.open(device)
      const kinds: Array<string> = []
      for (let turn = 0; turn < 4; turn++) {
        for (const part of ["a", "b"]) {
          const text = `${turn}${part}`
          if (weOpen || turn > 0) {
            const message = device.encrypt("peer", Buffer.from(text))
            kinds.push(message.type)
            expect(await other.hear(message)).toBe(text)
          }
          expect(hear(device, await other.say(text))).toBe(text)
        }
      }
      expect(kinds.slice(0, 2)).toEqual(weOpen ? ["pkmsg", "msg"] : ["msg", "msg"])
    }
  })

  it("reads messages in any order, each once", async () => {
    const device = new SignalDevice()
    const other = peer()
    await other.open(device)
    const said = [await other.say("0"), await other.say("1"), await other.say("2"), await other.say("3")] as const
    expect([3, 0, 2, 1].map((index) => hear(device, said[index as 0]))).toEqual(["3", "0", "2", "1"])
    expect(failure(device, said[2])).toBe("old-counter")
    expect(hear(device, await other.say("4"))).toBe("4")
  })

  it("is left whole by what it cannot read", async () => {
    const device = new SignalDevice()
    const other = peer()
    await other.open(device)
    hear(device, await other.say("0"))
    await other.hear(device.encrypt("peer", Buffer.from("1")))
    const genuine = await other.say("2")
    const spoiled = Buffer.from(genuine.ciphertext)
    spoiled[spoiled.length - 1] = (spoiled.at(-1) ?? 0) ^ 1
    expect(failure(device, { type: "msg", ciphertext: spoiled })).toBe("bad-mac")
    expect(failure(device, { type: "msg", ciphertext: Buffer.from("not a message") })).toBe("malformed")
    expect(failure(new SignalDevice(), genuine)).toBe("no-session")
    expect(hear(device, genuine)).toBe("2")
  })

  it("gives each one-time key out once and takes it once", async () => {
    const device = new SignalDevice()
    const [one, two] = [device.bundle(), device.bundle()]
    expect(one.preKey?.id).not.toBe(two.preKey?.id)
    const other = peer()
    await other.open(device)
    const opening = await other.say("0")
    hear(device, opening)
    device.forget("peer")
    expect(failure(device, opening)).toBe("no-pre-key")
  })

  it("goes on with either session when both sides open one at once", async () => {
    const device = new SignalDevice()
    const other = peer()
    device.open("peer", other.bundle)
    await other.open(device)
    const [ours, theirs] = [device.encrypt("peer", Buffer.from("ours")), await other.say("theirs")]
    expect(hear(device, theirs)).toBe("theirs")
    expect(await other.hear(ours)).toBe("ours")
    expect(hear(device, await other.say("and on"))).toBe("and on")
    expect(await other.hear(device.encrypt("peer", Buffer.from("and back")))).toBe("and back")
  })

  it("refuses a bundle whose signed pre-key someone else signed", () => {
    const [one, two] = [peer(), peer()]
    const forged = { ...one.bundle, signedPreKey: two.bundle.signedPreKey }
    expect(() => new SignalDevice().open("peer", forged)).toThrow("not signed by the identity")
  })
})

describe("signatures", () => {
  it("are XEdDSA to libsignal, and libsignal's are to us", () => {
    for (let index = 0; index < 20; index++) {
      const message = Buffer.from(`message ${index}`)
      const ours = signingKeys()
      const signature = sign(ours, message)
      expect(libsignal.curve.verifySignature(typed(ours.publicKey), message, signature)).toBe(true)
      expect(verifySignature(ours.publicKey, message, signature)).toBe(true)
      expect(verifySignature(ours.publicKey, Buffer.from("other"), signature)).toBe(false)
      signature[3] = (signature[3] ?? 0) ^ 1
      expect(verifySignature(ours.publicKey, message, signature)).toBe(false)
    }
    const { privKey, pubKey } = libsignal.curve.generateKeyPair()
    const message = Buffer.from("message")
    expect(verifySignature(pubKey, message, libsignal.curve.calculateSignature(privKey, message))).toBe(true)
  })
})
