import { Schema } from "effect"

/** Names a device in paths, events and logs: letters, digits, `-` and `_`, at most 64, such as `device-1-1734567890-12345`. */
export const DeviceId = Schema.String.pipe(
  Schema.pattern(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, {
    message: () => "a device id has 1 to 64 letters, digits, '-' or '_'"
  }),
  Schema.brand("DeviceId")
)
export type DeviceId = typeof DeviceId.Type
