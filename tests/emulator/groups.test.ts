import type { GroupMetadata } from "@whiskeysockets/baileys"
import { describe, expect, it } from "vitest"
import type { Addressing } from "../../src/emulator/EmulatorOptions.ts"
import type { Client } from "./client.ts"
import { ANI, BUDI, SITI, world } from "./world.ts"

const addressings: ReadonlyArray<Addressing> = ["lid", "pn"]
const DEWI = "6281200000009"
const jidOf = (phone: string) => `${phone}@s.whatsapp.net`

/** The group update that a change makes, once it has come. */
const untilUpdate = (client: Client, id: string, change: Partial<GroupMetadata>) =>
  client.untilEvent("groups.update", (updates) =>
    updates.some((update) =>
      update.id === id && Object.entries(change).every(([name, value]) => update[name as keyof GroupMetadata] === value)
    ))

const untilMembers = (client: Client, id: string, action: string, member: string) =>
  client.untilEvent("group-participants.update", (update) =>
    update.id === id && update.action === action && update.participants.some((each) => each.id === member))

describe.each(addressings)("a group by %s", (addressing) => {
  it("is made by a linked device, and known to all members", async () => {
    const { ani, budi, link, server, siti } = await world({ groupAddressing: addressing })
    const [client, other] = [await link(SITI), await link(BUDI)]
    const made = await client.socket.groupCreate("Keluarga", [jidOf(BUDI), jidOf(ANI)])
    const [group] = server.groups.all
    if (!group) throw new Error("no group")
    const [first, second, third] = [siti, budi, ani].map(({ account }) => group.addressOf(account))
    expect(made).toMatchObject({ id: group.jid, subject: "Keluarga", addressingMode: addressing, owner: first, size: 3 })
    expect(made.participants.map(({ admin, id }) => [id, admin])).toEqual([
      [first, "superadmin"],
      [second, null],
      [third, null]
    ])
    const [alternative, pn] = addressing === "lid" ? ["phoneNumber", jidOf(SITI)] as const : ["lid", siti.lid] as const
    expect(made.participants[0]).toMatchObject({ [alternative]: pn })
    const [upserted] = await other.untilEvent("groups.upsert")
    expect(upserted).toMatchObject({ id: group.jid, subject: "Keluarga" })
    expect(await other.socket.groupMetadata(group.jid)).toMatchObject({ subject: "Keluarga", size: 3 })
    expect(Object.keys(await other.socket.groupFetchAllParticipating())).toEqual([group.jid])
  })

  it("gains and loses members, admins among them", async () => {
    const { ani, budi, link, server } = await world({ groupAddressing: addressing })
    const [client, other] = [await link(SITI), await link(ANI)]
    const { id } = await client.socket.groupCreate("Kantor", [jidOf(BUDI)])
    const group = server.groups.find(id)
    if (!group) throw new Error("no group")
    const [budiThere, aniThere] = [group.addressOf(budi.account), group.addressOf(ani.account)]
    const dewi = server.phone(DEWI, "Dewi")
    dewi.account.privacy.set("groupadd", "contacts")
    const results = await client.socket.groupParticipantsUpdate(id, [ANI, BUDI, DEWI, "6289999999999"].map(jidOf), "add")
    expect(results.map(({ jid, status }) => [jid, status])).toEqual([
      [jidOf(ANI), "200"],
      [jidOf(BUDI), "409"],
      [jidOf(DEWI), "403"],
      [jidOf("6289999999999"), "404"]
    ])
    expect(results[2]?.content.content).toMatchObject([{ tag: "add_request", attrs: { code: expect.any(String) } }])
    await other.untilEvent("groups.upsert", (groups) => groups.some((each) => each.id === id))
    await untilMembers(client, id, "add", aniThere)
    await client.socket.groupParticipantsUpdate(id, [budiThere], "promote")
    await untilMembers(client, id, "promote", budiThere)
    expect(group.isAdmin(budi.account)).toBe(true)
    await client.socket.groupParticipantsUpdate(id, [budiThere], "demote")
    await untilMembers(other, id, "demote", budiThere)
    await expect(other.socket.groupParticipantsUpdate(id, [budiThere], "remove")).rejects.toThrow("forbidden")
    await client.socket.groupParticipantsUpdate(id, [aniThere], "remove")
    await untilMembers(other, id, "remove", aniThere)
    await expect(other.socket.groupMetadata(id)).rejects.toThrow("forbidden")
    budi.groups.leave(id)
    await untilMembers(client, id, "remove", budiThere)
    const back = await client.socket.groupParticipantsUpdate(id, [jidOf(BUDI)], "add")
    expect(back).toMatchObject([{ status: "408" }])
    await client.socket.groupLeave(id)
    expect(group.members.size).toBe(0)
  })

  it("changes what it says of itself", async () => {
    const { budi, link, server } = await world({ groupAddressing: addressing })
    const { jid } = budi.groups.create("Lama", [SITI])
    const group = server.groups.find(jid)
    const [client, other] = [await link(SITI), await link(BUDI)]
    await client.socket.groupUpdateSubject(jid, "Baru")
    await untilUpdate(other, jid, { subject: "Baru" })
    await client.socket.groupUpdateDescription(jid, "Untuk apa saja")
    await untilUpdate(other, jid, { desc: "Untuk apa saja" })
    expect(await other.socket.groupMetadata(jid)).toMatchObject({ desc: "Untuk apa saja", subject: "Baru" })
    await other.socket.groupUpdateDescription(jid, "")
    expect((await client.socket.groupMetadata(jid)).desc).toBeUndefined()
    budi.groups.set(jid, "locked")
    await untilUpdate(client, jid, { restrict: true })
    await expect(client.socket.groupUpdateSubject(jid, "Dilarang")).rejects.toThrow("forbidden")
    await expect(client.socket.groupSettingUpdate(jid, "announcement")).rejects.toThrow("forbidden")
    await other.socket.groupSettingUpdate(jid, "announcement")
    await untilUpdate(client, jid, { announce: true })
    await other.socket.groupSettingUpdate(jid, "unlocked")
    await untilUpdate(client, jid, { restrict: false })
    await other.socket.groupToggleEphemeral(jid, 86_400)
    expect((await client.socket.groupMetadata(jid)).ephemeralDuration).toBe(86_400)
    await other.socket.groupMemberAddMode(jid, "admin_add")
    await untilUpdate(client, jid, { memberAddMode: false })
    await expect(client.socket.groupParticipantsUpdate(jid, [jidOf(ANI)], "add")).rejects.toThrow("forbidden")
    expect(group).toMatchObject({ announcement: true, locked: false, ephemeral: 86_400, memberAddMode: "admin_add" })
    budi.groups.rename(jid, "Oleh telepon")
    await untilUpdate(client, jid, { subject: "Oleh telepon" })
  })
})

