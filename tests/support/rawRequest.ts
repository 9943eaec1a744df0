import { request } from "node:http"

export interface RawRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** of the body, after which the connection is cut */
  readonly cutAfter?: number | undefined
}
export interface RawAnswer {
  readonly status: number
  readonly type: string
  readonly text: string
}

/** Node's own client, which sends what `fetch` would mend. A stream is left as soon as it begins; a request that is cut has no answer. */
export const rawRequest = (base: string, { body, cutAfter, headers, method, path }: RawRequest) =>
  new Promise<RawAnswer | undefined>((resolve, reject) => {
    const { hostname, port } = new URL(base)
    const call = request({ hostname, port, agent: false, method, path, headers }, (answer) => {
      const type = String(answer.headers["content-type"])
      let text = ""
      const done = () => resolve({ status: answer.statusCode!, type, text })
      answer.setEncoding("utf8").on("data", (chunk: string) => void (text += chunk)).on("end", done)
      if (type.startsWith("text/event-stream")) {
        answer.on("error", () => {})
        call.destroy()
        done()
      }
    })
    call.on("error", (error) => cutAfter === undefined ? reject(error) : resolve(undefined))
    if (cutAfter === undefined) call.end(body)
    else call.write(body.subarray(0, cutAfter), () => setTimeout(() => call.destroy(), 5))
  })
