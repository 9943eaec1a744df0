import { describe, expect, it } from "@effect/vitest"
import { TestRunner } from "@effect/cluster"
import { SqlClient } from "@effect/sql"
import { Effect, Layer, TestClock } from "effect"
import { DeviceEntityLayer } from "../../src/actors/DeviceEntity.ts"
import { DeviceSupervisor } from "../../src/actors/DeviceSupervisor.ts"
import { Devices } from "../../src/sql/devices/Devices.ts"
import { actorsLayer, makeDevice } from "../support/actors.ts"
import { FakeWhatsApp, paired } from "../support/FakeWhatsApp.ts"

const supervised = Layer.mergeAll(DeviceSupervisor, DeviceEntityLayer).pipe(Layer.provide(TestRunner.layer))

describe("DeviceSupervisor", () => {
  it.scoped("keeps its rounds although one device cannot be read", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const devices = yield* Devices
      const fake = yield* FakeWhatsApp
      const names = ["broken", "sound", "late"]
      for (const name of names) {
        const { deviceId } = yield* makeDevice(name)
        const { epoch } = yield* devices.claim(deviceId)
        yield* devices.setPairing(deviceId, epoch, paired("6281200000001"))
        if (name !== "late") yield* devices.setWanted(deviceId, "online")
      }
      yield* sql`UPDATE whatsapp_sessions SET status = 'nonsense' WHERE device_id = 'broken'`
      yield* Layer.build(supervised)
      const opened = () => fake.sockets.map(({ options }) => options.deviceId)
      const within = (seconds: number, deviceId: string) =>
        Effect.zipRight(TestClock.adjust("1 second"), Effect.yieldNow()).pipe(
          Effect.repeat({ until: () => opened().some((open) => open === deviceId), times: seconds })
        )
      yield* within(30, "sound")
      expect(opened()).toEqual(["sound"])
      yield* devices.setWanted("late" as never, "online")
      yield* within(150, "late")
      expect(opened()).toContain("late")
    }).pipe(Effect.provide(actorsLayer)))
})
