import { child, bigEndian, bytesOf, node, uintOf } from "../protocol/node.ts"
import type { Node } from "../protocol/codec.ts"

export interface SignedPreKey {
  readonly id: number
  readonly publicKey: Buffer
  readonly signature: Buffer
}

export interface OneTimePreKey {
  readonly id: number
  readonly publicKey: Buffer
}

/** What one needs to open a session with a device. Without a one-time key when the device has run out of them. */
export interface PreKeyBundle {
  readonly registrationId: number
  readonly identityKey: Buffer
  readonly signedPreKey: SignedPreKey
  readonly preKey: OneTimePreKey | undefined
}

const KEY_TYPE = Buffer.from([5])

export const signedPreKeyNode = (key: SignedPreKey): Node =>
  node("skey", {}, [
    node("id", {}, bigEndian(key.id, 3)),
    node("value", {}, key.publicKey),
    node("signature", {}, key.signature)
  ])

export const preKeyNode = (key: OneTimePreKey): Node =>
  node("key", {}, [node("id", {}, bigEndian(key.id, 3)), node("value", {}, key.publicKey)])

export const bundleNodes = (bundle: PreKeyBundle): ReadonlyArray<Node> => [
  node("registration", {}, bigEndian(bundle.registrationId, 4)),
  node("type", {}, KEY_TYPE),
  node("identity", {}, bundle.identityKey),
  signedPreKeyNode(bundle.signedPreKey),
  ...(bundle.preKey ? [preKeyNode(bundle.preKey)] : [])
]

export const readPreKey = (from: Node | undefined): OneTimePreKey | undefined => {
  const id = uintOf(child(from, "id"))
  const publicKey = bytesOf(child(from, "value"))
  return id === undefined || publicKey?.length !== 32 ? undefined : { id, publicKey }
}

export const readSignedPreKey = (from: Node | undefined): SignedPreKey | undefined => {
  const key = readPreKey(from)
  const signature = bytesOf(child(from, "signature"))
  return !key || signature?.length !== 64 ? undefined : { ...key, signature }
}

/** The `<keys>` of a retry receipt, with the registration id that stands beside it. */
export const readRetryBundle = (receipt: Node): PreKeyBundle | undefined => {
  const keys = child(receipt, "keys")
  const identityKey = bytesOf(child(keys, "identity"))
  const signedPreKey = readSignedPreKey(child(keys, "skey"))
  const registrationId = uintOf(child(receipt, "registration"))
  if (!identityKey || !signedPreKey || registrationId === undefined) return undefined
  return { registrationId, identityKey, signedPreKey, preKey: readPreKey(child(keys, "key")) }
}
