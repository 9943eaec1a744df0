import { Effect } from "effect"
import type { IncomingMessage } from "node:http"
import * as Multipart from "multipasta"
import { type InvalidMultipart as Invalid, InvalidMultipart } from "../../domain/Media.ts"

/** `media` is what older clients call it. */
const fileFields = new Set(["file", "media"])
const mostParts = 20
const largestField = 64 * 1024
/** in milliseconds: a client that sends nothing for so long has gone */
const silence = 60_000

/** A file as it comes: its bytes are read while the request is. */
export interface IncomingFile {
  readonly field: string
  readonly fileName: string | null
  readonly bytes: AsyncIterable<Uint8Array>
}

export interface MultipartForm<A> {
  readonly fields: Readonly<Record<string, string>>
  readonly file: A | undefined
}

/**
 * Reads a multipart body piece by piece. The one file in it is handed to `keep` together with the fields that came before it;
 * what follows is not read before the file is, so no more than a piece of it is ever in memory.
 */
export const readMultipart = <A, E>(
  source: IncomingMessage,
  keep: (file: IncomingFile, fieldsBefore: Readonly<Record<string, string>>) => Effect.Effect<A, E>
): Effect.Effect<MultipartForm<A>, E | Invalid> =>
  Effect.gen(function*() {
    // an answer that is sent while the body is still coming reaches only a client whose body is taken
    const reader = yield* Effect.acquireRelease(Effect.sync(() => makeReader(source)), (made) => Effect.sync(made.drop))
    const first = yield* fromReader(() => reader.nextFile())
    const kept = first === undefined ? undefined : yield* keep(first, { ...reader.fields })
    yield* fromReader(() => reader.finish())
    return { fields: reader.fields, file: kept }
  }).pipe(Effect.scoped)

const fromReader = <A>(run: () => Promise<A>) =>
  Effect.tryPromise({
    try: run,
    catch: (error) => error instanceof InvalidMultipart ? error : new InvalidMultipart({ field: "body", reason: "it broke off" })
  })

const makeReader = (source: IncomingMessage) => {
  const fields: Record<string, string> = Object.create(null)
  let pieces: Array<Uint8Array> = []
  let file: { readonly field: string; readonly fileName: string | null; complete: boolean } | undefined
  let wrong: InvalidMultipart | undefined
  let done = false
  const refuse = (field: string, reason: string) => {
    wrong ??= new InvalidMultipart({ field, reason })
  }

  const parser = Multipart.make({
    headers: headersOf(source),
    maxParts: mostParts,
    maxFieldSize: largestField,
    isFile: (info) => fileNameOf(info) !== undefined,
    onField: (info, value) => {
      const field = nameOf(info)
      if (field in fields) refuse(field, "it is there twice")
      else fields[field] = Buffer.from(value).toString()
    },
    onFile: (info) => {
      const field = nameOf(info)
      if (file !== undefined || !fileFields.has(field)) {
        refuse(field, file === undefined ? "the file is expected in the field 'file'" : "one file is expected")
        return () => {}
      }
      const own = { field, fileName: fileNameOf(info) ?? null, complete: false }
      file = own
      return (piece) => {
        if (piece === null) own.complete = true
        else pieces.push(Buffer.from(piece))
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

  async function* bytes(own: { readonly complete: boolean }) {
    for (;;) {
      const some = pieces
      pieces = []
      yield* some
      if (pieces.length > 0) continue
      if (own.complete) return
      if (state.ended) throw new InvalidMultipart({ field: "file", reason: "it broke off" })
      // oxlint-disable-next-line no-await-in-loop -- one piece after the other is the point
      await pull()
    }
  }

  return {
    fields,
    nextFile: async (): Promise<IncomingFile | undefined> => {
      await pullUntil(() => file !== undefined)
      return file === undefined ? undefined : { field: file.field, fileName: file.fileName, bytes: bytes(file) }
    },
    finish: async () => {
      await pullUntil(() => {
        pieces = []
        return false
      })
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
