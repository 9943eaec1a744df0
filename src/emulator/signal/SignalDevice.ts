import { randomInt } from "node:crypto"
import {
  agree,
  generateKeys,
  hkdf,
  type KeyPair,
  sign,
  type SigningKeys,
  signingKeys,
  typed,
  verifySignature
} from "../protocol/keys.ts"
import type { PreKeyBundle, SignedPreKey } from "./PreKeyBundle.ts"
import { Ratchet } from "./Ratchet.ts"
import { SenderKeys } from "./SenderKeys.ts"
import { SignalError } from "./SignalError.ts"
import { decodePreKey, encodePreKey, type PreKeyMessage } from "./wire.ts"

const SIGNED_PRE_KEY_ID = 1
const MAX_PRE_KEY_ID = 0xfffffe
const MAX_SESSIONS = 10
const MAX_PRE_KEYS = 2000

type EncryptedKind = "pkmsg" | "msg"

export interface Encrypted {
  readonly type: EncryptedKind
  readonly ciphertext: Buffer
}

interface Session {
  readonly ratchet: Ratchet
  readonly baseKey: Buffer
  /** Until the other side has answered, every message carries what opens the session. */
  pending: Omit<PreKeyMessage, "message"> | undefined
}

const master = (secrets: ReadonlyArray<Buffer>): Buffer =>
  hkdf(Buffer.concat([Buffer.alloc(32, 0xff), ...secrets]), Buffer.alloc(32), "WhisperText", 64).subarray(0, 32)

/** The Signal half of an emulated device: identity, pre-keys and sessions. Keys are made when first asked for. */
export class SignalDevice {
  readonly registrationId = randomInt(1, 16_381)
  readonly senderKeys = new SenderKeys()
  #identity: SigningKeys | undefined
  #signed: { readonly keys: KeyPair; readonly signature: Buffer } | undefined
  #nextPreKeyId = randomInt(1, 1000)
  readonly #preKeys = new Map<number, KeyPair>()
  readonly #sessions = new Map<string, Array<Session>>()

  get identity(): SigningKeys {
    return this.#identity ??= signingKeys()
  }

  get signedPreKey(): SignedPreKey {
    const { keys, signature } = this.#signedKeys()
    return { id: SIGNED_PRE_KEY_ID, publicKey: keys.publicKey, signature }
  }

  /** A bundle for whoever wants to write to this device; its one-time key is given out once. */
  bundle(): PreKeyBundle {
    const id = this.#nextPreKeyId++ % MAX_PRE_KEY_ID
    const keys = generateKeys()
    this.#preKeys.set(id, keys)
    if (this.#preKeys.size > MAX_PRE_KEYS) {
      const oldest = this.#preKeys.keys().next().value
      if (oldest !== undefined) this.#preKeys.delete(oldest)
    }
    return {
      registrationId: this.registrationId,
      identityKey: this.identity.publicKey,
      signedPreKey: this.signedPreKey,
      preKey: { id, publicKey: keys.publicKey }
    }
  }

