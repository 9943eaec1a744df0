// A client that knows only Noise, frames and nodes: it shows what is on the wire, and checks certificates strictly.
import { createCipheriv, createDecipheriv } from "node:crypto"
import { type AuthenticationState, proto } from "@whiskeysockets/baileys"
import { WebSocket } from "ws"
import { decodeNode, encodeNode, jidDecode, type Node } from "../../src/emulator/protocol/codec.ts"
import { frame, FrameReader } from "../../src/emulator/protocol/frames.ts"
import { node } from "../../src/emulator/protocol/node.ts"
import { agree, generateKeys, hkdf, keysOfRaw, sha256, verifySignature } from "../../src/emulator/protocol/keys.ts"

const HEADER = Buffer.from([87, 65, 6, 3])
const NONE = Buffer.alloc(0)

const iv = (counter: number) => {
  const bytes = Buffer.alloc(12)
  bytes.writeUInt32BE(counter, 8)
  return bytes
}

const seal = (key: Buffer, counter: number, plaintext: Uint8Array, data: Buffer) => {
  const cipher = createCipheriv("aes-256-gcm", key, iv(counter)).setAAD(data)
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
}

const unseal = (key: Buffer, counter: number, sealed: Uint8Array, data: Buffer) => {
  const bytes = Buffer.from(sealed)
  const decipher = createDecipheriv("aes-256-gcm", key, iv(counter)).setAAD(data).setAuthTag(bytes.subarray(-16))
  return Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()])
}

/** Throws unless the chain ends at the root and vouches for the server's key. */
const verifyChain = (payload: Buffer, root: Buffer, serverKey: Buffer): void => {
  const { intermediate, leaf } = proto.CertChain.decode(payload)
  const { Details } = proto.CertChain.NoiseCertificate
  const issuer = Details.decode(intermediate?.details ?? NONE)
  const own = Details.decode(leaf?.details ?? NONE)
  if (issuer.issuerSerial !== 0 || own.issuerSerial !== issuer.serial) throw new Error("serials")
  const signed = intermediate?.details ?? NONE
  if (!verifySignature(root, signed, intermediate?.signature ?? NONE)) throw new Error("intermediate")
  if (!verifySignature(issuer.key ?? NONE, leaf?.details ?? NONE, leaf?.signature ?? NONE)) throw new Error("leaf")
  if (!serverKey.equals(own.key ?? NONE)) throw new Error("leaf key")
}

/** A query with nothing in it but a tag. */
export const query = (id: string, xmlns: string, tag: string): Node =>
  node("iq", { id, xmlns, type: "get", to: "@s.whatsapp.net" }, [node(tag)])

export class WireClient {
  readonly frames: Array<Buffer> = []
  closeCode: number | undefined
  readonly #socket: WebSocket
  readonly #reader = new FrameReader()
  #waiting: Array<() => void> = []
  #sendKey: Buffer = NONE
  #receiveKey: Buffer = NONE
  #sent = 0
  #last: Buffer | undefined
  #received = 0

