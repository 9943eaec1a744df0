import { Deferred, Effect, Exit, Queue } from "effect"

const most = 100
/** Under load a batch begins so long after the one before, in milliseconds, and takes along what has come meanwhile. */
const pace = 4

/**
 * Calls of the same moment are served together: a transaction for each would cost more than what it writes. Where a batch
 * fails its calls are served one by one, so that each has the answer it would have had alone.
 */
export const makeGathering = Effect.fnUntraced(function*<In, Out, E>(
  serve: (items: ReadonlyArray<In>) => Effect.Effect<ReadonlyArray<Out>, E>
) {
  const waiting = yield* Queue.bounded<{ readonly item: In; readonly answer: Deferred.Deferred<Out, E> }>(most)
  let last = 0
  // of the event loop's time, not of the clock: nothing is scheduled, what is there already is gathered
  const gather = Effect.suspend(() => {
    const wait = pace - (performance.now() - last)
    return wait > 0 ? Effect.promise(() => new Promise((resolve) => setTimeout(resolve, wait))) : Effect.void
  })
  const alone = (item: In) => Effect.exit(Effect.map(serve([item]), (answers) => answers[0]!))
  const batch = Effect.gen(function*() {
    const first = yield* Queue.take(waiting)
    yield* gather
    const calls = [first, ...(yield* Queue.takeUpTo(waiting, most))]
    const answers = yield* Effect.exit(serve(calls.map(({ item }) => item)))
    last = performance.now()
    for (const [index, { answer, item }] of calls.entries()) {
      const exit = Exit.isSuccess(answers)
        ? Exit.succeed(answers.value[index]!)
        : calls.length === 1
        ? Exit.failCause(answers.cause)
        : yield* alone(item)
      yield* Deferred.done(answer, exit)
    }
  })
  yield* Effect.forkScoped(Effect.forever(batch))

  return Effect.fnUntraced(function*(item: In) {
    const answer = yield* Deferred.make<Out, E>()
    yield* Queue.offer(waiting, { item, answer })
    return yield* Deferred.await(answer)
  })
})
