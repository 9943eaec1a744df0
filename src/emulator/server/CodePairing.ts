import { createCipheriv, createDecipheriv, pbkdf2, randomBytes } from "node:crypto"
import { promisify } from "node:util"
import type { Account } from "../Account.ts"
import { EmulatorError } from "../EmulatorError.ts"
import type { Hub } from "../Hub.ts"
import type { Node } from "../protocol/codec.ts"
import { parseJid, SERVER_JID } from "../protocol/jid.ts"
import { agree, generateKeys, hkdf, type KeyPair } from "../protocol/keys.ts"
import { bytesOf, child, node } from "../protocol/node.ts"
import type { Registration } from "./Registration.ts"

const ITERATIONS = 131_072
const FINISH_TIMEOUT_MS = 30_000
const deriveKey = promisify(pbkdf2)

interface Attempt {
  readonly ephemeral: KeyPair
  readonly companion: Buffer
  readonly settle: (outcome: Buffer | Error) => void
}

interface Entered {
  readonly registration: Registration
  readonly advSecret: Buffer
}

interface Request {
  readonly registration: Registration
  readonly ref: Buffer
  readonly wrapped: Buffer
  attempt: Attempt | undefined
  identity: KeyPair | undefined
}

/** Salt, nonce and a public key under the code: how both sides show that they know it. */
const codeKey = (code: string, salt: Buffer): Promise<Buffer> => deriveKey(code, salt, ITERATIONS, 32, "sha256")

/** Linking by a code that the client shows and the person types. */
export class CodePairing {
  readonly #hub: Hub
  readonly #requests = new Map<string, Request>()

  constructor(hub: Hub) {
    this.#hub = hub
  }

  forget(registration: Registration): void {
    for (const [phone, request] of this.#requests) {
      if (request.registration !== registration) continue
      request.attempt?.settle(new EmulatorError("disconnected", "the client has gone"))
      this.#requests.delete(phone)
    }
  }

  /** Both stanzas of the client: its hello, and its answer to the phone's. */
  stanza(registration: Registration, iq: Node, link: Node): void {
    if (link.attrs.stage === "companion_hello") return this.#hello(registration, iq, link)
    if (link.attrs.stage === "companion_finish") this.#finish(registration, iq, link)
  }

  /** The phone's half. The code proves right only when the client's answer can be opened. */
  async enter(account: Account, typed: string): Promise<Entered> {
    const request = this.#requests.get(account.phone)
    if (!request) throw new EmulatorError("no-code-request", "no client waits for a code of this number")
    const code = typed.replaceAll(/[^0-9a-zA-Z]/g, "").toUpperCase()
    const { wrapped, registration } = request
    const key = await codeKey(code, wrapped.subarray(0, 32))
    const decipher = createDecipheriv("aes-256-ctr", key, wrapped.subarray(32, 48))
    const companion = Buffer.concat([decipher.update(wrapped.subarray(48, 80)), decipher.final()])
    const ephemeral = generateKeys()
    const salt = randomBytes(32)
    const nonce = randomBytes(16)
    const cipher = createCipheriv("aes-256-ctr", await codeKey(code, salt), nonce)
    const answer = Buffer.concat([salt, nonce, cipher.update(ephemeral.publicKey), cipher.final()])
    const { identity } = account.primary.signal
    request.identity = identity
    const advSecret = await new Promise<Buffer>((resolve, reject) => {
      const late = new EmulatorError("timeout", "the client did not answer")
      const cancel = this.#hub.timers.after(FINISH_TIMEOUT_MS, () => settle(late))
      const settle = (outcome: Buffer | Error): void => {
        cancel()
        request.attempt = undefined
        if (outcome instanceof Error) reject(outcome)
        else resolve(outcome)
      }
      request.attempt = { ephemeral, companion, settle }
      const type = "link_code_companion_reg"
      const attrs = { from: SERVER_JID, type, id: this.#hub.stanzaId(), t: this.#hub.seconds() }
      registration.connection.send(
        node("notification", attrs, [
          node("link_code_companion_reg", { stage: "primary_hello" }, [
            node("link_code_pairing_wrapped_primary_ephemeral_pub", {}, answer),
            node("primary_identity_pub", {}, identity.publicKey),
            node("link_code_pairing_ref", {}, request.ref)
          ])
        ])
      )
    })
    this.#requests.delete(account.phone)
    return { registration, advSecret }
  }

  #hello(registration: Registration, iq: Node, link: Node): void {
    const phone = parseJid(link.attrs.jid)?.user
    const wrapped = bytesOf(child(link, "link_code_pairing_wrapped_companion_ephemeral_pub"))
    const noiseKey = bytesOf(child(link, "companion_server_auth_key_pub"))
    if (!phone || wrapped?.length !== 80 || !noiseKey?.equals(registration.keys.noiseKey)) {
      return this.#refuse(registration, iq, 400)
    }
    this.forget(registration)
    const ref = Buffer.from(randomBytes(16).toString("base64"))
    this.#requests.set(phone, { registration, ref, wrapped, attempt: undefined, identity: undefined })
    registration.connection.send(
      node("iq", { from: SERVER_JID, type: "result", id: iq.attrs.id }, [
        node("link_code_companion_reg", { stage: "companion_hello" }, [node("link_code_pairing_ref", {}, ref)])
      ])
    )
    this.#hub.events.emit("pairingCodeRequested", { phone })
  }

