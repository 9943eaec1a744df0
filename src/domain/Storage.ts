import { HttpApiSchema } from "@effect/platform"
import { Schema } from "effect"

/** The database did not do it: gone, locked, full, or slow beyond its time-out. Nothing was half written. */
export class StorageUnavailable extends Schema.TaggedError<StorageUnavailable>()(
  "StorageUnavailable",
  { cause: Schema.optional(Schema.Defect) },
  HttpApiSchema.annotations({ status: 503 })
) {
  override get message() {
    return "The database is not available; try again."
  }
}

/** Another process has taken this device over; what was to be written was not. */
export class OwnerChanged extends Schema.TaggedError<OwnerChanged>()("OwnerChanged", {
  deviceId: Schema.String,
  epoch: Schema.Int
}) {}
