import type { HttpServerRequest } from "@effect/platform"
import { Effect } from "effect"
import type { IncomingMessage } from "node:http"
import * as Multipart from "multipasta"
import { type InvalidMultipart as Invalid, InvalidMultipart } from "../../domain/Media.ts"

/** `media` is what older clients call the file. */
const partOf = (info: Multipart.PartInfo) => nameOf(info) === "media" ? "file" : nameOf(info)
const mostParts = 20
const largestField = 64 * 1024
/** in milliseconds: a client that sends nothing for so long has gone */
const silence = 60_000

export const isMultipart = (request: HttpServerRequest.HttpServerRequest) =>
  /^multipart\/form-data\s*(;|$)/i.test(request.headers["content-type"] ?? "")

/** A part as it comes: its bytes are read while the request is. */
export interface IncomingFile {
  readonly fileName: string | null
  readonly bytes: AsyncIterable<Uint8Array>
}

type Fields = Readonly<Record<string, string>>

/**
 * Reads a multipart body piece by piece, and answers its fields. Each part that `takers` names is handed to its taker together
 * with the fields that came before it; what follows is not read before the part is, so no more than a piece of it is ever in
 * memory. `file` is a file's part; the others may also be without a file name.
 */
export const readMultipart = <E, R>(
  source: IncomingMessage,
  takers: Readonly<Record<string, (part: IncomingFile, fieldsBefore: Fields) => Effect.Effect<void, E, R>>>
): Effect.Effect<Fields, E | Invalid, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => makeReader(source, new Set(Object.keys(takers)))),
    Effect.fnUntraced(function*(reader) {
      const next = fromReader(() => reader.nextPart())
      for (let part = yield* next; part !== undefined; part = yield* next) {
        yield* takers[part.field]!(part, { ...reader.fields })
        part.drop()
      }
      return reader.fields
    }),
    // an answer that is sent while the body is still coming reaches only a client whose body is taken
    (reader) => Effect.sync(reader.drop)
  )

const fromReader = <A>(run: () => Promise<A>) =>
  Effect.tryPromise({
    try: run,
    catch: (error) => error instanceof InvalidMultipart ? error : new InvalidMultipart({ field: "body", reason: "it broke off" })
  })

interface Part {
  readonly field: string
  readonly fileName: string | null
  pieces: Array<Uint8Array>
  complete: boolean
  /** nobody reads it any more */
  dropped: boolean
}

const makeReader = (source: IncomingMessage, names: ReadonlySet<string>) => {
  const fields: Record<string, string> = Object.create(null)
  const seen = new Set<string>()
  /** begun, and not handed out yet */
  const parts: Array<Part> = []
  let wrong: InvalidMultipart | undefined
  let done = false
  const refuse = (field: string, reason: string) => {
    wrong ??= new InvalidMultipart({ field, reason })
  }

  const parser = Multipart.make({
    headers: headersOf(source),
    maxParts: mostParts,
    maxFieldSize: largestField,
    isFile: (info) => fileNameOf(info) !== undefined || (partOf(info) !== "file" && names.has(nameOf(info))),
    onField: (info, value) => {
      const field = nameOf(info)
      if (field in fields) refuse(field, "it is there twice")
      else fields[field] = Buffer.from(value).toString()
    },
    onFile: (info) => {
      const field = partOf(info)
      if (!names.has(field) || seen.has(field)) {
        const twice = field === "file" ? "one file is expected" : "it is there twice"
        refuse(field, seen.has(field) ? twice : "the file is expected in the field 'file'")
        return () => {}
      }
      const part: Part = { field, fileName: fileNameOf(info) ?? null, pieces: [], complete: false, dropped: false }
      seen.add(field)
      parts.push(part)
      return (piece) => {
        if (piece === null) part.complete = true
        else if (!part.dropped) part.pieces.push(Buffer.from(piece))
      }
    },
    onError: (error) => refuse(...explain(error)),
    onDone: () => {
      done = true
    }
  })

  const input = source.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]()
  const state = { ended: false }
  /** Takes the next piece of the body. */
  const pull = async () => {
    const next = await inTime(source, input.next())
    if (next.done === true) {
      state.ended = true
      parser.end()
      if (wrong === undefined && !done) refuse("body", "it broke off")
    } else parser.write(next.value as Uint8Array)
    if (wrong !== undefined) throw wrong
  }

  const pullUntil = async (enough: () => boolean): Promise<void> => {
    // oxlint-disable-next-line no-await-in-loop -- one piece after the other is the point
    while (!enough() && !state.ended) await pull()
  }

  async function* bytes(part: Part) {
    for (;;) {
      const some = part.pieces
      part.pieces = []
      yield* some
      if (part.pieces.length > 0) continue
      if (part.complete) return
      if (state.ended) throw new InvalidMultipart({ field: part.field, reason: "it broke off" })
      // oxlint-disable-next-line no-await-in-loop -- one piece after the other is the point
      await pull()
    }
  }

  return {
    fields,
    /** none at the end of the body */
    nextPart: async () => {
      await pullUntil(() => parts.length > 0)
      const part = parts.shift()
      if (part === undefined) return undefined
      const drop = () => {
        part.pieces = []
        part.dropped = true
      }
      return { field: part.field, fileName: part.fileName, bytes: bytes(part), drop }
    },
    drop: () => {
      source.on("error", () => {})
      void input.return?.().catch(() => {}).finally(() => source.resume())
    }
  }
}

/** Read here, since the parser takes no name with letters beyond Latin-1 for one; as browsers write it, or with backslashes. */
const parameter = (info: Multipart.PartInfo, name: string): string | undefined => {
  const header = String(info.headers["content-disposition"] ?? "")
  const value = new RegExp(`;\\s*${name}=(?:"((?:\\\\"|[^"])*)"|([^;\\s]*))`, "i").exec(header)
  return (value?.[1] ?? value?.[2])?.replaceAll("\\\"", "\"").replaceAll("%22", "\"")
}
const nameOf = (info: Multipart.PartInfo): string => parameter(info, "name") ?? ""
const fileNameOf = (info: Multipart.PartInfo): string | undefined => parameter(info, "filename") ?? info.filename

const inTime = async <A>(source: IncomingMessage, next: Promise<A>): Promise<A> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      source.destroy()
      reject(new InvalidMultipart({ field: "body", reason: "nothing came for a minute" }))
    }, silence)
  })
  try {
    return await Promise.race([next, late])
  } finally {
    clearTimeout(timer)
  }
}

const headersOf = (source: IncomingMessage): Record<string, string> => ({ "content-type": source.headers["content-type"] ?? "" })

const explain = (error: Multipart.MultipartError): [field: string, reason: string] => {
  switch (error._tag) {
    case "InvalidBoundary":
      return ["body", "the content type names no boundary"]
    case "EndNotReached":
      return ["body", "it broke off"]
    case "ReachedLimit":
      return ["body", error.limit === "MaxParts" ? `at most ${mostParts} parts are taken` : `a field has at most ${largestField} bytes`]
    case "BadHeaders":
    case "InvalidDisposition":
      return ["body", "a part has no valid headers"]
  }
}
