import { Readable } from "node:stream"
import type { Account } from "../Account.ts"
import type { Directory } from "../Directory.ts"
import type { Group } from "../groups/Group.ts"
import type { Groups } from "../groups/Groups.ts"
import type { Hub } from "../Hub.ts"
import type { Media } from "../media/Media.ts"
import { node } from "../protocol/node.ts"

export interface Picture {
  readonly id: string
  readonly directPath: string
  readonly url: string
}

type Owner = Account | Group

/** The pictures of people and groups: anyone with the address of one can fetch it. */
export class Pictures {
  readonly #hub: Hub
  readonly #directory: Directory
  readonly #groups: Groups
  readonly #media: Media
  readonly #pictures = new Map<Owner, Picture>()
  #nextId = Math.floor(Date.now() / 1000)

  constructor(hub: Hub, directory: Directory, groups: Groups, media: Media) {
    this.#hub = hub
    this.#directory = directory
    this.#groups = groups
    this.#media = media
  }

  of(owner: Owner): Picture | undefined {
    return this.#pictures.get(owner)
  }

  async set(account: Account, image: Buffer | undefined): Promise<Picture | undefined> {
    const picture = await this.#keep(account, image)
    const attrs = { jid: account.jid(), ...(picture ? { id: picture.id } : {}) }
    // On a server of this size everybody knows everybody.
    for (const { companions } of this.#directory.accounts) {
      for (const companion of companions) {
        const told = { from: account.jid(), type: "picture", id: this.#hub.stanzaId(), t: this.#hub.seconds() }
        companion.deliver(node("notification", told, [node(picture ? "set" : "delete", attrs)]))
      }
    }
    return picture
  }

  async setOf(group: Group, by: Account, image: Buffer | undefined): Promise<Picture | undefined> {
    this.#groups.mayEdit(group, by)
    const picture = await this.#keep(group, image)
    this.#groups.tellPicture(group, by, picture?.id)
    return picture
  }

  async #keep(owner: Owner, image: Buffer | undefined): Promise<Picture | undefined> {
    const stored = image && await this.#media.store.put(Readable.from([image]), { as: "picture", mimetype: "image/jpeg" })
    if (!stored) {
      this.#pictures.delete(owner)
      return undefined
    }
    const picture = { id: String(++this.#nextId), ...this.#media.at(stored) }
    this.#pictures.set(owner, picture)
    return picture
  }
}
