import { Context, Effect, Layer, Queue, type Scope } from "effect"
import type { DeviceId } from "../domain/DeviceId.ts"
import type { MessageId } from "../domain/Message.ts"

/**
 * Taps on the shoulder between fibers of this process: "look again". They carry nothing and may be lost; whoever waits
 * also looks by itself now and then.
 */
export class Signals extends Context.Tag("whatsapp-service/Signals")<Signals, {
  /** New work for the device's pump. False if the pump does not run in this process. */
  readonly outboxChanged: (deviceId: DeviceId) => Effect.Effect<boolean>
  readonly outbox: (deviceId: DeviceId) => Effect.Effect<Queue.Queue<void>, never, Scope.Scope>
  /** Files of the device's messages are to be fetched. */
  readonly mediaChanged: (deviceId: DeviceId) => Effect.Effect<boolean>
  readonly media: (deviceId: DeviceId) => Effect.Effect<Queue.Queue<void>, never, Scope.Scope>
  readonly messagesChanged: (ids: Iterable<MessageId>) => Effect.Effect<void>
  readonly message: (id: MessageId) => Effect.Effect<Queue.Dequeue<void>, never, Scope.Scope>
}>() {
  static readonly layer = Layer.sync(Signals, () => {
    const outboxes = taps<DeviceId>()
    const media = taps<DeviceId>()
    const messages = taps<MessageId>()
    return Signals.of({
      outboxChanged: outboxes.tap,
      outbox: outboxes.listen,
      mediaChanged: media.tap,
      media: media.listen,
      messagesChanged: (ids) => Effect.forEach(ids, messages.tap, { discard: true }),
      message: messages.listen
    })
  })
}

/** Listeners per key; a listener remembers one tap. Bounded by the scopes that listen. */
const taps = <K>() => {
  const listeners = new Map<K, Set<Queue.Queue<void>>>()
  const tap = (key: K) =>
    Effect.suspend(() => {
      const queues = listeners.get(key)
      if (queues === undefined) return Effect.succeed(false)
      return Effect.as(Effect.forEach(queues, (queue) => Queue.offer(queue, undefined), { discard: true }), true)
    })
  const listen = (key: K) =>
    Effect.acquireRelease(
      Effect.map(Queue.sliding<void>(1), (queue) => {
        const queues = listeners.get(key)
        if (queues === undefined) listeners.set(key, new Set([queue]))
        else queues.add(queue)
        return queue
      }),
      (queue) =>
        Effect.suspend(() => {
          const queues = listeners.get(key)
          queues?.delete(queue)
          if (queues?.size === 0) listeners.delete(key)
          return Queue.shutdown(queue)
        })
    )
  return { tap, listen }
}
