import { readdirSync } from "node:fs"
import { join } from "node:path"
import { Agent } from "undici"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type EmulatorServer, startEmulator } from "../../src/emulator/EmulatorServer.ts"
import { contentOf } from "../../src/emulator/messages/contentOf.ts"
import type { Phone } from "../../src/emulator/Phone.ts"
import { e2eDatabases } from "../support/e2eDatabases.ts"
import { until } from "../support/process.ts"
import { sampleFiles } from "../support/sampleFiles.ts"
import { makeService, type Service, type SseEvent } from "../support/service.ts"

const base = "/api/whatsapp-multi-device/devices"
const numbers = { siti: "6281211110001", rudi: "6281211110002", budi: "6281299990001", ani: "6281299990002", dewi: "6281299990003", joko: "6281299990004" }
const filesIn = (folder: string) => readdirSync(join(folder, "media"), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length
const jidOf = (phone: string) => `${phone}@s.whatsapp.net`

describe.each(e2eDatabases)("groups, by the built service on $name", (database) => {
  let emulator: EmulatorServer
  let service: Service
  let events: ReturnType<Service["events"]>
  let phones: Record<keyof typeof numbers, Phone>
  let device = ""
  let second = ""
  let groupId = ""

  const connect = async (phone: Phone) => {
    const { deviceId } = await service.ask("POST", base, { deviceName: phone.name })
    await service.ask("POST", `${base}/${deviceId}/connect`)
    const { qr } = await service.ask("GET", `${base}/${deviceId}/qr`)
    await phone.scan(qr)
    await connected(deviceId)
    return String(deviceId)
  }
  const connected = (deviceId: string) =>
    until(`${deviceId} to be connected`, async () =>
      (await service.ask("GET", `${base}/${deviceId}/status`)).status === "connected" ? true : undefined, 60_000)

  beforeAll(async () => {
    emulator = await startEmulator({ historySync: false })
    const phone = (name: keyof typeof numbers) => emulator.phone(numbers[name], name)
    phones = { siti: phone("siti"), rudi: phone("rudi"), budi: phone("budi"), ani: phone("ani"), dewi: phone("dewi"), joko: phone("joko") }
    phones.dewi.profile.show("groupadd", "contacts")
    service = await makeService({ WA_SOCKET_URL: emulator.url, WA_NOISE_ROOT_KEY: emulator.noiseRootKey, ...(await database.create()) })
    await service.start()
    device = await connect(phones.siti)
    second = await connect(phones.rudi)
    events = service.events()
    await events.waitFor("connected", (event) => event.type === "connected")
  }, 180_000)

  afterAll(async () => {
    await events?.close()
    await service?.end("SIGKILL")
    await emulator?.stop()
    service?.remove()
    await database.drop()
  }, 30_000)

  const ask = (method: string, path: string, body?: object) => service.ask(method, `${base}/${device}/${path}`, body)
  const call = async (method: string, path: string, body?: object, deviceId = device) => {
    const { json, status } = await service.call(method, `${base}/${deviceId}/${path}`, body)
    return [status, json.error?.code]
  }
  const told = (what: string, type: string, matches: (event: SseEvent) => boolean, deviceId = device) =>
    events.waitFor(what, (event) => event.type === type && event.deviceId === deviceId && event.data["groupId"] === groupId && matches(event))
  const received = (messageId: string, by = device) =>
    events.waitFor("the message", ({ data, deviceId, type }) =>
      deviceId === by && type === "message.received" && data["messageId"] === messageId)
  const members = async () =>
    Object.fromEntries(((await ask("GET", `groups/${groupId}/info`)).participants as ReadonlyArray<{ phone: string; role: string }>)
      .map(({ phone, role }) => [phone, role]))
  const toldMembers = (action: string, phone: string) =>
    told(`${action} of ${phone}`, "group.participants", ({ data }) =>
      data["action"] === action && (data["participants"] as ReadonlyArray<{ phone: string }>).some((each) => each.phone === phone))

  it("are made, and WhatsApp's answer is told for each person", async () => {
    const made = await ask("POST", "groups", { subject: "Keluarga", participants: ["+62 812-9999-0001", numbers.dewi, "6285500000404"] })
    groupId = made.groupId
    expect(groupId).toMatch(/^\d+@g\.us$/)
    expect(made).toMatchObject({ name: "Keluarga", isMember: true, ownRole: "superadmin", participantCount: 2 })
    expect(made.results).toMatchObject([
      { jid: jidOf(numbers.budi), status: "done", code: 200 },
      { jid: jidOf(numbers.dewi), status: "invite_required", code: 403, invite: { code: expect.any(String) } },
      { jid: jidOf("6285500000404"), status: "not_found", code: 404 }
    ])
    expect(made.participants.find(({ phone }: { phone: string }) => phone === numbers.budi)).toMatchObject({ jid: jidOf(numbers.budi), lid: phones.budi.lid, role: "member" })
    expect((await ask("GET", "groups?search=KELU")).items).toMatchObject([{ groupId, name: "Keluarga", participantCount: 2 }])
    expect((await service.ask("GET", "/api/admin/groups?search=keluarga")).items).toMatchObject([{ groupId, deviceId: device }])
    await told("the group", "group.updated", ({ data }) => (data["changes"] as ReadonlyArray<string>).includes("joined"))
  }, 60_000)

  it("gain and lose members and administrators, each told once", async () => {
    const { results } = await ask("POST", `groups/${groupId}/participants`, { participants: [numbers.ani, numbers.budi, numbers.rudi] })
    expect(results.map(({ status }: { status: string }) => status)).toEqual(["done", "already_member", "done"])
    expect(await members()).toMatchObject({ [numbers.ani]: "member", [numbers.rudi]: "member", [numbers.siti]: "superadmin" })
    await ask("POST", `groups/${groupId.replace("@g.us", "")}/admins`, { participants: [numbers.ani] })
    expect(await members()).toMatchObject({ [numbers.ani]: "admin" })
    await ask("DELETE", `groups/${groupId}/admins/${numbers.ani}`)
    expect(await members()).toMatchObject({ [numbers.ani]: "member" })
    for (const [action, phone] of [["add", numbers.ani], ["promote", numbers.ani], ["demote", numbers.ani]] as const) await toldMembers(action, phone)
    await ask("DELETE", `groups/${groupId}/participants/${encodeURIComponent(phones.ani.lid)}`)
    await toldMembers("remove", numbers.ani)
    expect(await members()).not.toHaveProperty(numbers.ani)
    expect(await call("DELETE", `groups/${groupId}/participants/${numbers.joko}`)).toEqual([409, "PARTICIPANT_REFUSED"])
    expect(await call("POST", "groups/120363999999999999/participants", { participants: [numbers.ani] })).toEqual([404, "GROUP_NOT_FOUND"])
    await ask("POST", `groups/${groupId}/participants`, { participants: [numbers.ani] })
    // the answer and WhatsApp's own notification tell the same, and it is one event
    const adds = events.received.filter(({ data, deviceId, type }) =>
      type === "group.participants" && deviceId === device && data["action"] === "add" &&
      (data["participants"] as ReadonlyArray<{ phone: string }>).some(({ phone }) => phone === numbers.rudi))
    expect(adds).toHaveLength(1)
  }, 60_000)

  it("are known to a second device of the service, which may not do what administrators may", async () => {
    const joined = await told("joined", "group.updated", ({ data }) => (data["changes"] as ReadonlyArray<string>).includes("joined"), second)
    expect(joined.data).toMatchObject({ name: "Keluarga", isMember: true })
    expect((await service.ask("GET", `${base}/${second}/groups`)).items).toMatchObject([{ groupId, ownRole: "member" }])
    expect(await call("POST", `groups/${groupId}/participants`, { participants: [numbers.joko] }, second)).toEqual([200, undefined])
    expect(await call("DELETE", `groups/${groupId}/participants/${numbers.joko}`, undefined, second)).toEqual([403, "NOT_GROUP_ADMIN"])
    expect(await call("GET", `groups/${groupId}/invite`, undefined, second)).toEqual([403, "NOT_GROUP_ADMIN"])
    await toldMembers("add", numbers.joko)
  }, 60_000)

  it("say who they are now, whoever has changed it", async () => {
    phones.budi.groups.rename(groupId, "Keluarga besar")
    const renamed = await told("the new name", "group.updated", ({ data }) => data["name"] === "Keluarga besar")
    expect(renamed.data).toMatchObject({ changes: ["name"], author: { phone: numbers.budi, lid: phones.budi.lid } })
    expect((await ask("GET", `groups/${groupId}/info`)).name).toBe("Keluarga besar")
    const changed = await ask("PUT", `groups/${groupId}/description`, { description: "Untuk semua" })
    expect(changed).toMatchObject({ description: "Untuk semua", name: "Keluarga besar" })
    await ask("PUT", `groups/${groupId}/description`, { description: "Untuk kita" })
    expect(emulator.groups.find(groupId)?.description?.text).toBe("Untuk kita")
    await ask("PUT", `groups/${groupId}/settings`, { locked: true, joinApproval: true })
    expect(emulator.groups.find(groupId)).toMatchObject({ locked: true, approval: true })
    expect((await ask("GET", `groups/${groupId}/info?refresh=true`))).toMatchObject({ description: "Untuk kita", locked: true, joinApproval: true })
  }, 60_000)

  it("get a picture and lose it, and everybody is told", async () => {
    const picture = await sampleFiles.picture(300, 300)
    const form = new FormData()
    form.append("file", new Blob([new Uint8Array(picture)]), "logo.jpg")
    const before = filesIn(service.dataDir)
    const { status } = await service.upload(`${base}/${device}/groups/${groupId}/picture`, form, {}, "PUT")
    expect(status).toBe(200)
    const byDevice = await told("the picture", "group.updated", ({ data }) => (data["changes"] as ReadonlyArray<string>).includes("picture"))
    expect(byDevice.data).toMatchObject({ author: { phone: phones.siti.phone } })
    await told("the picture, to another", "group.updated", ({ data }) => (data["changes"] as ReadonlyArray<string>).includes("picture"), second)
    const url = phones.budi.profile.groupPicture(groupId)!.url
    const dispatcher = new Agent({ connect: { ca: emulator.mediaCa } })
    const shown = Buffer.from(await (await fetch(url, { dispatcher } as object)).arrayBuffer())
    await dispatcher.close()
    expect(shown.equals(picture)).toBe(true)
    // it is WhatsApp's to keep
    expect(filesIn(service.dataDir)).toBe(before)
    await ask("DELETE", `groups/${groupId}/picture`)
    expect(phones.budi.profile.groupPicture(groupId)).toBeUndefined()
    expect(await call("PUT", `groups/${groupId}/picture`, { mediaId: "0".repeat(32) })).toEqual([404, "MEDIA_NOT_FOUND"])
  }, 60_000)

  it("let people in by their link, once an administrator has agreed", async () => {
    await ask("DELETE", `groups/${groupId}/participants/${numbers.joko}`)
    const { code, link } = await ask("GET", `groups/${groupId}/invite`)
    expect(link).toBe(`https://chat.whatsapp.com/${code}`)
    const renewed = await ask("DELETE", `groups/${groupId}/invite`)
    expect(renewed.code).not.toBe(code)
    expect(phones.joko.groups.join(renewed.code).waits).toBe(true)
    expect((await ask("GET", `groups/${groupId}/join-requests`)).items).toMatchObject([{ phone: numbers.joko, lid: phones.joko.lid }])
    const { results } = await ask("POST", `groups/${groupId}/join-requests/approve`, { participants: [numbers.joko] })
    expect(results).toMatchObject([{ status: "done" }])
    expect(await members()).toHaveProperty(numbers.joko)
    expect(await call("POST", "groups/join", { invite: link })).toEqual([404, "INVITE_NOT_FOUND"])
    const other = phones.budi.groups.create("Kantor", [])
    expect(await ask("POST", "groups/join", { link: `https://chat.whatsapp.com/${phones.budi.groups.inviteCode(other.jid)}` })).toEqual({
      groupId: other.jid,
      status: "joined"
    })
    expect(await ask("GET", `groups/${other.jid}/info`)).toMatchObject({ name: "Kantor", ownRole: "member", participantCount: 2 })
    expect(await ask("POST", `groups/${other.jid}/leave`)).toEqual({ groupId: other.jid, status: "left" })
    expect(await ask("GET", `groups/${other.jid}/info`)).toMatchObject({ isMember: false, ownRole: null })
    expect((await ask("GET", "groups")).items.map((each: { groupId: string }) => each.groupId)).toEqual([groupId])
    expect(await call("POST", "send-group-message", { groupId: other.jid, message: "halo" })).toEqual([403, "NOT_GROUP_MEMBER"])
  }, 60_000)

  it("take texts and mentions, which every member can read", async () => {
    const asked = questions()
    const sent = await ask("POST", "send-group-message?wait=sent", { groupId, message: "halo semua" })
    expect(sent).toMatchObject({ to: groupId, status: expect.stringMatching(/sent|delivered|read/) })
    for (const phone of [phones.budi, phones.ani, phones.joko, phones.rudi]) {
      expect(await phone.waitForMessage(({ id }) => id === sent.messageId)).toMatchObject({ chat: groupId, from: numbers.siti, text: "halo semua" })
    }
    const mention = await ask("POST", `groups/${groupId}/mention-message`, { message: `Halo @${numbers.ani}`, mentions: ["0062 812-9999-0002"] })
    const arrived = await phones.ani.waitForMessage(({ id }) => id === mention.messageId)
    expect(arrived.message.extendedTextMessage?.contextInfo?.mentionedJid).toEqual([jidOf(numbers.ani)])
    const all = await ask("POST", `groups/${groupId}/mention-message`, { message: "Rapat!", mentions: ["@all"] })
    const meeting = await phones.budi.waitForMessage(({ id }) => id === all.messageId)
    expect(new Set(meeting.message.extendedTextMessage?.contextInfo?.mentionedJid)).toEqual(
      new Set([numbers.budi, numbers.ani, numbers.rudi, numbers.joko].map(jidOf)))
    // what is stored says to whom it goes: at most one question for the three of them
    expect(asked.count()).toBeLessThanOrEqual(1)
    expect(emulator.undecryptable).toEqual([])
    // the second device of the service reads it too
    await events.waitFor("the text at the second device", ({ data, deviceId, type }) =>
      deviceId === second && type === "message.received" && data["content"] === "Rapat!")
  }, 60_000)

  it("tell who wrote what, by both ids and by name", async () => {
    const id = await phones.budi.send(groupId, "makan yuk")
    expect((await received(id)).data).toMatchObject({
      chat: { jid: groupId },
      participant: { jid: jidOf(numbers.budi), lid: phones.budi.lid, phone: numbers.budi },
      pushName: "budi",
      content: "makan yuk"
    })
    const { items } = await ask("GET", `group-chat-history/${groupId}`)
    expect(items.map((each: { content: string }) => each.content).slice(0, 2)).toEqual(["makan yuk", "Rapat!"])
    expect(items[0]).toMatchObject({ participant: jidOf(numbers.budi), direction: "incoming" })
    const { participants } = await ask("GET", `groups/${groupId}/info`)
    expect(participants.find((each: { phone: string }) => each.phone === numbers.budi)).toMatchObject({ name: "budi" })
  }, 60_000)

  it("take polls, locations, contact cards and forwards, which every member can read", async () => {
    const place = { latitude: -6.2, longitude: 106.8166, name: "Toko" }
    const poll = await ask("POST", `groups/${groupId}/send-poll`, { name: "Jam?", options: ["08.00", "13.00"] })
    const location = await ask("POST", `groups/${groupId}/send-location`, place)
    const card = await ask("POST", `groups/${groupId}/send-contact`, { contacts: [{ name: "Dewi", phone: numbers.dewi }] })
    const source = await phones.dewi.send(numbers.siti, "Diskon!")
    await received(source)
    const forwarded = await ask("POST", `groups/${groupId}/forward`, { messageId: source })
    for (const phone of [phones.budi, phones.ani, phones.joko, phones.rudi]) {
      const read = async (messageId: string) => {
        const { chat, from, message } = await phone.waitForMessage(({ id }) => id === messageId)
        expect([chat, from]).toEqual([groupId, numbers.siti])
        return { message, content: contentOf(message) }
      }
      expect((await read(poll.messageId)).content).toMatchObject({ kind: "poll", poll: { name: "Jam?", options: ["08.00", "13.00"] } })
      expect((await read(location.messageId)).content).toMatchObject({ kind: "location", ...place })
      expect((await read(card.messageId)).content).toMatchObject({ kind: "contacts", contacts: [{ name: "Dewi" }] })
      const { content, message } = await read(forwarded.messageId)
      expect([content, message.extendedTextMessage?.text]).toMatchObject([{ kind: "text", forwarded: true }, "Diskon!"])
    }
    expect(emulator.undecryptable).toEqual([])

    await phones.budi.messages.vote(poll.messageId, "13.00")
    // both for the device whose poll it is and for another of the service that reads along
    for (const deviceId of [device, second]) {
      const vote = await events.waitFor("the vote", (event) =>
        event.type === "message.vote" && event.deviceId === deviceId && event.data["messageId"] === poll.messageId)
      expect(vote.data).toMatchObject({ from: numbers.budi, options: ["13.00"] })
      const { items } = await service.ask("GET", `${base}/${deviceId}/group-chat-history/${groupId}`)
      expect(items.find((each: { messageId: string }) => each.messageId === poll.messageId)).toMatchObject({
        messageType: "poll",
        votes: [{ option: "08.00", voters: [] }, { option: "13.00", voters: [{ from: numbers.budi, fromMe: false }] }]
      })
    }
  }, 60_000)

  it("are marked as read, each writer told, and are shown who writes", async () => {
    const written = [await phones.budi.send(groupId, "sudah dibaca?"), await phones.ani.send(groupId, "sudah?")] as const
    for (const id of written) await received(id)
    expect((await ask("POST", `groups/${groupId}/read`)).read).toBeGreaterThanOrEqual(written.length)
    await phones.budi.waitForStatus(written[0], "read")
    await phones.ani.waitForStatus(written[1], "read")
    expect(await ask("POST", `groups/${groupId}/read`)).toEqual({ chat: groupId, read: 0 })
    const shown = emulator.waitFor("chatstate", ({ state, to }) => state === "composing" && to === groupId)
    expect(await ask("POST", `groups/${groupId}/typing`, {})).toEqual({ chat: groupId, state: "composing" })
    await shown
    await received(written[1], second)
    expect(await call("DELETE", `messages/${written[1]}`, undefined, second)).toEqual([409, "MESSAGE_NOT_CHANGEABLE"])
    // as the group's administrator
    const { messageId } = await ask("DELETE", `messages/${written[0]}`)
    const revoked = await phones.ani.waitForMessage(({ id }) => id === messageId)
    expect(contentOf(revoked.message)).toMatchObject({ kind: "revoke", to: written[0] })
  }, 60_000)

  it("are as they were after the process was killed, and know what happened meanwhile", async () => {
    const before = await ask("GET", `groups/${groupId}/info`)
    await events.close()
    const last = events.received.at(-1)?.id
    await service.end("SIGKILL")
    phones.siti.groups.remove(groupId, numbers.joko)
    await service.start()
    events = service.events(last)
    for (const deviceId of [device, second]) {
      await events.waitFor("back online", (event) =>
        event.type === "device-status" && event.deviceId === deviceId && event.data["status"] === "connected")
    }
    await toldMembers("remove", numbers.joko)
    const after = await ask("GET", `groups/${groupId}/info`)
    expect(after).toMatchObject({ id: before.id, name: "Keluarga besar", description: "Untuk kita", locked: true, participantCount: before.participantCount - 1 })
    const sent = await ask("POST", "send-group-message", { groupId, message: "tanpa Joko" })
    await phones.ani.waitForMessage(({ id }) => id === sent.messageId)
    expect(phones.joko.inbox.map(({ text }) => text)).not.toContain("tanpa Joko")
  }, 90_000)

  it("are gone for a device that has been removed from one", async () => {
    await ask("DELETE", `groups/${groupId}/participants/${numbers.rudi}`)
    await told("left", "group.updated", ({ data }) => (data["changes"] as ReadonlyArray<string>).includes("left"), second)
    expect((await service.ask("GET", `${base}/${second}/groups`)).items).toEqual([])
    expect((await service.ask("GET", `${base}/${second}/groups?all=true`)).items).toMatchObject([{ groupId, isMember: false }])
    expect(await call("POST", "send-group-message", { groupId, message: "halo" }, second)).toEqual([403, "NOT_GROUP_MEMBER"])
    expect(await call("GET", `groups/${groupId}/info?refresh=true`, undefined, second)).toEqual([403, "NOT_GROUP_MEMBER"])
    await ask("PUT", `groups/${groupId}/settings`, { announcement: true })
    await service.ask("DELETE", `${base}/${second}/disconnect`)
    expect(await call("POST", `groups/${groupId}/leave`, undefined, second)).toEqual([409, "DEVICE_NOT_CONNECTED"])
  }, 60_000)

  /** How often the server has been asked for a group's members since. */
  const questions = () => {
    let count = 0
    emulator.on("stanza", ({ stanza }) => {
      const children = Array.isArray(stanza.content) ? stanza.content : []
      if (stanza.attrs["xmlns"] === "w:g2" && children.some(({ tag }) => tag === "query")) count += 1
    })
    return { count: () => count }
  }
})
