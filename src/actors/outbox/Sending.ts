import { Context, type Duration, type Effect } from "effect"
import type { Forbidden } from "../../domain/Access.ts"
import type { DeviceNotFound } from "../../domain/Device.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { IdempotencyConflict, Message, MessageNotFound } from "../../domain/Message.ts"
import type { MessageNotChangeable } from "../../domain/MessageChange.ts"
import type { SendRequest } from "../../domain/OutgoingContent.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"

/** Accepts messages for sending. */
export class Sending extends Context.Tag("whatsapp-service/Sending")<Sending, {
  /**
   * Stores the message, wakes its device and answers with it as it stands once `wait.until` is reached, it has failed, or
   * `wait.timeout` has passed. On a device that is not connected it answers at once, `pending`.
   */
  readonly send: (input: {
    readonly deviceId: DeviceId
    readonly request: SendRequest
    readonly idempotencyKey?: string | undefined
    readonly requestHash?: string | undefined
    readonly wait: { readonly until: "accepted" | "sent" | "delivered"; readonly timeout: Duration.Duration }
  }) => Effect.Effect<
    { readonly message: Message; readonly replayed: boolean },
    DeviceNotFound | Forbidden | IdempotencyConflict | MessageNotChangeable | MessageNotFound | StorageUnavailable
  >
}>() {}
