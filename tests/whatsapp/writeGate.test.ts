import { describe, expect, it } from "@effect/vitest"
import fc from "fast-check"
import { type Ticket, WriteGate } from "../../src/whatsapp/socket/WriteGate.ts"

/** A gate before a database in which `hold` hands something over that is durable when its promise is. */
const gateInto = (written: Array<string>) => {
  let handedOver: Promise<void> | undefined
  const gate = new WriteGate((data) => void written.push(String(data)), () => handedOver)
  return Object.assign(gate, {
    hold: (durable: Promise<void>) => {
      const all = Promise.all([handedOver, durable]).then(() => undefined)
      all.catch(() => undefined)
      handedOver = all
    }
  })
}
const turn = () => new Promise((resolve) => setImmediate(resolve))

describe("the write gate", () => {
  it("lets frames pass in order", async () => {
    const written: Array<string> = []
    const gate = gateInto(written)
    for (const frame of ["a", "b", "c"]) gate.send(frame)
    await turn()
    expect(written).toEqual(["a", "b", "c"])
  })

  it("holds the frames behind what is not durable yet, even if they were sent a moment before", async () => {
    const written: Array<string> = []
    const gate = gateInto(written)
    const { promise, resolve } = Promise.withResolvers<void>()
    gate.send("a")
    gate.hold(promise)
    gate.send("b")
    await turn()
    expect(written).toEqual([])
    resolve()
    await turn()
    expect(written).toEqual(["a", "b"])
  })

  it("lets nothing pass once what should be durable is not", async () => {
    const written: Array<string> = []
    const errors: Array<string | undefined> = []
    const gate = gateInto(written)
    gate.hold(Promise.reject(new Error("disk full")))
    gate.send("a", (error) => errors.push(error?.message))
    await turn()
    gate.send("b", (error) => errors.push(error?.message))
    await turn()
    expect(written).toEqual([])
    expect(errors).toEqual([undefined, "disk full"])
  })

  it("tells a ticket when its frame has left, and no other's", async () => {
    const written: Array<string> = []
    const gate = gateInto(written)
    const { promise, resolve } = Promise.withResolvers<void>()
    gate.hold(promise)
    const ticket: Ticket = { state: "waiting" }
    gate.send("before")
    gate.mark(ticket)
    gate.send("mine")
    gate.send("after")
    await turn()
    expect(ticket.state).toBe("waiting")
    resolve()
    await turn()
    expect(ticket.state).toBe("written")

    const unused: Ticket = { state: "waiting" }
    gate.mark(unused)
    await turn()
    gate.send("of someone else")
    await turn()
    expect(unused.state).toBe("waiting")
  })

  it("lets who sends go on before it has left; whether it has is the ticket's to say", async () => {
    const written: Array<string> = []
    const told: Array<string> = []
    const gate = gateInto(written)
    const { promise, reject } = Promise.withResolvers<void>()
    gate.hold(promise)
    const ticket: Ticket = { state: "waiting" }
    gate.mark(ticket)
    gate.send("message", () => told.push("message"))
    gate.send("receipt", () => told.push("receipt"))
    await turn()
    expect(told).toEqual(["message", "receipt"])
    reject(new Error("disk full"))
    await turn()
    expect([written, ticket.state]).toEqual([[], "waiting"])
  })

  it("does not hold a frame for what was handed over after it", async () => {
    const written: Array<string> = []
    const gate = gateInto(written)
    const { promise, resolve } = Promise.withResolvers<void>()
    gate.hold(promise)
    gate.send("a")
    await turn()
    gate.hold(new Promise(() => undefined))
    gate.send("b")
    resolve()
    await turn()
    expect(written).toEqual(["a"])
  })

  it("keeps the order whatever is held in between", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(fc.constant("send"), fc.constant("hold"), fc.constant("release"), fc.constant("turn")), { maxLength: 40 }), async (steps) => {
        const written: Array<string> = []
        const gate = gateInto(written)
        const releases: Array<() => void> = []
        let sent = 0
        for (const step of steps) {
          if (step === "send") gate.send(String(sent++))
          else if (step === "hold") {
            const { promise, resolve } = Promise.withResolvers<void>()
            releases.push(resolve)
            gate.hold(promise)
          } else if (step === "release") releases.shift()?.()
          else await turn()
        }
        for (const release of releases) release()
        for (let i = 0; i < 5; i++) await turn()
        expect(written).toEqual(Array.from({ length: sent }, (_, i) => String(i)))
      }),
      { numRuns: 100 }
    )
  })
})
