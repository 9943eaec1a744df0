import { Context } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { NewEvent } from "../../domain/ServiceEvent.ts"
import type { UserId } from "../../domain/User.ts"

/** What is remembered of the event log's open transaction; undefined outside of one. */
export class OpenTransaction extends Context.Reference<OpenTransaction>()("whatsapp-service/sql/OpenTransaction", {
  defaultValue: (): {
    /** to be written as its last step */
    readonly events: Array<NewEvent>
    /** of the devices whose rows it has locked: these cannot change before its end */
    readonly owners: Map<DeviceId, UserId>
    closed: boolean
  } | undefined => undefined
}) {}
