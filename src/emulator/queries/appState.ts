import { randomBytes } from "node:crypto"
import { proto } from "../protocol/codec.ts"
import { bytesOf, child, children, node } from "../protocol/node.ts"
import type { Query } from "./Query.ts"

const MAX_PATCHES = 256

/** Names a blob that lies elsewhere, where a client has to fetch it. */
const blobReference = () =>
  Buffer.from(
    proto.ExternalBlobReference.encode({
      mediaKey: randomBytes(32),
      directPath: "/v/emulated-blob",
      handle: "emulated",
      fileSizeBytes: 1000,
      fileSha256: randomBytes(32),
      fileEncSha256: randomBytes(32)
    }).finish()
  )

/** App state is sealed for the server: it keeps patches in order and hands them on. */
export const appState: Query = ({ companion, hub, iq }) => {
  const { account } = companion
  const changed = new Set<string>()
  const collections = children(child(iq, "sync"), "collection").map((collection) => {
    const { name = "", version = "0" } = collection.attrs
    const stored = account.appState.get(name) ?? []
    const patch = bytesOf(child(collection, "patch"))
    if (hub.faults.take("app-state-blob", { phone: account.phone, device: companion.number })) {
      return node("collection", { name, version }, [node("snapshot", {}, blobReference())])
    }
    if (patch) {
      if (Number(version) !== stored.length || stored.length >= MAX_PATCHES) {
        return node("collection", { name, version: String(stored.length), type: "error" }, [
          node("error", { code: "409", text: "conflict" })
        ])
      }
      account.appState.set(name, [...stored, patch])
      changed.add(name)
      return node("collection", { name, version: String(stored.length + 1) })
    }
    // The client counts a patch without a version from the version named here.
    const missing = stored.slice(Number(version), Number(version) + 1)
    const more = stored.length > Number(version) + 1
    if (missing.length === 0) return node("collection", { name, version: String(stored.length) })
    const patches = node("patches", {}, missing.map((each) => node("patch", {}, each)))
    return node("collection", { name, version, has_more_patches: more ? "true" : undefined }, [patches])
  })
  const tell = () => {
    for (const other of account.companions) {
      if (other === companion) continue
      for (const name of changed) {
        const attrs = { from: account.jid(), id: hub.stanzaId(), type: "server_sync", t: hub.seconds() }
        const version = String(account.appState.get(name)?.length ?? 0)
        other.deliver(node("notification", attrs, [node("collection", { name, version })]))
      }
    }
  }
  return { content: [node("sync", {}, collections)], after: tell }
}
