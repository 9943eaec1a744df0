import { AwsV4Signer } from "aws4fetch"
import { Redacted } from "effect"
import { createHash } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { type Dispatcher, request } from "undici"
import type { S3Settings } from "./S3Settings.ts"

/** between two pieces, and until the answer begins, in milliseconds */
const silence = 30_000
const attempts = 4
/** in milliseconds, before the second attempt; the next ones wait twice as long each */
const pause = 200
const passing = new Set([408, 429, 500, 502, 503, 504])
const longestAnswer = 4 * 1024 * 1024

/** The service answered, and not as it was asked. */
export class S3Refused extends Error {
  readonly status: number
  /** its own, such as NoSuchKey */
  readonly code: string

  constructor(status: number, code: string) {
    super(`S3 answered ${status} ${code}`)
    this.status = status
    this.code = code
  }
}

export interface Part {
  readonly number: number
  readonly etag: string
}

interface Question {
  readonly method: "GET" | "PUT" | "POST" | "DELETE" | "HEAD"
  readonly key?: string | undefined
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer | undefined
  readonly signal?: AbortSignal | undefined
}

/** One bucket over the S3 protocol (AWS Signature Version 4). What can be asked again is, a few times. */
export class S3Bucket {
  private readonly settings: S3Settings
  private readonly root: string

  constructor(settings: S3Settings) {
    const { bucket, endpoint, pathStyle } = settings
    this.settings = settings
    this.root = pathStyle ? `${endpoint.origin}/${bucket}` : `${endpoint.protocol}//${bucket}.${endpoint.host}`
  }

  async put(key: string, body: Buffer, signal?: AbortSignal): Promise<void> {
    await this.done({ method: "PUT", key, body, signal })
  }

  /** The bytes as they come; nobody has to listen for their end. */
  async get(key: string, range: { readonly start: number; readonly end: number } | undefined, signal?: AbortSignal) {
    const headers = range === undefined ? {} : { range: `bytes=${range.start}-${range.end}` }
    const { body } = await this.ask({ method: "GET", key, headers, signal })
    body.on("error", () => {})
    return body
  }

  async remove(key: string): Promise<void> {
    await this.done({ method: "DELETE", key })
  }

  /** Whether the bucket is there and ours to use. */
  async check(): Promise<void> {
    await this.done({ method: "HEAD" })
  }

  async startParts(key: string, signal?: AbortSignal): Promise<string> {
    const answer = await this.done({ method: "POST", key, query: { uploads: "" }, signal })
    const [id] = valuesOf(answer, "UploadId")
    if (id === undefined) throw new Error("S3 named no upload")
    return id
  }

  async putPart(key: string, uploadId: string, number: number, body: Buffer, signal?: AbortSignal): Promise<Part> {
    const { body: answer, headers } = await this.ask({
      method: "PUT", key, query: { partNumber: String(number), uploadId }, body, signal
    })
    await answer.dump()
    return { number, etag: String(headers["etag"] ?? "") }
  }

  async completeParts(key: string, uploadId: string, parts: ReadonlyArray<Part>, signal?: AbortSignal): Promise<void> {
    const list = parts.map(({ etag, number }) => `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`).join("")
    const body = Buffer.from(`<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`)
    const answer = await this.done({ method: "POST", key, query: { uploadId }, headers: { "content-type": "application/xml" }, body, signal })
    // it may begin with 200 and then fail
    if (!answer.includes("CompleteMultipartUploadResult")) throw new S3Refused(200, valuesOf(answer, "Code")[0] ?? "unknown")
  }

  async abortParts(key: string, uploadId: string): Promise<void> {
    await this.done({ method: "DELETE", key, query: { uploadId } })
  }

  /** Uploads in parts that were begun and not ended, a thousand at most. */
  async unfinished(): Promise<ReadonlyArray<{ readonly key: string; readonly uploadId: string; readonly since: number }>> {
    const answer = await this.done({ method: "GET", query: { uploads: "" } })
    return [...answer.matchAll(/<Upload>(.*?)<\/Upload>/gs)].flatMap(([, upload = ""]) => {
      const [[key], [uploadId], [since]] = [valuesOf(upload, "Key"), valuesOf(upload, "UploadId"), valuesOf(upload, "Initiated")]
      return key === undefined || uploadId === undefined ? [] : [{ key, uploadId, since: Date.parse(since ?? "") }]
    })
  }

  /** The answer's text. */
  private async done(question: Question): Promise<string> {
    const { body } = await this.ask(question)
    return textOf(body)
  }

  private async ask(question: Question): Promise<Dispatcher.ResponseData> {
    for (let attempt = 1;; attempt++) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one attempt after the other
        return await this.once(question)
      } catch (error) {
        const isOver = question.signal?.aborted === true || (error instanceof S3Refused && !passing.has(error.status))
        if (isOver || attempt >= attempts) throw error
        // oxlint-disable-next-line no-await-in-loop -- one attempt after the other
        await sleep(pause * 2 ** (attempt - 1), undefined, { ...(question.signal && { signal: question.signal }) })
      }
    }
  }

  private async once({ body, headers = {}, key, method, query = {}, signal }: Question): Promise<Dispatcher.ResponseData> {
    const { accessKey, region, secretKey } = this.settings
    const url = new URL(key === undefined ? this.root : `${this.root}/${key}`)
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    const signed = await new AwsV4Signer({
      method,
      url: url.href,
      headers: { ...headers, "x-amz-content-sha256": createHash("sha256").update(body ?? "").digest("hex") },
      accessKeyId: accessKey,
      secretAccessKey: Redacted.value(secretKey),
      service: "s3",
      region
    }).sign()
    const answer = await request(signed.url, {
      method,
      headers: Object.fromEntries(signed.headers),
      body: body ?? null,
      signal,
      headersTimeout: silence,
      bodyTimeout: silence
    })
    if (answer.statusCode < 300) return answer
    const text = await textOf(answer.body)
    throw new S3Refused(answer.statusCode, valuesOf(text, "Code")[0] ?? "")
  }
}

const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: "\"", apos: "'", "#34": "\"", "#39": "'" }
/** What stands between the tags of this name. */
const valuesOf = (xml: string, tag: string): ReadonlyArray<string> =>
  [...xml.matchAll(new RegExp(`<${tag}>([^<]*)</${tag}>`, "g"))]
    .map((match) => match[1]!.replaceAll(/&(#?\w+);/g, (whole, name: string) => entities[name] ?? whole))

const textOf = async (body: AsyncIterable<Buffer>): Promise<string> => {
  const pieces: Array<Buffer> = []
  let length = 0
  for await (const piece of body) {
    length += piece.length
    if (length > longestAnswer) throw new Error("S3's answer is too long")
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}
