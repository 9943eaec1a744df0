import { HttpServer } from "@effect/platform"
import { Console, Effect } from "effect"

/** Where the service of this process is to be reached from this machine. */
export const serviceUrl = Effect.map(HttpServer.HttpServer, ({ address }) =>
  address._tag === "TcpAddress" ? `http://${host(address.hostname)}:${address.port}` : address.path)

/** Tells whoever has started the service where it is. */
export const announce = Effect.flatMap(serviceUrl, (url) => Console.log(`WhatsApp Service listens on ${url}\nAPI docs: ${url}/docs`))

const host = (hostname: string) =>
  hostname === "0.0.0.0" || hostname === "::" ? "localhost" : hostname.includes(":") ? `[${hostname}]` : hostname
