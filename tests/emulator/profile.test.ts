import { Agent } from "undici"
import { describe, expect, it, onTestFinished } from "vitest"
import { ANI, BUDI, SITI, world } from "./world.ts"

const jid = `${BUDI}@s.whatsapp.net`

describe("a picture", () => {
  it("is there, gone, or not for everyone", async () => {
    const { budi, link, server } = await world()
    const client = await link()
    const dispatcher = new Agent({ connect: { ca: server.mediaCa } })
    onTestFinished(() => dispatcher.close())
    await expect(client.socket.profilePictureUrl(jid)).rejects.toThrow("item-not-found")
    const picture = await budi.profile.setPicture(Buffer.from("wajah"))
    await client.untilEvent("contacts.update", (all) => all.some(({ id, imgUrl }) => id === jid && imgUrl === "changed"))
    const url = await client.socket.profilePictureUrl(jid, "image") ?? ""
    expect(url).toBe(picture?.url)
    const fetched = await fetch(url, { dispatcher } as object)
    expect([fetched.headers.get("content-type"), await fetched.text()]).toEqual(["image/jpeg", "wajah"])
    budi.profile.show("profile", "none")
    await expect(client.socket.profilePictureUrl(budi.lid)).rejects.toThrow("not-authorized")
    budi.profile.show("profile", "all")
    await budi.profile.setPicture()
    await expect(client.socket.profilePictureUrl(jid)).rejects.toThrow("item-not-found")
  })

  it("of a group is changed by its members, if they may", async () => {
    const { ani, budi, link, server } = await world()
    const [client, other] = [await link(SITI), await link(BUDI)]
    const { jid: group } = budi.groups.create("Foto", [SITI])
    const picture = await budi.profile.setGroupPicture(group, Buffer.from("bersama"))
    await client.until(() => client.messages.some(({ message }) => message.messageStubParameters?.[0] === picture?.id), "the change")
    expect(await client.socket.profilePictureUrl(group)).toBe(picture?.url)
    await other.socket.removeProfilePicture(group)
    await expect(client.socket.profilePictureUrl(group)).rejects.toThrow("item-not-found")
    budi.groups.set(group, "locked")
    await expect(client.socket.removeProfilePicture(group)).rejects.toThrow("forbidden")
    await expect(ani.profile.setGroupPicture(group)).rejects.toThrow("forbidden")
    expect(server.unknown).toEqual([])
  })
})

describe("what people say of themselves", () => {
  it("is asked for, and may be hidden", async () => {
    const { budi, link } = await world()
    const client = await link()
    budi.profile.about = "Sedang sibuk"
    expect(await client.socket.fetchStatus(jid)).toMatchObject([{ id: jid, status: { status: "Sedang sibuk" } }])
    budi.profile.show("status", "none")
    expect(await client.socket.fetchStatus(jid)).toMatchObject([{ status: { status: "" } }])
    const none = await client.socket.getBusinessProfile(jid)
    expect(none).toMatchObject({ wid: jid, description: "" })
    budi.profile.business = { description: "Toko roti", email: "roti@contoh.id", website: "https://roti.id", category: "Makanan" }
    const business = { description: "Toko roti", email: "roti@contoh.id", website: ["https://roti.id"], category: "Makanan" }
    expect(await client.socket.getBusinessProfile(jid)).toMatchObject(business)
  })

  it("is their name, which a message carries", async () => {
    const { budi, link } = await world()
    const client = await link()
    await budi.send(SITI, "satu")
    expect((await client.untilMessage("satu")).message.pushName).toBe("Budi")
    budi.name = "Budi Baru"
    await budi.send(SITI, "dua")
    expect((await client.untilMessage("dua")).message.pushName).toBe("Budi Baru")
  })
})

it("says of many numbers at once who is there", async () => {
  const { link } = await world()
  const client = await link()
  const strangers = Array.from({ length: 200 }, (_, index) => `62899${String(index).padStart(7, "0")}`)
  const found = await client.socket.onWhatsApp(BUDI, ...strangers, ANI)
  expect(found?.filter((each) => each.exists).map((each) => each.jid)).toEqual([jid, `${ANI}@s.whatsapp.net`])
})

it("keeps out whom one blocks, either way", async () => {
  const { budi, link, server, siti } = await world()
  const client = await link()
  siti.profile.block(BUDI)
  const { blocklist, type } = await client.untilEvent("blocklist.update")
  expect([blocklist, type]).toEqual([[budi.lid], "add"])
  expect(await client.socket.fetchBlocklist()).toEqual([budi.lid])
  await budi.send(SITI, "dengar?")
  siti.profile.unblock(BUDI)
  await budi.send(SITI, "halo")
  await client.untilMessage("halo")
  expect(client.messages.some(({ message }) => message.message?.conversation === "dengar?")).toBe(false)
  budi.profile.block(SITI)
  const id = await client.send(BUDI, "kenapa?")
  expect((await client.untilAck(id)).error).toBeUndefined()
  expect(server.audit()).toMatchObject({ accepted: 1, acceptedNotShown: [id] })
})
