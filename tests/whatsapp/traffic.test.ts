import { expect, it, vi } from "@effect/vitest"
import { MessageRetryManager } from "@whiskeysockets/baileys"
import { Effect, Logger, LogLevel } from "effect"
import { phoneJid } from "../../src/domain/Jid.ts"
import { MessageId } from "../../src/domain/Message.ts"
import type { JournalEntry } from "../../src/whatsapp/receiving/InboundJournal.ts"
import { encodeText } from "../../src/whatsapp/sending/OutgoingContent.ts"
import { describeDatabases } from "../support/databases.ts"
import { online, peer, pendingUntil, phone, Server, world } from "./support/world.ts"

const rounds = 25
const texts = (entries: ReadonlyArray<JournalEntry>) =>
  entries.flatMap(({ fact }) => (fact._tag === "Message" ? [fact.content] : []))

describeDatabases("traffic both ways at once", (database) => {
  it.scopedLive("arrives whole on both sides", () =>
    Effect.gen(function*() {
      // Baileys would keep each of them in memory for minutes, with all that was at hand when it came
      const remembering = vi.spyOn(MessageRetryManager.prototype, "addRecentMessage")
      const server = yield* Server
      const budi = server.phone(peer)
      const connection = yield* online()
      const sends = Array.from({ length: rounds }, (_, n) =>
        Effect.zipRight(
          Effect.promise(() => budi.send(phone, `b${n}`)),
          connection.send(phoneJid(peer), MessageId.make(`3EB0${n}`), encodeText(`a${n}`))
        ))
      yield* Effect.all(sends, { concurrency: 5 })
      yield* Effect.promise(() => budi.waitForMessage(({ id }) => id === `3EB0${rounds - 1}`))
      const entries = yield* pendingUntil(connection, (found) => texts(found).length === rounds)
      expect(new Set(texts(entries))).toEqual(new Set(Array.from({ length: rounds }, (_, n) => `b${n}`)))
      expect(budi.inbox).toHaveLength(rounds)
      expect(server.undecryptable).toEqual([])
      expect(server.stats.nacks).toBe(0)
      expect(remembering).not.toHaveBeenCalled()
    }).pipe(Effect.provide(world({}, database.layer)), Logger.withMinimumLogLevel(LogLevel.None)))
})
