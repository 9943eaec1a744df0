import type { GroupMetadata } from "@whiskeysockets/baileys"
import { describe, expect, it } from "vitest"
import { refOfPerson } from "../../src/domain/GroupFact.ts"
import { Jid } from "../../src/domain/Jid.ts"
import { PhoneNumber } from "../../src/domain/PhoneNumber.ts"
import { BoundedCache } from "../../src/whatsapp/socket/BoundedCache.ts"
import { makeGroupMemory } from "../../src/whatsapp/groups/GroupMemory.ts"

const group = Jid.make("120363000000000001@g.us")
const member = { ...refOfPerson({ phone: PhoneNumber.make("6281234567890"), lid: Jid.make("5@lid") }), role: "member" as const }

const remembering = () => {
  const asked: Array<string> = []
  let isStored = true
  let now = 1000
  const memory = makeGroupMemory({
    cache: new BoundedCache<GroupMetadata>({ capacity: 10, ttl: "1 hour" }),
    stored: async () => isStored ? { addressing: "lid", ephemeralSeconds: 60, participants: [member], refreshedAt: 1500 } : undefined,
    ask: async (id) => {
      asked.push(id)
      return { id, subject: "", owner: undefined, participants: [{ id: "asked@lid" }] }
    },
    now: () => now
  })
  const to = async () => (await memory.metadata(group)).participants.map(({ id }) => id)
  return { memory, asked, to, forgetRow: () => void (isStored = false), at: (time: number) => void (now = time) }
}

describe("whom a message in a group goes to", () => {
  it("is what is stored, by the group's own addresses, once nothing waits to be told", async () => {
    const { asked, memory, to } = remembering()
    memory.drained()
    expect(await memory.metadata(group)).toMatchObject({ addressingMode: "lid", ephemeralDuration: 60, participants: [{ id: "5@lid" }] })
    expect(await to()).toEqual(["5@lid"])
    expect(asked).toEqual([])
  })

  it("is asked for while what happened meanwhile may still come", async () => {
    const { asked, memory, to } = remembering()
    expect(await to()).toEqual(["asked@lid"])
    memory.drained()
    expect(await to()).toEqual(["asked@lid"])
    expect(asked).toEqual([group])
  })

  it("is asked for once after each change of the group", async () => {
    const { asked, memory, to } = remembering()
    memory.drained()
    memory.forget(group)
    expect([await to(), await to()]).toEqual([["asked@lid"], ["asked@lid"]])
    memory.forget(group)
    await to()
    expect(asked).toEqual([group, group])
  })

  it("is not what was stored before all groups changed, nor what is not stored", async () => {
    const { asked, at, forgetRow, memory, to } = remembering()
    memory.drained()
    memory.forgetAll()
    expect(await to()).toEqual(["5@lid"])
    at(2000)
    memory.forgetAll()
    await to()
    expect(asked).toHaveLength(1)
    forgetRow()
    at(100)
    memory.forgetAll()
    await to()
    expect(asked).toHaveLength(2)
  })
})
