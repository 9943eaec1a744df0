import { DateTime, Effect, Layer, ManagedRuntime } from "effect"
import { setTimeout as sleep } from "node:timers/promises"
import { DeviceId } from "../src/domain/DeviceId.ts"
import { Jid } from "../src/domain/Jid.ts"
import { MessageId } from "../src/domain/Message.ts"
import type { NewEvent } from "../src/domain/ServiceEvent.ts"
import { sqlite } from "../src/sql/database/Database.ts"
import { EventLog } from "../src/sql/events/EventLog.ts"
import { answers } from "./probe.ts"

const runtime = ManagedRuntime.make(Layer.provide(EventLog.layer, sqlite(process.env["EMITTER_DATABASE"]!)))
/** Commits in a second. */
const turns = 20
const chats = 50

const said = (deviceId: string, index: number): NewEvent => ({
  type: "message.received",
  deviceId: DeviceId.make(deviceId),
  data: {
    messageId: MessageId.make(`3EB0${String(index).padStart(16, "0")}`),
    chat: { jid: Jid.make(`62857${10_000 + index % chats}@s.whatsapp.net`), lid: null, phone: null },
    from: null,
    to: null,
    participant: null,
    pushName: null,
    people: [],
    direction: "incoming",
    messageType: "text",
    media: null,
    content: `message ${index}`,
    metadata: null,
    timestamp: DateTime.unsafeMake(Date.now()),
    offline: false,
    recovered: false
  }
})

let written = 0

Object.assign(answers, {
  /** The devices in turn; a machine that is too busy gets less in a second. */
  emit: async ({ count, devices, rate }: { readonly count: number; readonly devices: ReadonlyArray<string>; readonly rate: number }) => {
    const started = performance.now()
    for (let done = 0; done < count;) {
      const due = Math.min(count, Math.ceil((performance.now() - started) * rate / 1000) + 1, done + Math.ceil(rate / turns))
      const events = Array.from({ length: due - done }, (_, index) => said(devices[(done + index) % devices.length]!, written + index))
      // the service holds the database for a moment now and then
      if (events.length > 0) await runtime.runPromise(Effect.retry(Effect.flatMap(EventLog, (log) => log.append(events)), { times: 100 }))
      written += events.length
      done = Math.max(done, due)
      await sleep(Math.max(0, done * 1000 / rate - (performance.now() - started)))
    }
    return { seconds: (performance.now() - started) / 1000 }
  }
})
process.channel?.ref()
process.send?.({ ready: true })
