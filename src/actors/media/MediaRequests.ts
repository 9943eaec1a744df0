import { Context, Effect, Layer } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { MediaNotStored, MediaState, MessageHasNoMedia } from "../../domain/Media.ts"
import type { MessageId, MessageNotFound } from "../../domain/Message.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { MessageMediaRows } from "../../sql/messages/MessageMedia.ts"
import { Signals } from "../Signals.ts"

/** Asks for files that are not here. */
export class MediaRequests extends Context.Tag("whatsapp-service/MediaRequests")<MediaRequests, {
  /** The file's state then. A device on another node finds out within a minute. */
  readonly fetch: (deviceId: DeviceId, messageId: MessageId) => Effect.Effect<
    MediaState,
    MediaNotStored | MessageHasNoMedia | MessageNotFound | StorageUnavailable
  >
}>() {
  static readonly layer = Layer.effect(
    MediaRequests,
    Effect.gen(function*() {
      const rows = yield* MessageMediaRows
      const signals = yield* Signals
      return MediaRequests.of({
        fetch: Effect.fn("MediaRequests.fetch")((deviceId, messageId) =>
          Effect.tap(rows.request(deviceId, messageId), () => signals.mediaChanged(deviceId)))
      })
    })
  )
}
