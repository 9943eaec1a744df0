import type { Companion, Stream } from "../Companion.ts"
import type { Directory } from "../Directory.ts"
import { groupQueries } from "../groups/groupQueries.ts"
import type { Groups } from "../groups/Groups.ts"
import type { MediaServer } from "../media/MediaServer.ts"
import type { Hub } from "../Hub.ts"
import type { Node } from "../protocol/codec.ts"
import { SERVER_JID } from "../protocol/jid.ts"
import { child, children, node } from "../protocol/node.ts"
import { pictureQuery } from "../profile/pictureQuery.ts"
import type { Pictures } from "../profile/Pictures.ts"
import { appState } from "./appState.ts"
import { encrypt } from "./encrypt.ts"
import { mediaConn } from "./mediaConn.ts"
import { mex } from "./mex.ts"
import { type Answer, done, type Query } from "./Query.ts"
import * as settings from "./settings.ts"
import { usync } from "./usync.ts"

const NOT_IMPLEMENTED: Answer = { error: { code: 501, text: "feature-not-implemented" } }

const ping: Query = ({ hub }) => {
  hub.stats.add("pings")
  return done
}

const byNamespace: Record<string, Query> = {
  "w:p": ping,
  "urn:xmpp:ping": ping,
  encrypt,
  usync,
  "w:sync:app:state": appState,
  "w:mex": mex,
  privacy: settings.privacy,
  blocklist: settings.blocklist,
  abt: settings.props,
  status: settings.about,
  "w:biz": settings.business,
  bot: settings.bots,
  "w:stats": settings.accepted,
  disappearing_mode: settings.accepted,
  "urn:xmpp:whatsapp:push": settings.accepted,
  "urn:xmpp:whatsapp:dirty": settings.accepted,
  "urn:xmpp:whatsapp:account": settings.accepted,
  tos: settings.accepted
}

/** Answers whatever a linked device asks; what it does not know it refuses, and keeps for the tests to see. */
export class Queries {
  readonly #hub: Hub
  readonly #directory: Directory
  readonly #own: Record<string, Query>
  readonly #on: { readonly active: (companion: Companion) => void; readonly logout: (companion: Companion) => void }

  constructor(
    hub: Hub,
    directory: Directory,
    parts: { readonly groups: Groups; readonly media: MediaServer; readonly pictures: Pictures },
    on: { readonly active: (companion: Companion) => void; readonly logout: (companion: Companion) => void }
  ) {
    this.#hub = hub
    this.#directory = directory
    this.#own = {
      "w:g2": groupQueries(parts.groups),
      "w:m": mediaConn(parts.media),
      "w:profile:picture": pictureQuery(parts.pictures, parts.groups)
    }
    this.#on = on
  }

  answer(stream: Stream, companion: Companion, iq: Node): void {
    // The answers of a device to the server's own queries.
    if (iq.attrs.type === "result" || iq.attrs.type === "error") return
    const found = this.#find(companion, iq) ?? this.#unknown(companion, iq)
    if (!(found instanceof Promise)) return this.#send(stream, iq, found)
    found.then((answer) => this.#send(stream, iq, answer), (error: unknown) => this.#hub.fail(error))
  }

  #send(stream: Stream, iq: Node, answer: Answer): void {
    const attrs = { from: iq.attrs.to ?? SERVER_JID, id: iq.attrs.id, t: this.#hub.seconds() }
    if (answer.error) {
      const { code, text } = answer.error
      stream.send(node("iq", { ...attrs, type: "error" }, [node("error", { code: String(code), text })]))
    } else stream.send(node("iq", { ...attrs, type: "result" }, answer.content))
    answer.after?.()
  }

  #find(companion: Companion, iq: Node): ReturnType<Query> {
    const xmlns = iq.attrs.xmlns ?? ""
    if (xmlns === "passive") return child(iq, "active") ? { after: () => this.#on.active(companion) } : done
    if (xmlns === "md") {
      return child(iq, "remove-companion-device") ? { after: () => this.#on.logout(companion) } : undefined
    }
    const query = this.#own[xmlns] ?? byNamespace[xmlns]
    return query?.({ iq, companion, hub: this.#hub, directory: this.#directory })
  }

  #unknown(companion: Companion, iq: Node): Answer {
    this.#hub.stats.add("unknown")
    this.#hub.unknown.push(iq)
    this.#hub.events.emit("unknown", { phone: companion.account.phone, device: companion.number, stanza: iq })
    return children(iq).length === 0 ? { error: { code: 400, text: "bad-request" } } : NOT_IMPLEMENTED
  }
}
