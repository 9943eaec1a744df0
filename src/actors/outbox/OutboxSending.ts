import { Duration, Effect, Layer, Queue } from "effect"
import { isForward, type Message } from "../../domain/Message.ts"
import { Devices } from "../../sql/devices/Devices.ts"
import { Messages } from "../../sql/messages/Messages.ts"
import { Outbox } from "../../sql/outbox/Outbox.ts"
import { makeOutboxWake } from "./OutboxWake.ts"
import { Sending } from "./Sending.ts"
import { Signals } from "../Signals.ts"

/** A tap may come from another process, where it is not heard: look by ourselves this often. */
const lookAgain = Duration.seconds(1)

/** {@link Sending} through the outbox. */
export const OutboxSending = Layer.scoped(
  Sending,
  Effect.gen(function*() {
    const outbox = yield* Outbox
    const messages = yield* Messages
    const devices = yield* Devices
    const signals = yield* Signals
    const wake = yield* makeOutboxWake

    return Sending.of({
      send: Effect.fn("Sending.send")(
        function*({ wait, ...input }) {
          const device = yield* devices.get(input.deviceId)
          const accepted = yield* outbox.accept(input)
          const until = wait.until
          if (!device.isConnected || until === "accepted" || isThere(accepted.message, until)) {
            yield* wake(device)
            return accepted
          }
          const { messageId } = accepted.message
          const changes = yield* signals.message(messageId)
          yield* wake(device)
          const next = Effect.race(Queue.take(changes), Effect.sleep(lookAgain)).pipe(
            Effect.zipRight(messages.get(input.deviceId, messageId)),
            Effect.catchTag("MessageNotFound", Effect.die)
          )
          const message = yield* next.pipe(
            Effect.repeat({ until: (current) => isThere(current, until) }),
            Effect.timeoutTo({
              duration: wait.timeout,
              onSuccess: (current) => Effect.succeed(current),
              onTimeout: () => Effect.catchTag(messages.get(input.deviceId, messageId), "MessageNotFound", Effect.die)
            }),
            Effect.flatten
          )
          return { message, replayed: accepted.replayed }
        },
        Effect.scoped
      )
    })
  })
)

const isThere = (message: Message, until: "sent" | "delivered") =>
  message.status === "failed" || message.status === "cancelled" || !isForward(message.status, until)
