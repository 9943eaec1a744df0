import type { Hub } from "../Hub.ts"
import type { proto } from "../protocol/codec.ts"
import { type Attachment, attachmentMessage, bytesOfSource } from "./Attachment.ts"
import { type MediaFacts, Sealing, unseal } from "./MediaCipher.ts"
import type { MediaKind } from "./MediaKind.ts"
import { mediaOf, type MessageMedium } from "./mediaOf.ts"
import { MediaServer } from "./MediaServer.ts"
import { bytesOfFile, MediaStore, type StoredMedium } from "./MediaStore.ts"

export interface Uploaded extends MediaFacts {
  readonly url: string
  readonly directPath: string
}

/** The media of all messages: where devices put and fetch them, and how phones seal and open them. */
export class Media {
  readonly store = new MediaStore()
  readonly server: MediaServer

  constructor(hub: Hub) {
    this.server = new MediaServer(hub, this.store)
  }

  listen(): Promise<void> {
    return this.server.listen()
  }

  async close(): Promise<void> {
    await this.server.close()
    await this.store.close()
  }

  /** Seals and stores what someone attaches, and gives the message that carries it. */
  async attach(attachment: Attachment): Promise<proto.IMessage> {
    const { directPath, url, ...facts } = await this.upload(attachment.kind, bytesOfSource(attachment.source))
    return attachmentMessage(attachment, facts, { directPath, url })
  }

  async upload(kind: MediaKind, source: AsyncIterable<Buffer>): Promise<Uploaded> {
    const sealing = new Sealing(kind)
    const stored = await this.store.put(sealing.seal(source))
    if (!stored) throw new Error("the medium was not stored")
    return { ...sealing.facts(), ...this.at(stored) }
  }

  at({ directPath }: StoredMedium): { readonly directPath: string; readonly url: string } {
    return { directPath, url: this.server.urlOf(directPath) }
  }

  /** The medium of a message in the clear, piece by piece; an error says that it is not what the message says. */
  open({ directPath, facts, kind }: MessageMedium): AsyncIterable<Buffer> {
    const stored = this.store.find(directPath)
    if (!stored) throw new Error(`there is no medium at ${directPath}`)
    return unseal(bytesOfFile(stored.file), kind, facts)
  }

  /** Reads a medium to its end. */
  async check(message: proto.IMessage): Promise<MessageMedium | undefined> {
    const medium = mediaOf(message)
    if (!medium) return undefined
    for await (const _ of this.open(medium)) continue
    return medium
  }
}
