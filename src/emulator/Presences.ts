import type { Account } from "./Account.ts"
import type { Companion } from "./Companion.ts"
import type { Directory } from "./Directory.ts"
import type { Groups } from "./groups/Groups.ts"
import type { Node } from "./protocol/codec.ts"
import { node } from "./protocol/node.ts"

interface Shown {
  readonly type: "available" | "unavailable"
  /** When the person was last there; left out, they do not say. */
  readonly lastSeen?: Date
}

const UNKNOWN: Shown = { type: "unavailable" }

/** Who is there and who is typing, for those who watch: none of it is kept for a device that is away. */
export class Presences {
  readonly #directory: Directory
  readonly #groups: Groups
  readonly #shown = new Map<Account, Shown>()
  readonly #watchers = new Map<Account, Map<Companion, string>>()

  constructor(directory: Directory, groups: Groups) {
    this.#directory = directory
    this.#groups = groups
  }

  /** A linked device wants to know of someone, by that address. */
  watch(companion: Companion, jid: string): void {
    const account = this.#directory.byJid(jid)
    const watchers = account && (this.#watchers.get(account) ?? new Map<Companion, string>())
    if (account && watchers) this.#watchers.set(account, watchers.set(companion, jid))
    companion.stream?.send(this.#presence(jid, account && this.#shown.get(account)))
  }

  show(account: Account, shown: Shown): void {
    this.#shown.set(account, shown)
    for (const [companion, jid] of this.#watchers.get(account) ?? []) companion.stream?.send(this.#presence(jid, shown))
  }

  /** Typing, recording or neither, in a chat or a group. */
  type(from: Account, to: string, content: ReadonlyArray<Node>, options: { readonly like: string }): void {
    const group = this.#groups.find(to)
    const peer = group ? undefined : this.#directory.byJid(to)
    const attrs = group ? { from: to, participant: group.addressOf(from) } : { from: from.jidLike(options.like) }
    for (const account of group?.accounts ?? (peer ? [peer] : [])) {
      if (account === from) continue
      for (const companion of account.companions) companion.stream?.send(node("chatstate", attrs, content))
    }
  }

  #presence(from: string, { lastSeen, type }: Shown = UNKNOWN): Node {
    if (type === "available") return node("presence", { from })
    const last = lastSeen === undefined ? "deny" : String(Math.floor(lastSeen.getTime() / 1000))
    return node("presence", { from, type, last })
  }
}
