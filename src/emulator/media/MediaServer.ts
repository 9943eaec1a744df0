import { randomBytes } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"
import { createServer, type Server } from "node:https"
import type { AddressInfo, Socket } from "node:net"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import type { Hub } from "../Hub.ts"
import { type TlsIdentity, tlsIdentity } from "../protocol/x509.ts"
import { disturbed } from "./disturbed.ts"
import { bytesOfFile, type MediaStore } from "./MediaStore.ts"

const UPLOAD = /^\/(?:mms|pps|product)\/[a-z-]+\/([\w-]+)$/

/** `bytes=from-to`, either of which may be missing, within `size`. */
const rangeOf = (header: string | undefined, size: number) => {
  const [, from = "", to = ""] = /^bytes=(\d*)-(\d*)$/.exec(header ?? "") ?? []
  if (from === "") return undefined
  return { start: Number(from), end: Math.min(to === "" ? size - 1 : Number(to), size - 1) }
}

/** Where linked devices put and fetch media: HTTPS, under an authority of the emulator's own. */
export class MediaServer {
  readonly #hub: Hub
  readonly #store: MediaStore
  readonly #tls: TlsIdentity
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** What `media_conn` gives devices to upload with. */
  readonly auth = randomBytes(24).toString("base64")
  #host = ""

  constructor(hub: Hub, store: MediaStore) {
    this.#hub = hub
    this.#store = store
    const { host, rootSeed } = hub.settings
    // A history names no host: Baileys asks WhatsApp's for it, which a test then leads here.
    const hosts = [...new Set(["localhost", "127.0.0.1", "::1", "mmg.whatsapp.net", host])]
    this.#tls = tlsIdentity(hosts, rootSeed === undefined ? undefined : Buffer.from(rootSeed, "hex"))
    this.#server = createServer({ cert: this.#tls.cert, key: this.#tls.key }, (request, response) =>
      void this.#serve(request, response).catch((error: unknown) => {
        // A client that goes away in the middle is no defect.
        if (!request.destroyed && !response.destroyed) hub.fail(error)
        response.destroy()
      }))
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on("close", () => this.#sockets.delete(socket))
    })
  }

  /** The certificate of the authority, in PEM. */
  get ca(): string {
    return this.#tls.ca
  }

  /** As in `https://<host>/…`, with its port. */
  get host(): string {
    return this.#host
  }

  urlOf(directPath: string): string {
    return `https://${this.#host}${directPath}`
  }

  listen(): Promise<void> {
    const { host, mediaPort } = this.#hub.settings
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject)
      this.#server.listen(mediaPort, host, () => {
        this.#server.off("error", reject)
        const { port } = this.#server.address() as AddressInfo
        this.#host = `${host.includes(":") ? `[${host}]` : host}:${port}`
        resolve()
      })
    })
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      for (const socket of this.#sockets) socket.destroy()
    })
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "https://emulator")
    const upload = request.method === "POST" ? UPLOAD.exec(url.pathname)?.[1] : undefined
    if (upload !== undefined) return this.#upload(request, response, upload, url.searchParams.get("auth"))
    if (request.method !== "GET") return this.#end(response, 405)
    return this.#download(request, response, `${url.pathname}${url.search}`)
  }

  async #upload(request: IncomingMessage, response: ServerResponse, token: string, auth: string | null): Promise<void> {
    const fault = this.#hub.faults.take("upload")
    if (fault?.how === "hang") return
    if (fault?.how === "reset") return void request.socket.destroy()
    if (fault?.how === "status") return this.#end(response, fault.status ?? 500)
    if (fault?.how === "slow") await this.#hub.timers.sleep(fault.ms ?? 1_000)
    if (auth !== this.auth) return this.#end(response, 401)
    const stored = await this.#store.put(request, { expected: token })
    if (!stored) return this.#end(response, 400)
    this.#hub.stats.add("uploads")
    const { directPath } = stored
    response.writeHead(200, { "content-type": "application/json" })
    response.end(JSON.stringify({ url: this.urlOf(directPath), direct_path: directPath }))
  }

  async #download(request: IncomingMessage, response: ServerResponse, directPath: string): Promise<void> {
    const fault = this.#hub.faults.take("download")
    if (fault?.how === "hang") return
    if (fault?.how === "reset") return void request.socket.destroy()
    if (fault?.how === "status") return this.#end(response, fault.status ?? 500)
    if (fault?.how === "slow") await this.#hub.timers.sleep(fault.ms ?? 1_000)
    const gone = this.#store.goneWith(directPath)
    if (gone !== undefined) return this.#end(response, gone)
    const stored = this.#store.find(directPath)
    if (!stored) return this.#end(response, 404)
    const { file, mimetype } = stored
    const size = fault?.how === "short" ? Math.floor(stored.size / 2) : stored.size
    const range = rangeOf(request.headers.range, size)
    if (range && (range.start >= size || range.end < range.start)) return this.#end(response, 416)
    this.#hub.stats.add("downloads")
    response.writeHead(range ? 206 : 200, {
      "content-type": mimetype,
      "content-length": String(range ? range.end - range.start + 1 : size),
      "accept-ranges": "bytes",
      ...(range ? { "content-range": `bytes ${range.start}-${range.end}/${size}` } : {})
    })
    const bytes = bytesOfFile(file, range ?? { end: size - 1 })
    await pipeline(Readable.from(fault ? disturbed(bytes, fault.how, size) : bytes), response).catch((error: unknown) => {
      if (fault?.how !== "cut") throw error
    })
  }

  #end(response: ServerResponse, status: number): void {
    response.writeHead(status, { "content-type": "text/plain" }).end(`${status}\n`)
  }
}
