import type { Account } from "../Account.ts"
import type { Hub } from "../Hub.ts"
import type { Node } from "../protocol/codec.ts"
import { node } from "../protocol/node.ts"
import type { Group } from "./Group.ts"

/** Tells linked devices what was done to a group, and by whom. */
export class GroupNotices {
  readonly #hub: Hub

  constructor(hub: Hub) {
    this.#hub = hub
  }

  tell(group: Group, actor: Account, change: Node, to: ReadonlyArray<Account> = group.accounts): void {
    const attrs = {
      from: group.jid,
      type: "w:gp2",
      id: this.#hub.stanzaId(),
      participant: group.addressOf(actor),
      ...(group.addressing === "lid" ? { participant_pn: actor.jid() } : { participant_lid: actor.lidJid() }),
      addressing_mode: group.addressing,
      notify: actor.name,
      t: this.#hub.seconds()
    }
    this.#deliver(node("notification", attrs, [change]), to)
  }

  /** A picture has a notification of its own kind. */
  picture(group: Group, actor: Account, id: string | undefined): void {
    const author = { jid: group.jid, author: group.addressOf(actor) }
    const change = id === undefined ? node("delete", author) : node("set", { ...author, id })
    const attrs = { from: group.jid, type: "picture", id: this.#hub.stanzaId(), t: this.#hub.seconds() }
    this.#deliver(node("notification", attrs, [change]), group.accounts)
  }

  #deliver(notification: Node, to: ReadonlyArray<Account>): void {
    for (const account of to) for (const companion of account.companions) companion.deliver(notification)
  }
}