  hasSession(peer: string): boolean {
    return (this.#sessions.get(peer)?.length ?? 0) > 0
  }

  forget(peer: string): void {
    this.#sessions.delete(peer)
  }

  /** Opens a session in front of the ones there are. Refuses a bundle whose signed pre-key is not its owner's. */
  open(peer: string, bundle: PreKeyBundle): void {
    const identityKey = typed(bundle.identityKey)
    const signed = typed(bundle.signedPreKey.publicKey)
    if (!verifySignature(identityKey, signed, bundle.signedPreKey.signature)) {
      throw new SignalError("malformed", "the signed pre-key is not signed by the identity")
    }
    const base = generateKeys()
    const secrets = [agree(this.identity, signed), agree(base, identityKey), agree(base, signed)]
    if (bundle.preKey) secrets.push(agree(base, bundle.preKey.publicKey))
    const ratchet = new Ratchet({
      root: master(secrets),
      ourIdentity: typed(this.identity.publicKey),
      theirIdentity: identityKey,
      ours: generateKeys(),
      theirs: signed,
      initiator: true
    })
    const baseKey = typed(base.publicKey)
    this.#promote(peer, {
      ratchet,
      baseKey,
      pending: {
        registrationId: this.registrationId,
        preKeyId: bundle.preKey?.id,
        signedPreKeyId: bundle.signedPreKey.id,
        baseKey,
        identityKey: typed(this.identity.publicKey)
      }
    })
  }

  encrypt(peer: string, plaintext: Uint8Array): Encrypted {
    const session = this.#sessions.get(peer)?.[0]
    if (!session) throw new SignalError("no-session", `no session with ${peer}`)
    const message = session.ratchet.encrypt(plaintext)
    if (!session.pending) return { type: "msg", ciphertext: message }
    return { type: "pkmsg", ciphertext: encodePreKey({ ...session.pending, message }) }
  }

  decrypt(peer: string, type: string, ciphertext: Buffer): Buffer {
    if (type === "pkmsg") return this.#decryptOpening(peer, ciphertext)
    if (type !== "msg") throw new SignalError("malformed", `unknown kind of ciphertext ${type}`)
    const sessions = this.#sessions.get(peer)
    if (!sessions?.length) throw new SignalError("no-session", `no session with ${peer}`)
    let failure: SignalError | undefined
    for (const session of sessions) {
      try {
        const plaintext = session.ratchet.decrypt(ciphertext)
        session.pending = undefined
        this.#promote(peer, session)
        return plaintext
      } catch (error) {
        const each = error instanceof SignalError ? error : new SignalError("malformed", String(error))
        // Among several sessions, "I know this counter" says more than "not mine".
        if (!failure || each.failure === "old-counter") failure = each
      }
    }
    throw failure ?? new SignalError("no-session")
  }

  #decryptOpening(peer: string, ciphertext: Buffer): Buffer {
    let message: PreKeyMessage
    try {
      message = decodePreKey(ciphertext)
    } catch (error) {
      throw new SignalError("malformed", String(error))
    }
    const known = this.#sessions.get(peer)?.find((session) => session.baseKey.equals(message.baseKey))
    const session = known ?? this.#answer(message)
    const plaintext = session.ratchet.decrypt(message.message)
    if (!known && message.preKeyId !== undefined) this.#preKeys.delete(message.preKeyId)
    this.#promote(peer, session)
    return plaintext
  }

  #answer(message: PreKeyMessage): Session {
    const oneTime = message.preKeyId === undefined ? undefined : this.#preKeys.get(message.preKeyId)
    if (message.preKeyId !== undefined && !oneTime) {
      throw new SignalError("no-pre-key", `pre-key ${message.preKeyId} was used already`)
    }
    const { keys } = this.#signedKeys()
    const secrets = [
      agree(keys, message.identityKey),
      agree(this.identity, message.baseKey),
      agree(keys, message.baseKey)
    ]
    if (oneTime) secrets.push(agree(oneTime, message.baseKey))
    const ratchet = new Ratchet({
      root: master(secrets),
      ourIdentity: typed(this.identity.publicKey),
      theirIdentity: message.identityKey,
      ours: keys,
      theirs: message.baseKey,
      initiator: false
    })
    return { ratchet, baseKey: message.baseKey, pending: undefined }
  }

  #promote(peer: string, session: Session): void {
    const sessions = this.#sessions.get(peer)
    if (sessions?.[0] === session) return
    const rest = sessions?.filter((each) => each !== session) ?? []
    this.#sessions.set(peer, [session, ...rest].slice(0, MAX_SESSIONS))
  }

  #signedKeys() {
    if (!this.#signed) {
      const keys = generateKeys()
      this.#signed = { keys, signature: sign(this.identity, typed(keys.publicKey)) }
    }
    return this.#signed
  }
}
