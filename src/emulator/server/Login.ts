import { randomBytes } from "node:crypto"
import type { Companion } from "../Companion.ts"
import type { Directory } from "../Directory.ts"
import type { Exchange } from "../Exchange.ts"
import type { Hub } from "../Hub.ts"
import type { proto } from "../protocol/codec.ts"
import { SERVER_JID } from "../protocol/jid.ts"
import { node } from "../protocol/node.ts"
import type { Queries } from "../queries/Queries.ts"
import type { Connection, StanzaHandler } from "./Connection.ts"
import { Session } from "./Session.ts"

const LOGGED_OUT = 401

/** Lets linked devices in, one stream each. */
export class Login {
  readonly #hub: Hub
  readonly #directory: Directory
  readonly #exchange: Exchange
  readonly #queries: Queries
  readonly #routing = randomBytes(8)

  constructor(hub: Hub, directory: Directory, exchange: Exchange, queries: Queries) {
    this.#hub = hub
    this.#directory = directory
    this.#exchange = exchange
    this.#queries = queries
  }

  accept(connection: Connection, clientKey: Buffer, payload: proto.IClientPayload): StanzaHandler | undefined {
    const { faults } = this.#hub
    const of = { phone: String(payload.username), device: payload.device ?? 0 }
    connection.label = of
    if (faults.take("login-hang", of)) {
      connection.deaf = true
      return undefined
    }
    const refusal = faults.take("login-failure", of)
    if (refusal) return this.#refuse(connection, of, refusal.reason, refusal)
    // Looked up without making it: a stranger's login must not create an account.
    const companion = this.#directory.find(of.phone)?.companion(of.device)
    if (!companion || !companion.noiseKey.equals(clientKey)) return this.#refuse(connection, of, LOGGED_OUT, {})
    this.#replace(companion)
    companion.stream = connection
    companion.online = false
    companion.logins++
    this.#hub.stats.add("logins")
    const session = new Session(this.#hub, connection, companion, this.#exchange, this.#queries)
    this.#hub.events.emit("login", of)
    this.#welcome(connection, companion)
    return session
  }

  /** One live stream per device: the older one is told why it ends. */
  #replace(companion: Companion): void {
    const older = companion.stream
    if (!older) return
    this.#hub.stats.add("replaced")
    companion.stream = undefined
    older.streamError({}, node("conflict", { type: "replaced" }))
  }

  #refuse(
    connection: Connection,
    of: { readonly phone: string; readonly device: number },
    reason: number,
    details: { readonly location?: string; readonly code?: number; readonly expire?: number }
  ): undefined {
    this.#hub.stats.add("loginFailures")
    const { code, expire, location } = details
    connection.send(
      node("failure", {
        reason: String(reason),
        location: location ?? "emulator",
        code: code === undefined ? undefined : String(code),
        expire: expire === undefined ? undefined : String(expire)
      })
    )
    connection.end()
    this.#hub.events.emit("loginFailed", { ...of, reason })
  }

  #welcome(connection: Connection, companion: Companion): void {
    const { account } = companion
    connection.send(
      node("success", {
        t: this.#hub.seconds(),
        lid: account.lidJid(companion.number),
        display_name: account.name,
        props: "27",
        abprops: "1",
        companion_enc_static: randomBytes(32).toString("base64"),
        location: "emulator",
        creation: String(account.createdAt)
      })
    )
    connection.send(
      node("ib", { from: SERVER_JID }, [node("edge_routing", {}, [node("routing_info", {}, this.#routing)])])
    )
    if (companion.logins > 1) return
    connection.send(
      node("ib", { from: SERVER_JID }, [node("dirty", { type: "account_sync", timestamp: this.#hub.seconds() })])
    )
  }
}
