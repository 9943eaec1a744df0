import { afterEach, beforeEach, describe, expect, it, vi } from "@effect/vitest"
import { acquainted, type Encrypted, Party, plain, safe } from "./support/party.ts"

/** Sends from a to b while b's messages are coming in; how many of a's messages b cannot read. */
const crossfire = async (make: typeof plain) => {
  const a = new Party({ user: "1001", make, latency: 1 })
  const b = new Party({ user: "1002", make })
  await acquainted(a, b)
  const sent: Array<Encrypted> = []
  for (let round = 0; round < 40; round++) {
    const incoming = await b.encrypt(a, `b${round}`)
    const [outgoing] = await Promise.all([
      a.relay(() => a.encrypt(b, `a${round}`)),
      a.decrypt(b, incoming).catch(() => undefined)
    ])
    sent.push(outgoing)
  }
  let unreadable = 0
  for (const message of sent) await b.decrypt(a, message).catch(() => unreadable++)
  return unreadable
}

/** Many accounts write to the same new person at once; how many copies are dropped. */
const crowd = async (make: typeof plain) => {
  const devices = Array.from({ length: 4 }, (_, i) => new Party({ user: `200${i}`, make }))
  const accounts = Array.from({ length: 8 }, (_, i) => new Party({ user: `300${i}`, make, latency: 2 }))
  let dropped = 0
  await Promise.all(accounts.map((account) =>
    account.relay(async () => {
      for (const device of devices) await account.meet(device)
      await Promise.all(devices.map((device) => account.encrypt(device, "hi").catch(() => dropped++)))
    })
  ))
  return dropped
}

/** What happens first: the commit of the ratchet, or the stanza on the wire. */
const order = async (make: typeof plain) => {
  const [a, b] = [new Party({ user: "1001", make }), new Party({ user: "1002", make })]
  await acquainted(a, b)
  const events: Array<string> = []
  a.committed = (data) => void ("session" in data && events.push("commit"))
  await a.relay(async () => {
    await a.encrypt(b, "x")
    events.push("wire")
  })
  return events
}

/** A late message of an older session, after the two have begun a new one; what of the new session is readable then. */
const lateMessage = async (make: typeof plain) => {
  const [a, b] = [new Party({ user: "1001", make }), new Party({ user: "1002", make })]
  await acquainted(a, b)
  const late = await a.encrypt(b, "late")
  await a.meet(b)
  const read = [await b.decrypt(a, await a.encrypt(b, "new session"))]
  await a.decrypt(b, await b.encrypt(a, "answer"))
  read.push(await b.decrypt(a, await a.encrypt(b, "one more")))
  read.push(await b.decrypt(a, late))
  for (const text of ["after", "and after"]) {
    read.push(await b.decrypt(a, await a.encrypt(b, text)).catch((error: Error) => error.message))
    read.push(await a.decrypt(b, await b.encrypt(a, `re: ${text}`)).catch((error: Error) => error.message))
  }
  return read
}

/** How much a's session with b takes after as many questions and answers, in characters. */
const sessionAfter = async (make: typeof plain, turns: number) => {
  const [a, b] = [new Party({ user: "1001", make }), new Party({ user: "1002", make })]
  await acquainted(a, b)
  for (let turn = 0; turn < turns; turn++) {
    await b.decrypt(a, await a.encrypt(b, "question"))
    await a.decrypt(b, await b.encrypt(a, "answer"))
  }
  return [...a.stored].filter(([key]) => key.startsWith("session|")).reduce((sum, [, value]) => sum + value.length, 0)
}

const printed = async (make: typeof plain) => {
  const spies = (["info", "warn", "error", "log"] as const).map((method) => vi.spyOn(console, method).mockImplementation(() => {}))
  const [a, b] = [new Party({ user: "1001", make }), new Party({ user: "1002", make })]
  await acquainted(a, b)
  await a.meet(b)
  await b.decrypt(a, await a.encrypt(b, "new session"))
  await b.decrypt(a, { type: "msg", ciphertext: Buffer.alloc(80, 0x33) }).catch(() => undefined)
  return spies.flatMap((spy) => spy.mock.calls)
}

afterEach(() => {
  vi.restoreAllMocks()
})

// libsignal's own complaints are not what is tested
beforeEach(() => {
  for (const method of ["info", "warn", "error"] as const) vi.spyOn(console, method).mockImplementation(() => {})
})

// the mending is for the whole process and once: plain Baileys comes first
describe("plain Baileys", () => {
  it("reuses counters when messages come and go at once", async () => {
    expect(await crossfire(plain)).toBeGreaterThan(0)
  })
  it("drops copies when accounts write to one person", async () => {
    expect(await crowd(plain)).toBeGreaterThan(0)
  })
  it("sends before it commits", async () => {
    expect(await order(plain)).toEqual(["wire", "commit"])
  })
  it("loses a chat to a late message", async () => {
    expect((await lateMessage(plain)).slice(4)).not.toEqual(["after", "re: after", "and after", "re: and after"])
  })
  it("keeps every turn of a conversation in its session", async () => {
    expect(await sessionAfter(plain, 60)).toBeGreaterThan(await sessionAfter(plain, 10) + 50 * 100)
  })
  it("prints sessions with their private keys", async () => {
    expect((await printed(plain)).flat().some((part) => typeof part === "object" && part !== null && "currentRatchet" in part)).toBe(true)
  })
  it("opens sessions with pre-keys that nobody signed", async () => {
    const [a, b] = [new Party({ user: "1001", make: plain }), new Party({ user: "1002", make: plain })]
    await a.repository.injectE2ESession({ jid: b.jid, session: await forged(b) })
    expect((await a.repository.validateSession(b.jid)).exists).toBe(true)
  })
})

