import type { Account } from "../Account.ts"
import type { Group } from "../groups/Group.ts"
import type { Hub } from "../Hub.ts"
import { node } from "../protocol/node.ts"
import type { BusinessProfile } from "./BusinessProfile.ts"
import type { Picture, Pictures } from "./Pictures.ts"

/** Who may see something of a person. */
export type Audience = "all" | "contacts" | "none"

/** What the person with the phone shows of themselves, and to whom. */
export class PhoneProfile {
  readonly #account: Account
  readonly #hub: Hub
  readonly #pictures: Pictures
  readonly #known: (number: string) => Account
  readonly #entered: (jid: string) => Group

  constructor(
    account: Account,
    parts: {
      readonly hub: Hub
      readonly pictures: Pictures
      readonly known: (number: string) => Account
      readonly entered: (jid: string) => Group
    }
  ) {
    this.#account = account
    this.#hub = parts.hub
    this.#pictures = parts.pictures
    this.#known = parts.known
    this.#entered = parts.entered
  }

  get picture(): Picture | undefined {
    return this.#pictures.of(this.#account)
  }

  /** Takes the picture away without one. */
  async setPicture(image?: Buffer): Promise<Picture | undefined> {
    return this.#pictures.set(this.#account, image)
  }

  groupPicture(jid: string): Picture | undefined {
    return this.#pictures.of(this.#entered(jid))
  }

  async setGroupPicture(jid: string, image?: Buffer): Promise<Picture | undefined> {
    return this.#pictures.setOf(this.#entered(jid), this.#account, image)
  }

  get about(): string {
    return this.#account.about
  }

  set about(about: string) {
    this.#account.about = about
  }

  get business(): BusinessProfile | undefined {
    return this.#account.business
  }

  set business(business: BusinessProfile | undefined) {
    this.#account.business = business
  }

  /** `profile` is the picture, `status` the about text, `groupadd` who may add one to groups. */
  show(what: "profile" | "status" | "groupadd", to: Audience): void {
    this.#account.privacy.set(what, to)
  }

  block(number: string): void {
    this.#change(this.#known(number), "block")
  }

  unblock(number: string): void {
    this.#change(this.#known(number), "unblock")
  }

  #change(other: Account, action: "block" | "unblock"): void {
    const jid = other.lidJid()
    if (action === "block") this.#account.blocked.add(jid)
    else this.#account.blocked.delete(jid)
    for (const companion of this.#account.companions) {
      const attrs = { from: this.#account.jid(), type: "account_sync", id: this.#hub.stanzaId(), t: this.#hub.seconds() }
      companion.deliver(node("notification", attrs, [node("blocklist", {}, [node("item", { action, jid })])]))
    }
  }
}