  #finish(registration: Registration, iq: Node, link: Node): void {
    const request = [...this.#requests.values()].find((each) => each.registration === registration)
    const bundle = bytesOf(child(link, "link_code_pairing_wrapped_key_bundle"))
    const ref = bytesOf(child(link, "link_code_pairing_ref"))
    const attempt = request?.attempt
    if (!request?.identity || !attempt || !bundle || !ref?.equals(request.ref)) {
      return this.#refuse(registration, iq, 400)
    }
    let random: Buffer
    let shared: Buffer
    try {
      shared = agree(attempt.ephemeral, attempt.companion)
      random = this.#open(bundle, shared, registration.keys.identityKey, request.identity.publicKey)
    } catch {
      this.#refuse(registration, iq, 401)
      return attempt.settle(new EmulatorError("wrong-code", "Couldn't link device: check the code and try again"))
    }
    registration.connection.send(node("iq", { from: SERVER_JID, type: "result", id: iq.attrs.id }))
    const secrets = Buffer.concat([shared, agree(request.identity, registration.keys.identityKey), random])
    attempt.settle(hkdf(secrets, Buffer.alloc(32), "adv_secret", 32))
  }

  /** Salt, nonce, then both identities and 32 random bytes under what the two ephemeral keys agree on. */
  #open(bundle: Buffer, shared: Buffer, companionIdentity: Buffer, phoneIdentity: Buffer): Buffer {
    const key = hkdf(shared, bundle.subarray(0, 32), "link_code_pairing_key_bundle_encryption_key", 32)
    const decipher = createDecipheriv("aes-256-gcm", key, bundle.subarray(32, 44), { authTagLength: 16 })
    decipher.setAuthTag(bundle.subarray(-16))
    const opened = Buffer.concat([decipher.update(bundle.subarray(44, -16)), decipher.final()])
    if (!opened.subarray(0, 32).equals(companionIdentity) || !opened.subarray(32, 64).equals(phoneIdentity)) {
      throw new Error("the bundle is of other identities")
    }
    return opened.subarray(64)
  }

  #refuse(registration: Registration, iq: Node, code: number): void {
    const error = node("error", { code: String(code), text: code === 401 ? "not-authorized" : "bad-request" })
    registration.connection.send(node("iq", { from: SERVER_JID, type: "error", id: iq.attrs.id }, [error]))
  }
}
