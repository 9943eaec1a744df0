import { Duration, Redacted } from "effect"
import { HttpsProxyAgent } from "https-proxy-agent"
import { Agent as HttpsAgent } from "node:https"
import { SocksProxyAgent } from "socks-proxy-agent"
import { Agent, type Dispatcher, ProxyAgent, Socks5ProxyAgent } from "undici"

/** How one device reaches WhatsApp: for the socket, for uploads, and for what `fetch` downloads. */
export interface Egress {
  readonly agent: HttpsAgent | undefined
  readonly dispatcher: Dispatcher
  readonly close: () => Promise<void>
}

export const makeEgress = (options: {
  readonly proxyUrl: Redacted.Redacted | undefined
  /** PEM, for the hosts of a server of our own: its media, and its socket where no proxy stands before it */
  readonly mediaCa: string | undefined
  /** of the connection, the headers, and between two pieces of the body */
  readonly timeout?: Duration.DurationInput
}): Egress => {
  // Baileys' downloads have no time-outs of their own, and hold a lock while they wait
  const timeout = Duration.toMillis(options.timeout ?? "20 seconds")
  const timeouts = { headersTimeout: timeout, bodyTimeout: timeout, connectTimeout: timeout }
  const tls = options.mediaCa === undefined ? {} : { ca: options.mediaCa }
  const proxy = options.proxyUrl === undefined ? undefined : Redacted.value(options.proxyUrl)
  const dispatcher = proxy === undefined
    ? new Agent({ ...timeouts, connect: tls })
    : proxy.startsWith("socks")
    ? new Socks5ProxyAgent(proxy.replace(/^socks[45]?h?:/, "socks5:"), socksOptions(timeouts, tls))
    : new ProxyAgent({ uri: proxy, ...timeouts, requestTls: tls })
  const agent = proxy === undefined
    ? options.mediaCa === undefined ? undefined : new HttpsAgent({ ca: options.mediaCa })
    : proxy.startsWith("socks")
    ? new SocksProxyAgent(proxy)
    : new HttpsProxyAgent(proxy)
  return {
    agent: agent as unknown as HttpsAgent | undefined,
    dispatcher,
    close: async () => {
      agent?.destroy()
      await dispatcher.destroy()
    }
  }
}

// `requestTls` is read, and missing in the types
const socksOptions = (timeouts: Socks5ProxyAgent.Options, requestTls: { readonly ca?: string }) => {
  const options = { ...timeouts, requestTls }
  return options
}