  constructor(url: string) {
    this.#socket = new WebSocket(url)
    this.#reader.push(HEADER)
    this.#reader.header()
    this.#socket.on("message", (data: Buffer) => {
      this.#last = data
      this.#reader.push(data)
      for (let body = this.#reader.next(); body; body = this.#reader.next()) this.frames.push(Buffer.from(body))
      this.#wake()
    })
    this.#socket.on("close", (code) => {
      this.closeCode = code
      this.#wake()
    })
    this.#socket.on("error", () => {})
  }

  until(check: () => boolean, timeoutMs = 5_000): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("nothing came")), timeoutMs)
      const look = () => {
        if (!check()) return this.#waiting.push(look)
        clearTimeout(timer)
        resolve()
        return undefined
      }
      look()
    })
  }

  /** The raw bytes of the next frame. */
  async frame(): Promise<Buffer> {
    await this.until(() => this.frames.length > 0 || this.closeCode !== undefined)
    const next = this.frames.shift()
    if (!next) throw new Error(`closed with ${this.closeCode}`)
    return next
  }

  /** The next bytes, whether they make a frame or not. */
  async rest(): Promise<Buffer> {
    this.#last = undefined
    await this.until(() => this.#last !== undefined)
    return Buffer.from(this.#last ?? NONE)
  }

  decrypt(body: Buffer): Buffer {
    return unseal(this.#receiveKey, this.#received++, body, NONE)
  }

  async node(): Promise<Node> {
    return decodeNode(this.decrypt(await this.frame()))
  }

  /** The nodes up to and with the first one of this tag. */
  async nodesTo(tag: string): Promise<ReadonlyArray<Node>> {
    const next = await this.node()
    return next.tag === tag ? [next] : [next, ...(await this.nodesTo(tag))]
  }

  send(stanza: Node): void {
    this.#socket.send(frame(seal(this.#sendKey, this.#sent++, encodeNode(stanza), NONE)))
  }

  sendBytes(bytes: Buffer): void {
    this.#socket.send(bytes)
  }

  async opened(): Promise<void> {
    if (this.#socket.readyState !== WebSocket.CONNECTING) return
    await new Promise<void>((resolve, reject) => {
      this.#socket.once("open", () => resolve())
      this.#socket.once("error", reject)
    })
  }

  /** Logs in with the credentials of a Baileys client. */
  async login(auth: AuthenticationState, root: string): Promise<this> {
    await this.opened()
    const ephemeral = generateKeys()
    let hash: Buffer = Buffer.from("Noise_XX_25519_AESGCM_SHA256\0\0\0\0")
    let [salt, key, counter] = [hash, hash, 0]
    const mix = (data: Uint8Array) => (hash = sha256(Buffer.concat([hash, data])))
    const mixKey = (secret: Buffer) => {
      const keys = hkdf(secret, salt, "", 64)
      salt = keys.subarray(0, 32)
      key = keys.subarray(32)
      counter = 0
    }
    const open = (sealed: Uint8Array) => {
      const plain = unseal(key, counter++, sealed, hash)
      mix(sealed)
      return plain
    }
    const close = (plain: Uint8Array) => {
      const sealed = seal(key, counter++, plain, hash)
      mix(sealed)
      return sealed
    }
    mix(HEADER)
    mix(ephemeral.publicKey)
    const hello = proto.HandshakeMessage.encode({ clientHello: { ephemeral: ephemeral.publicKey } }).finish()
    this.#socket.send(Buffer.concat([HEADER, frame(hello)]))
    const answer = proto.HandshakeMessage.decode(await this.frame()).serverHello
    const theirs = Buffer.from(answer?.ephemeral ?? NONE)
    mix(theirs)
    mixKey(agree(ephemeral, theirs))
    const serverKey = open(answer?.static ?? NONE)
    mixKey(agree(ephemeral, serverKey))
    verifyChain(open(answer?.payload ?? NONE), Buffer.from(root, "hex"), serverKey)
    const noiseKeys = keysOfRaw(Buffer.from(auth.creds.noiseKey.private))
    const sealedKey = close(noiseKeys.publicKey)
    mixKey(agree(noiseKeys, theirs))
    const me = jidDecode(auth.creds.me?.id)
    const login = { username: Number(me?.user), device: me?.device ?? 0, passive: true, pull: true }
    const payload = close(proto.ClientPayload.encode(login).finish())
    this.#socket.send(frame(proto.HandshakeMessage.encode({ clientFinish: { static: sealedKey, payload } }).finish()))
    const keys = hkdf(NONE, salt, "", 64)
    this.#sendKey = keys.subarray(0, 32)
    this.#receiveKey = keys.subarray(32)
    return this
  }

  close(): void {
    this.#socket.terminate()
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const look of waiting) look()
  }
}
