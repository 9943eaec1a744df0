import { proto } from "@whiskeysockets/baileys"
import { Agent, buildConnector } from "undici"
import { expect, it, onTestFinished } from "vitest"
import type { Client } from "./client.ts"
import { BUDI, SITI, world } from "./world.ts"

const { FULL } = proto.HistorySync.HistorySyncType

const at = (minute: number) => new Date(1_700_000_000_000 + minute * 60_000)
const shouldSyncHistoryMessage = () => true

const remembering = async (options: { readonly full?: boolean; readonly inline?: boolean }) => {
  const all = await world()
  const { ani, budi, server, siti } = all
  const group = budi.groups.create("Keluarga", [SITI])
  siti.remember(BUDI, [
    { content: "dulu", at: at(0), id: "LAMA1" },
    { content: "sekali", at: at(1), fromMe: true, id: "LAMA2" }
  ], options)
  siti.remember(group.jid, [
    { content: "halo semua", from: BUDI, at: at(2), id: "LAMA3" },
    { content: "hai", fromMe: true, at: at(3), id: "LAMA4" }
  ])
  // A history names no host, and Baileys asks WhatsApp's.
  const [hostname = "", port = ""] = server.media.server.host.split(":")
  const connect = buildConnector({ ca: server.mediaCa })
  const dispatcher = new Agent({ connect: (options, done) => connect({ ...options, hostname, port }, done) })
  onTestFinished(() => dispatcher.close())
  const client = await all.link(SITI, { options: { dispatcher } as object, shouldSyncHistoryMessage })
  return { ...all, ani, budi, client, group }
}

/** What Baileys has told of the past, in as many events as it likes, and a message sometimes twice. */
const told = (client: Client) => client.heard.flatMap((events) => events["messaging-history.set"] ?? [])
const messagesOf = (client: Client) =>
  [...new Map(told(client).flatMap(({ messages }) => messages).map((each) => [each.key.id ?? "", each])).values()]
const untilAll = (client: Client) => client.until(() => messagesOf(client).length === 4, "four messages of the past")

it("gives a new device its phone's past: the newest of each chat inline, all of it as a medium", async () => {
  const { budi, client, group, server } = await remembering({})
  await untilAll(client)
  const messages = messagesOf(client).toSorted((a, b) => (a.key.id ?? "").localeCompare(b.key.id ?? ""))
  expect(messages.map(({ key, message }) => [key.remoteJid, key.id, key.fromMe, message?.conversation])).toEqual([
    [budi.jid, "LAMA1", false, "dulu"],
    [budi.jid, "LAMA2", true, "sekali"],
    [group.jid, "LAMA3", false, "halo semua"],
    [group.jid, "LAMA4", true, "hai"]
  ])
  expect(messages[2]?.key.participant).toBe(budi.lid)
  expect(Number(messages[0]?.messageTimestamp)).toBe(1_700_000_000)
  const chats = told(client).flatMap((each) => each.chats.map(({ id, name }) => [id, name]))
  expect(chats).toContainEqual([group.jid, "Keluarga"])
  const names = () => told(client).flatMap(({ contacts }) => contacts)
  await client.until(() => names().some(({ id, notify }) => id === budi.jid && notify === "Budi"), "the name")
  expect(await client.auth.keys.get("lid-mapping", [BUDI])).toEqual({ [BUDI]: budi.account.lid })
  expect(server.stats).toMatchObject({ downloads: 1, retriesAnswered: 0 })
})

it("gives all of it again to a device that is to have the whole", async () => {
  const { client, server } = await remembering({ full: true })
  await client.until(() => told(client).some(({ syncType }) => syncType === FULL), "the whole")
  expect(messagesOf(client)).toHaveLength(4)
  expect(server.stats.downloads).toBe(2)
})

it("gives everything inline to a client that cannot reach the media server", async () => {
  const { client, server } = await remembering({ inline: true })
  await untilAll(client)
  expect(server.stats.downloads).toBe(0)
})
