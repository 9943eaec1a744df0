import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import { DeviceId } from "../../domain/DeviceId.ts"
import { isOrdered, pacingFields, PacingSettings } from "../../domain/Pacing.ts"
import * as Envelope from "../Envelope.ts"
import { AuthorizedForDevice } from "./Authorization.ts"
import { closed, documented } from "./Body.ts"
import { DevicePath } from "./DevicesApi.ts"

const optional = <A, I>(field: Schema.Schema<A, I>) => Schema.optionalWith(field, { exact: true })
const PacingBody = closed({
  gapMin: optional(pacingFields.gapMin),
  gapMax: optional(pacingFields.gapMax),
  recipientGap: optional(pacingFields.recipientGap),
  perMinute: optional(pacingFields.perMinute),
  perHour: optional(pacingFields.perHour),
  perDay: optional(pacingFields.perDay),
  newChatsPerDay: optional(pacingFields.newChatsPerDay),
  warmUpNewChats: optional(pacingFields.warmUpNewChats),
  warmUpDays: optional(pacingFields.warmUpDays),
  typing: optional(pacingFields.typing)
}).pipe(Schema.filter((choice) => isOrdered(choice) ? undefined : { path: ["gapMax"], message: "gapMax is less than gapMin" }))

/** `null` wishes for nothing in particular. */
const PacingOrNone = Schema.transform(
  Schema.Unknown.annotations({
    jsonSchema: { anyOf: [{ type: "null" }, documented(PacingBody)] }
  }),
  PacingBody,
  { strict: false, decode: (sent) => sent ?? {}, encode: (choice) => choice }
)

const Count = Schema.Struct({ used: Schema.Int, allowed: Schema.Int })

const PacingView = Schema.Struct({
  deviceId: DeviceId,
  /** false: the service runs with `PACING=off`, and nothing is held back */
  enabled: Schema.Boolean,
  /** nothing is set for this device */
  isDefault: Schema.Boolean,
  pacing: PacingSettings,
  defaults: PacingSettings,
  /** in the last minute, hour and 24 hours */
  now: Schema.Struct({ minute: Count, hour: Count, day: Count, newChats: Count })
}).annotations({ identifier: "DevicePacing" })

export const PacingApi = HttpApiGroup.make("pacing")
  .add(
    HttpApiEndpoint.get("get", "/devices/:deviceId/pacing")
      .setPath(DevicePath)
      .addSuccess(Envelope.success(PacingView))
      .annotateContext(OpenApi.annotations({
        summary: "How fast a device sends",
        description: "`pacing` is what it keeps to, `now` how much of it is used. `gapMin` and `gapMax` are seconds between two messages of jobs " +
          "and schedules, `recipientGap` between two to the same chat; a message of one's own never waits for them. `perMinute`, `perHour` " +
          "and `perDay` are for all messages. `newChatsPerDay` are people who have never written, and are written to for the first time; " +
          "a newly paired account begins with `warmUpNewChats`, and has all of them on day `warmUpDays`. `typing` shows the " +
          "chat for one to five seconds that somebody writes, before each text."
      }))
  )
  .add(
    HttpApiEndpoint.put("set", "/devices/:deviceId/pacing")
      .setPath(DevicePath)
      .setPayload(PacingOrNone)
      .addSuccess(Envelope.success(PacingView))
      .annotateContext(OpenApi.annotations({
        summary: "Change how fast a device sends",
        description: "The whole of it is given: what is left out is the service's default (`PACING_*`), and `null` or no body at all is " +
          "nothing but defaults. The device keeps to it within 15 seconds."
      }))
  )
  .middleware(AuthorizedForDevice)
  .prefix("/api/whatsapp-multi-device")
  .annotateContext(OpenApi.annotations({ title: "Pacing", description: "How fast devices send." }))
