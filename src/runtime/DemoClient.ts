import { Sse } from "@effect/experimental"
import { FetchHttpClient, HttpClient, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { Effect, Queue, Schema, Stream } from "effect"

const Answer = Schema.Struct({ success: Schema.Literal(true), data: Schema.Unknown })
const Event = Schema.parseJson(
  Schema.Struct({ type: Schema.String, data: Schema.optionalWith(Schema.Record({ key: Schema.String, value: Schema.Unknown }), { default: () => ({}) }) })
)
export type DemoEvent = typeof Event.Type

/** The service's API as any client would use it: requests with a token, and the event stream. */
export const makeDemoClient = Effect.fnUntraced(function*(url: string) {
  const http = (yield* HttpClient.HttpClient).pipe(HttpClient.filterStatusOk)
  let token = ""

  const ask = <A, I>(data: Schema.Schema<A, I>) => (method: "GET" | "POST", path: string, body?: unknown) =>
    HttpClientRequest.make(method)(url + path).pipe(
      HttpClientRequest.bearerToken(token),
      body === undefined ? (request) => request : HttpClientRequest.bodyUnsafeJson(body),
      http.execute,
      Effect.flatMap(HttpClientResponse.schemaBodyJson(Answer)),
      Effect.flatMap((answer) => Schema.decodeUnknown(data)(answer.data))
    )

  const login = (email: string, password: string) =>
    ask(Schema.Struct({ token: Schema.String }))("POST", "/api/auth/login", { email, password }).pipe(
      Effect.tap((answer) => Effect.sync(() => (token = answer.token)))
    )

  /** Events from now on, in order. */
  const events = Effect.gen(function*() {
    const queue = yield* Queue.sliding<DemoEvent>(1000)
    const response = yield* HttpClientRequest.get(`${url}/api/events`).pipe(HttpClientRequest.bearerToken(token), http.execute)
    yield* response.stream.pipe(
      Stream.decodeText(),
      Stream.pipeThroughChannel(Sse.makeChannel()),
      Stream.mapEffect((event) => Schema.decode(Event)(event.data)),
      Stream.runForEach((event) => Queue.offer(queue, event)),
      Effect.forkScoped
    )
    return queue
  })

  return { ask, login, events }
}, Effect.provide(FetchHttpClient.layer))
