import { proto } from "@whiskeysockets/baileys"
import { Agent, buildConnector } from "undici"
import { expect, it, onTestFinished } from "vitest"
import { BUDI, SITI, world } from "./world.ts"

const { FULL, INITIAL_BOOTSTRAP, PUSH_NAME, RECENT } = proto.HistorySync.HistorySyncType

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

it("gives a new device its phone's past: the newest inline, all of it as a medium", async () => {
  const { budi, client, group, server } = await remembering({})
  const bootstrap = await client.untilEvent("messaging-history.set", ({ syncType }) => syncType === INITIAL_BOOTSTRAP)
  expect(bootstrap.messages.map((each) => each.key.id)).toEqual(["LAMA2", "LAMA4"])
  expect(bootstrap.chats).toMatchObject([{ id: budi.jid }, { id: group.jid, name: "Keluarga" }])
  const names = await client.untilEvent("messaging-history.set", ({ syncType }) => syncType === PUSH_NAME)
  expect(names.contacts).toContainEqual({ id: budi.jid, notify: "Budi" })
  // Baileys leaves out what it has told already.
  const recent = await client.untilEvent("messaging-history.set", ({ syncType }) => syncType === RECENT)
  expect(recent.messages.map(({ key, message }) => [key.remoteJid, key.id, key.fromMe, message?.conversation])).toEqual([
    [budi.jid, "LAMA1", false, "dulu"],
    [group.jid, "LAMA3", false, "halo semua"]
  ])
  expect(recent.messages[1]?.key.participant).toBe(budi.lid)
  expect(Number(recent.messages[0]?.messageTimestamp)).toBe(1_700_000_000)
  expect(await client.auth.keys.get("lid-mapping", [BUDI])).toEqual({ [BUDI]: budi.account.lid })
  expect(server.stats).toMatchObject({ downloads: 1, retriesAnswered: 0 })
})

it("gives all of it again to a device that is to have the whole", async () => {
  const { client, server } = await remembering({ full: true })
  await client.untilEvent("messaging-history.set", ({ syncType }) => syncType === RECENT)
  await client.untilEvent("messaging-history.set", ({ syncType }) => syncType === FULL)
  expect(server.stats.downloads).toBe(2)
})

it("gives everything inline to a client that cannot reach the media server", async () => {
  const { client, server } = await remembering({ inline: true })
  const recent = await client.untilEvent("messaging-history.set", ({ syncType }) => syncType === RECENT)
  expect(recent.messages).toHaveLength(2)
  expect(server.stats.downloads).toBe(0)
})
