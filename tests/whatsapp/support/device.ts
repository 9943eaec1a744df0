import { SqlClient } from "@effect/sql"
import { Effect, Redacted } from "effect"
import { Cipher } from "../../../src/domain/Cipher.ts"
import { DeviceId } from "../../../src/domain/DeviceId.ts"
import type { OpenOptions } from "../../../src/whatsapp/WhatsApp.ts"

export const phone = "6281234567890"
export const peer = "6281200000001"
export const deviceId = DeviceId.make("device-1")

export const cipher = Cipher.layer([Redacted.make("a key of thirty-two characters or more")])

export const makeDevice = Effect.fnUntraced(function*(id: DeviceId = deviceId, epoch = 1) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`INSERT INTO whatsapp_sessions ${
    sql.insert({
      device_id: id,
      user_id: 1,
      device_name: id,
      status: "disconnected",
      since: 0,
      wanted: "online",
      owner_epoch: epoch,
      created_at: 0,
      updated_at: 0
    })
  }`
})

export const openOptions = (changes: Partial<OpenOptions> = {}): OpenOptions => ({
  deviceId,
  epoch: 1,
  pairing: false,
  sentPayload: () => Effect.succeedNone,
  groupMembers: () => Effect.succeedNone,
  ...changes
})

