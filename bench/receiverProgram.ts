import { createServer } from "node:http"
import type { Arrivals } from "./Receiver.ts"
import { answers } from "./probe.ts"

interface Body {
  readonly timestamp: string
  readonly data: { readonly content?: string }
}

let arrivals: Array<Arrivals[number]> = []

const server = createServer((request, response) => {
  const at = Date.now()
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => {
    if (request.url === "/dead") return
    const { data, timestamp } = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Body
    arrivals.push({ at, written: Date.parse(timestamp), said: Number(data.content) })
    response.end()
  }).on("error", () => {})
})

Object.assign(answers, {
  listen: () =>
    new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resolve(typeof address === "object" && address !== null ? address.port : 0)
      })
    }),
  count: () => arrivals.length,
  drain: () => {
    const drained = arrivals
    arrivals = []
    return drained
  }
})
process.channel?.ref()
process.send?.({ ready: true })
