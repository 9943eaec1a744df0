import { HttpApiError, HttpApiSchema, HttpApp, HttpServerResponse } from "@effect/platform"
import { Effect, FiberRef, GlobalValue, Option, ParseResult, Schema } from "effect"

/** The public shape of every answer: `{ success: true, data }`, or `{ success: false, message, error: { code, details? } }`. */
export const success = <A, I, R>(data: Schema.Schema<A, I, R>, options?: { readonly status?: number }) =>
  Schema.transformOrFail(
    Schema.Struct({ success: Schema.Literal(true), data }),
    // the value is checked once, as it is encoded
    Schema.Any as Schema.Schema<A>,
    {
      strict: true,
      decode: (body) => ParseResult.succeed(body.data),
      encode: (value) => Effect.as(FiberRef.set(answering, true), { success: true as const, data: value })
    }
  ).annotations(HttpApiSchema.annotations({ status: options?.status ?? 200, description: "Success" }))

/** The request has been understood: what does not fit a schema from now on is a fault of ours. */
const answering = GlobalValue.globalValue("whatsapp-service/answering", () => FiberRef.unsafeMake(false))

/** `DeviceNotFound` → `DEVICE_NOT_FOUND`; WhatsApp is one word. */
export const codeOf = (tag: string): string => tag.replaceAll("WhatsApp", "Whatsapp").replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, "_").toUpperCase()

type Fault = Error & { readonly _tag: string }

/** A tagged error as the API shows it: its tag as the code, its fields as the details. Causes stay in the log. */
export const failure = <A extends Fault, I>(
  error: Schema.Schema<A, I> & { readonly fields: Schema.Struct.Fields; readonly _tag: string },
  named?: { readonly codes: ReadonlyArray<string>; readonly code: (error: A) => string }
): Schema.Schema<A, unknown> => {
  const { _tag, cause: _, ...facts } = error.fields
  const hasFacts = Object.keys(facts).length > 0
  const details: Schema.Schema.Any = Schema.encodedSchema(Schema.Struct(facts))
  const code = codeOf(error._tag)
  const encodeError = ParseResult.encode(error)
  const decodeError = ParseResult.decodeUnknown(error)
  const body = Schema.Struct({
    success: Schema.Literal(false),
    message: Schema.String,
    error: Schema.Struct({
      code: Schema.Literal(...(named?.codes ?? [code])),
      ...(hasFacts && { details })
    })
  })
  return Schema.transformOrFail(Schema.make<unknown>(body.ast), Schema.typeSchema(error), {
    strict: true,
    decode: (shown) => decodeError({ _tag: error._tag, ...(shown as { error: { details?: object } }).error.details }),
    encode: (_input, _options, _ast, fault) =>
      encodeError(fault).pipe(
        Effect.tap(() => remember(fault, HttpApiSchema.getStatusError(error))),
        Effect.map((encoded) => envelopeOf(fault, encoded as object, named?.code(fault)))
      )
  }).annotations({
    ...HttpApiSchema.annotations({ status: HttpApiSchema.getStatusError(error) }),
    identifier: `${error._tag}Answer`,
    description: named?.codes.join(" or ") ?? code
  })
}

/** A request that the contract does not allow, with the name of each wrong field; what was sent is not repeated. */
export const validation: Schema.Schema<HttpApiError.HttpApiDecodeError, unknown> = Schema.transformOrFail(
  Schema.make<unknown>(
    Schema.Struct({
      success: Schema.Literal(false),
      message: Schema.String,
      error: Schema.Struct({
        code: Schema.Literal("VALIDATION_ERROR"),
        details: Schema.Array(Schema.Struct({ field: Schema.String, message: Schema.String }))
      })
    }).ast
  ),
  Schema.typeSchema(HttpApiError.HttpApiDecodeError),
  {
    strict: true,
    decode: (_input, _options, ast) => ParseResult.fail(new ParseResult.Forbidden(ast, _input, "Only the server makes it")),
    encode: (_input, _options, _ast, error) =>
      Effect.flatMap(FiberRef.get(answering), (ours) =>
        ours ? Effect.die(error) : Effect.succeed(validationEnvelope(error)))
  }
).annotations({
  ...HttpApiSchema.annotations({ status: 400 }),
  identifier: "ValidationErrorAnswer",
  description: "VALIDATION_ERROR"
})

/** The answer to this error where no endpoint declares it, such as for an unknown path; to others none. */
export const answers = <A extends Fault, I>(
  error: Schema.Schema<A, I> & { readonly fields: Schema.Struct.Fields; readonly _tag: string }
) => {
  const is = Schema.is(error)
  const encode = Schema.encode(failure(error))
  const status = HttpApiSchema.getStatusError(error)
  return (fault: unknown): Option.Option<Effect.Effect<HttpServerResponse.HttpServerResponse>> =>
    is(fault)
      ? Option.some(Effect.map(Effect.orDie(encode(fault)), (body) => HttpServerResponse.unsafeJson(body, { status })))
      : Option.none()
}

const envelopeOf = (fault: Fault, encoded: object, code = codeOf(fault._tag)) => {
  const { _tag, cause: _, ...details } = encoded as { readonly _tag?: string; readonly cause?: unknown }
  return {
    success: false as const,
    message: fault.message,
    error: { code, ...(Object.keys(details).length > 0 && { details }) }
  }
}

const validationEnvelope = (error: HttpApiError.HttpApiDecodeError) => {
  const messages = new Map<string, Set<string>>()
  for (const issue of error.issues) {
    const field = issue.path.map(String).join(".").slice(0, 100) || "body"
    // the formatter ends with what it got, which may be a password
    const message = issue.message.replace(/, actual [\s\S]*$/, "").slice(0, 300)
    messages.set(field, (messages.get(field) ?? new Set()).add(message))
  }
  // of a field that may be left out or null, that it was not is no news
  const shown = [...messages].flatMap(([field, said]) =>
    choices([...said].filter((message) => said.size === 1 || !idle.has(message))).map((message) => ({ field, message }))
  ).slice(0, 50)
  return {
    success: false as const,
    message: shown.map(({ field, message }) => `${field}: ${message}`).join("; ").slice(0, 500),
    error: { code: "VALIDATION_ERROR" as const, details: shown }
  }
}

const idle = new Set(["Expected undefined", "Expected null"])

/** `Expected "a"` and `Expected "b"` → `Expected "a" or "b"` */
const choices = (messages: ReadonlyArray<string>): ReadonlyArray<string> => {
  const literals = messages.filter((message) => message.startsWith("Expected \""))
  return literals.length < 2
    ? messages
    : [`Expected ${literals.map((message) => message.slice("Expected ".length)).join(" or ")}`, ...messages.filter((message) => !literals.includes(message))]
}

/** When to come back, in the answer's header; and, for a fault of ours, its cause in the log. */
const remember = (fault: Fault & { readonly retryAfterSeconds?: unknown }, status: number): Effect.Effect<void> =>
  Effect.gen(function*() {
    const seconds = fault.retryAfterSeconds ?? (status === 503 ? 5 : undefined)
    if (seconds !== undefined) {
      yield* HttpApp.appendPreResponseHandler((_, response) =>
        Effect.succeed(HttpServerResponse.setHeader(response, "retry-after", String(seconds)))
      )
    }
    if (status >= 500 && fault.cause !== undefined) yield* Effect.logWarning(fault._tag, fault.cause)
  })
