import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http"

export interface Received {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly text: string
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly json: any
}

/** What stands at the other end of a webhook. Each path is an endpoint of its own; without a word from the test it answers 200. */
export const startReceiver = async () => {
  const received: Array<Received> = []
  const answers = new Map<string, (response: ServerResponse, request: Received, count: number) => void>()
  const server = createServer((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => {
      const text = Buffer.concat(chunks).toString("utf8")
      const { pathname: path, searchParams: query } = new URL(request.url ?? "", "http://receiver")
      const got = { method: request.method ?? "", path, query, headers: request.headers, text, json: text === "" ? undefined : JSON.parse(text) }
      received.push(got)
      const answer = answers.get(got.path)
      if (answer === undefined) response.end("ok")
      else answer(response, got, received.filter(({ path }) => path === got.path).length)
    }).on("error", () => {})
  })
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve)
  })
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  return {
    received,
    url: (path: string) => `http://127.0.0.1:${port}${path}`,
    at: (path: string) => received.filter((each) => each.path === path),
    answer: (path: string, how: (response: ServerResponse, request: Received, count: number) => void) => void answers.set(path, how),
    status: (path: string, status: number, headers: Readonly<Record<string, string>> = {}) =>
      void answers.set(path, (response) => void response.writeHead(status, headers).end("no")),
    works: (path: string) => void answers.delete(path),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
}
export type Receiver = Awaited<ReturnType<typeof startReceiver>>
