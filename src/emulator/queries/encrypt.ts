import { createHash } from "node:crypto"
import { Companion } from "../Companion.ts"
import type { Directory } from "../Directory.ts"
import type { Node } from "../protocol/codec.ts"
import { parseJid } from "../protocol/jid.ts"
import { bigEndian, child, children, node } from "../protocol/node.ts"
import { bundleNodes, readPreKey, readSignedPreKey, signedPreKeyNode } from "../signal/PreKeyBundle.ts"
import { done, notFound, type Query, type Question } from "./Query.ts"

const BAD_REQUEST = { error: { code: 400, text: "bad-request" } }

const bundleOf = (directory: Directory, jid: string): Node => {
  const device = directory.byJid(jid)?.devices.get(parseJid(jid)?.device ?? 0)
  if (!device) return node("user", { jid }, [node("error", { code: "404", text: "item-not-found" })])
  const bundle = device instanceof Companion ? device.bundle() : device.signal.bundle()
  const identity = device.deviceIdentity ? [node("device-identity", {}, device.deviceIdentity)] : []
  return node("user", { jid, t: String(Math.floor(Date.now() / 1000)) }, [...bundleNodes(bundle), ...identity])
}

const upload = ({ companion, hub, iq }: Question) => {
  const keys = children(child(iq, "list"), "key").flatMap((each) => readPreKey(each) ?? [])
  const signed = readSignedPreKey(child(iq, "skey"))
  if (keys.length === 0 || !signed) return BAD_REQUEST
  companion.addPreKeys(keys)
  companion.signedPreKey = signed
  const { account, number, preKeyIds } = companion
  const total = preKeyIds.length
  hub.events.emit("preKeys", { phone: account.phone, device: number, uploaded: keys.length, total })
  return done
}

const digest = (companion: Companion) => {
  const ids = companion.preKeyIds
  if (ids.length === 0) return notFound
  const hash = createHash("sha1").update(companion.identityKey).update(companion.signedPreKey.publicKey)
  for (const id of ids) hash.update(bigEndian(id, 3))
  const content = [
    node("registration", {}, bigEndian(companion.registrationId, 4)),
    node("type", {}, Buffer.from([5])),
    node("identity", {}, companion.identityKey),
    signedPreKeyNode(companion.signedPreKey),
    node("list", {}, ids.map((id) => node("id", {}, bigEndian(id, 3)))),
    node("hash", {}, hash.digest())
  ]
  return { content: [node("digest", {}, content)] }
}

/** Signal keys: counts, uploads, rotation, and the bundles of others. */
export const encrypt: Query = (question) => {
  const { companion, directory, iq } = question
  if (child(iq, "count")) return { content: [node("count", { value: String(companion.preKeyIds.length) })] }
  if (child(iq, "digest")) return digest(companion)
  const wanted = child(iq, "key") ?? child(iq, "key_fetch")
  if (wanted && iq.attrs.type === "get") {
    const jids = children(wanted, "user").flatMap((user) => user.attrs.jid ?? [])
    return { content: [node("list", {}, jids.map((jid) => bundleOf(directory, jid)))] }
  }
  const rotated = child(child(iq, "rotate"), "skey")
  if (rotated) {
    const signed = readSignedPreKey(rotated)
    if (!signed) return BAD_REQUEST
    companion.signedPreKey = signed
    return done
  }
  return child(iq, "list") ? upload(question) : undefined
}