describe("an invitation", () => {
  it("by link lets in, until it is revoked", async () => {
    const { ani, budi, link } = await world()
    const { jid } = budi.groups.create("Terbuka", [])
    const [client, admin] = [await link(SITI), await link(BUDI)]
    const code = await admin.socket.groupInviteCode(jid) ?? ""
    expect(await client.socket.groupGetInviteInfo(code)).toMatchObject({ id: jid, subject: "Terbuka" })
    expect(await client.socket.groupAcceptInvite(code)).toBe(jid)
    await client.untilEvent("groups.upsert", (groups) => groups.some((each) => each.id === jid))
    const next = await admin.socket.groupRevokeInvite(jid)
    expect(next).not.toBe(code)
    await expect(client.socket.groupGetInviteInfo(code)).rejects.toThrow("item-not-found")
    await expect(client.socket.groupInviteCode(jid)).rejects.toThrow("forbidden")
    expect(ani.groups.join(next ?? "")).toMatchObject({ waits: false })
    await expect(client.socket.groupAcceptInvite(next ?? "")).rejects.toThrow("conflict")
  })

  it("by link puts on a list, where admins approve", async () => {
    const { ani, budi, link, server, siti } = await world()
    const { jid } = budi.groups.create("Tertutup", [])
    const [admin, client] = [await link(BUDI), await link(SITI)]
    await admin.socket.groupJoinApprovalMode(jid, "on")
    expect((await admin.socket.groupMetadata(jid)).joinApprovalMode).toBe(true)
    const code = budi.groups.inviteCode(jid)
    expect(await client.socket.groupAcceptInvite(code)).toBeUndefined()
    ani.groups.join(code)
    await admin.untilEvent("group.join-request", (request) => request.id === jid && request.action === "created")
    const asking = await admin.socket.groupRequestParticipantsList(jid)
    expect(asking).toMatchObject([
      { jid: siti.lid, phone_number: siti.jid, request_method: "invite_link" },
      { jid: ani.lid, phone_number: ani.jid }
    ])
    expect(await admin.socket.groupRequestParticipantsUpdate(jid, [siti.lid], "approve")).toEqual([{ status: "200", jid: siti.lid }])
    await client.untilEvent("groups.upsert")
    expect(await admin.socket.groupRequestParticipantsUpdate(jid, [ani.lid], "reject")).toEqual([{ status: "200", jid: ani.lid }])
    expect(server.groups.find(jid)?.accounts.map((each) => each.phone)).toEqual([BUDI, SITI])
    await expect(client.socket.groupRequestParticipantsList(jid)).rejects.toThrow("forbidden")
  })

  it("to one who does not let themselves be added lets in whom it is for", async () => {
    const { budi, link, server, siti } = await world()
    const client = await link(SITI)
    await client.socket.updateGroupsAddPrivacy("contacts")
    const { jid } = budi.groups.create("Undangan", [])
    const [result] = budi.groups.add(jid, SITI)
    const { code, expires } = result?.invitation ?? { code: "", expires: 0 }
    const invite = { groupJid: jid, inviteCode: code, inviteExpiration: expires }
    expect(await client.socket.groupAcceptInviteV4(budi.lid, invite)).toBe(jid)
    expect(server.groups.find(jid)?.has(siti.account)).toBe(true)
    await expect(client.socket.groupAcceptInviteV4(budi.lid, invite)).rejects.toThrow("item-not-found")
  })
})

it("refuses what is asked of a group that is none, or without a name", async () => {
  const { link } = await world()
  const client = await link()
  await expect(client.socket.groupMetadata("120363000000000000@g.us")).rejects.toThrow("item-not-found")
  await expect(client.socket.groupCreate("", [])).rejects.toThrow("not-acceptable")
})
