import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from "node:crypto"
import { proto } from "./codec.ts"
import { agree, generateKeys, hkdf, type KeyPair, sha256 } from "./keys.ts"

const PATTERN = Buffer.from("Noise_XX_25519_AESGCM_SHA256\0\0\0\0")
const TAG_LENGTH = 16
const NO_DATA = Buffer.alloc(0)

const nonce = (counter: number): Buffer => {
  const iv = Buffer.alloc(12)
  iv.writeUInt32BE(counter, 8)
  return iv
}

const seal = (key: KeyObject, counter: number, plaintext: Uint8Array, data: Buffer): Buffer => {
  const cipher = createCipheriv("aes-256-gcm", key, nonce(counter))
  cipher.setAAD(data)
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
}

const unseal = (key: KeyObject, counter: number, ciphertext: Buffer, data: Buffer): Buffer => {
  const decipher = createDecipheriv("aes-256-gcm", key, nonce(counter), { authTagLength: TAG_LENGTH })
  decipher.setAAD(data)
  decipher.setAuthTag(ciphertext.subarray(-TAG_LENGTH))
  return Buffer.concat([decipher.update(ciphertext.subarray(0, -TAG_LENGTH)), decipher.final()])
}

/** The two counters and keys that a finished handshake leaves. */
export class NoiseTransport {
  readonly #sendKey: KeyObject
  readonly #receiveKey: KeyObject
  #sent = 0
  #received = 0

  constructor(sendKey: Buffer, receiveKey: Buffer) {
    this.#sendKey = createSecretKey(sendKey)
    this.#receiveKey = createSecretKey(receiveKey)
  }

  encrypt(plaintext: Uint8Array): Buffer {
    return seal(this.#sendKey, this.#sent++, plaintext, NO_DATA)
  }

  decrypt(ciphertext: Buffer): Buffer {
    return unseal(this.#receiveKey, this.#received++, ciphertext, NO_DATA)
  }
}

interface Finished {
  readonly clientKey: Buffer
  readonly payload: Buffer
  readonly transport: NoiseTransport
}

/** The responder of Noise XX. The three messages are WhatsApp's HandshakeMessage protobufs. */
export class NoiseResponder {
  readonly #static: KeyPair
  readonly #ephemeral = generateKeys()
  #hash: Buffer = PATTERN
  #salt: Buffer = PATTERN
  #key = createSecretKey(PATTERN)
  #counter = 0

  constructor(staticKeys: KeyPair, header: Buffer) {
    this.#static = staticKeys
    this.#mixHash(header)
  }

  /** Takes the client's hello, gives the server's, with the certificate chain inside. */
  hello(message: Buffer, chain: Buffer): Buffer {
    const ephemeral = proto.HandshakeMessage.decode(message).clientHello?.ephemeral
    if (ephemeral?.length !== 32) throw new Error("client hello without an ephemeral key")
    this.#mixHash(ephemeral)
    this.#mixHash(this.#ephemeral.publicKey)
    this.#mixKey(agree(this.#ephemeral, ephemeral))
    const encryptedStatic = this.#encrypt(this.#static.publicKey)
    this.#mixKey(agree(this.#static, ephemeral))
    const payload = this.#encrypt(chain)
    const serverHello = { ephemeral: this.#ephemeral.publicKey, static: encryptedStatic, payload }
    return Buffer.from(proto.HandshakeMessage.encode({ serverHello }).finish())
  }

  /** Takes the client's finish; the payload is the encoded ClientPayload. */
  finish(message: Buffer): Finished {
    const finish = proto.HandshakeMessage.decode(message).clientFinish
    if (!finish?.static || !finish.payload) throw new Error("client finish without static key or payload")
    const clientKey = this.#decrypt(Buffer.from(finish.static))
    this.#mixKey(agree(this.#ephemeral, clientKey))
    const payload = this.#decrypt(Buffer.from(finish.payload))
    const keys = hkdf(NO_DATA, this.#salt, "", 64)
    return { clientKey, payload, transport: new NoiseTransport(keys.subarray(32), keys.subarray(0, 32)) }
  }

  #mixHash(data: Uint8Array): void {
    this.#hash = sha256(Buffer.concat([this.#hash, data]))
  }

  #mixKey(secret: Buffer): void {
    const keys = hkdf(secret, this.#salt, "", 64)
    this.#salt = keys.subarray(0, 32)
    this.#key = createSecretKey(keys.subarray(32))
    this.#counter = 0
  }

  #encrypt(plaintext: Uint8Array): Buffer {
    const ciphertext = seal(this.#key, this.#counter++, plaintext, this.#hash)
    this.#mixHash(ciphertext)
    return ciphertext
  }

  #decrypt(ciphertext: Buffer): Buffer {
    const plaintext = unseal(this.#key, this.#counter++, ciphertext, this.#hash)
    this.#mixHash(ciphertext)
    return plaintext
  }
}