const forged = async (party: Party) => {
  const bundle = await party.bundle()
  const signature = Buffer.from(bundle.signedPreKey.signature)
  signature[5] = signature[5]! ^ 1
  return { ...bundle, signedPreKey: { ...bundle.signedPreKey, signature } }
}

describe("the safe repository", () => {
  it("reuses no counter", async () => {
    expect(await crossfire(safe)).toBe(0)
  })
  it("drops no copy", async () => {
    expect(await crowd(safe)).toBe(0)
  })
  it("commits before it sends", async () => {
    expect(await order(safe)).toEqual(["commit", "wire"])
  })
  it("reads a late message and goes on", async () => {
    expect(await lateMessage(safe)).toEqual([
      "new session", "one more", "late", "after", "re: after", "and after", "re: and after"
    ])
  })
  it("keeps of a long conversation what may still be read", async () => {
    expect(await sessionAfter(safe, 60)).toBeLessThan(await sessionAfter(safe, 10) + 100)
  })
  it("reads what was overtaken, however long ago, and not twice", async () => {
    const [a, b] = [new Party({ user: "1001", make: safe }), new Party({ user: "1002", make: safe })]
    await acquainted(a, b)
    const overtaken: Array<Encrypted> = []
    for (let turn = 0; turn < 30; turn++) {
      overtaken.push(await a.encrypt(b, `late ${turn}`))
      await b.decrypt(a, await a.encrypt(b, "question"))
      await a.decrypt(b, await b.encrypt(a, "answer"))
    }
    for (const [turn, message] of overtaken.entries()) expect(await b.decrypt(a, message)).toBe(`late ${turn}`)
    for (const message of overtaken) await expect(b.decrypt(a, message)).rejects.toThrow(/No matching sessions|Key used already/)
    expect(await b.decrypt(a, await a.encrypt(b, "goes on"))).toBe("goes on")
  })
  it("keeps keys for the newest 2,000 that have not come", async () => {
    const [a, b] = [new Party({ user: "1001", make: safe }), new Party({ user: "1002", make: safe })]
    await acquainted(a, b)
    const overtaken: Array<Encrypted> = []
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 900; n++) overtaken.push(await a.encrypt(b, "late"))
      await b.decrypt(a, await a.encrypt(b, "question"))
      await a.decrypt(b, await b.encrypt(a, "answer"))
    }
    await expect(b.decrypt(a, overtaken[699]!)).rejects.toThrow("Key used already")
    expect(await b.decrypt(a, overtaken[700]!)).toBe("late")
    expect(await b.decrypt(a, overtaken.at(-1)!)).toBe("late")
  })
  it("prints nothing, and leaves the console to the program", async () => {
    expect(await printed(safe)).toEqual([])
    const spy = vi.spyOn(console, "info").mockImplementation(() => {})
    globalThis["console"].info("ours")
    expect(spy).toHaveBeenCalledWith("ours")
  })
  it("opens no session with a forged pre-key", async () => {
    const [a, b] = [new Party({ user: "1001", make: safe }), new Party({ user: "1002", make: safe })]
    await expect(a.repository.injectE2ESession({ jid: b.jid, session: await forged(b) })).rejects.toThrow("not signed")
    expect((await a.repository.validateSession(b.jid)).exists).toBe(false)
  })

  it("tells a repeated ciphertext from a damaged one, and neither hurts the session", async () => {
    const [a, b] = [new Party({ user: "1001", make: safe }), new Party({ user: "1002", make: safe })]
    await acquainted(a, b)
    await a.meet(b)
    await b.decrypt(a, await a.encrypt(b, "second session"))
    await a.decrypt(b, await b.encrypt(a, "answer"))
    const message = await a.encrypt(b, "once")
    expect(await b.decrypt(a, message)).toBe("once")
    const before = new Map(b.stored)
    await expect(b.decrypt(a, message)).rejects.toThrow("Key used already")
    const damaged = Buffer.from((await a.encrypt(b, "damaged")).ciphertext)
    damaged[damaged.length - 1] = damaged[damaged.length - 1]! ^ 1
    await expect(b.decrypt(a, { type: "msg", ciphertext: damaged })).rejects.toThrow("No matching sessions")
    expect(new Map(b.stored)).toEqual(before)
    expect(await b.decrypt(a, await a.encrypt(b, "goes on"))).toBe("goes on")
  })

  it("both sides open a session at once and understand each other", async () => {
    const [a, b] = [new Party({ user: "1001", make: safe }), new Party({ user: "1002", make: safe })]
    await Promise.all([a.meet(b), b.meet(a)])
    const [fromA, fromB] = [await a.encrypt(b, "a0"), await b.encrypt(a, "b0")]
    expect([await b.decrypt(a, fromA), await a.decrypt(b, fromB)]).toEqual(["a0", "b0"])
    for (let i = 1; i < 20; i++) {
      const [x, y] = [await a.encrypt(b, `a${i}`), await b.encrypt(a, `b${i}`)]
      expect([await b.decrypt(a, x), await a.decrypt(b, y)]).toEqual([`a${i}`, `b${i}`])
    }
  })
})
