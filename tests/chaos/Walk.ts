import { randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import type { ActiveFault } from "../../src/emulator/Faults.ts"
import { isGroup } from "../../src/emulator/protocol/jid.ts"
import { node } from "../../src/emulator/protocol/node.ts"
import { type Action, faultFor, type Plan, type SmallFault } from "./Action.ts"
import { Diary, type GroupSend, type Send } from "./Diary.ts"
import type { World } from "./World.ts"

type Doing<Kind extends Action["do"]> = Extract<Action, { readonly do: Kind }>

interface Placed {
  readonly device: number
  readonly contact: number
  readonly fault: SmallFault
  readonly entry: ActiveFault
}

const answerWithin = 90_000

/** Does the actions of a plan one after another; what takes time goes on beside the next ones. */
export class Walk {
  readonly diary = new Diary()
  readonly world: World
  readonly #faults: Array<Placed> = []
  readonly #underWay = new Set<Promise<unknown>>()
  readonly #lastInTurn = new Map<string, Send>()

  constructor(world: World) {
    this.world = world
  }

  async perform(plan: Plan): Promise<void> {
    for (const action of plan.actions) await this.#do(action)
  }

  /** How often faults of a kind have befallen what goes from a device to a contact, or back. */
  hits(kind: SmallFault["kind"], device: number, contact: number): number {
    return this.#faults
      .filter((each) => each.fault.kind === kind && each.device === device && each.contact === contact)
      .reduce((sum, { entry }) => sum + entry.hits, 0)
  }

  /** No fault is waiting any more, nobody disturbs the database, and every request has its answer. */
  async calm(): Promise<void> {
    this.world.emulator.faults.clear()
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
    await this.world.up()
    // what a good client does with a request that was not answered
    const unanswered = [...this.diary.sends, ...this.diary.groupSends].filter(({ ids }) => ids.size === 0)
    await Promise.all(unanswered.map((send) => this.#insist(send)))
  }

  async #do(action: Action): Promise<void> {
    const { emulator, contacts, database, devices } = this.world
    switch (action.do) {
      case "send":
        return this.#beside(this.#send(action))
      case "write":
        for (let n = 0; n < action.count; n++) await this.#write(action)
        return
      case "send to the group":
        for (let n = 0; n < action.count; n++) this.#sendToGroup(action)
        return
      case "write in the group":
        for (let n = 0; n < action.count; n++) await this.#writeInGroup(action)
        return
      case "write on the phone": {
        const text = this.diary.newText()
        const { device, contact } = action
        const id = await devices[device]!.phone.send(contacts[contact]!.phone.phone, text)
        this.diary.written.push({ id, device, contact, from: "phone", text })
        return
      }
      case "receipts":
        return this.#receipts(action)
      case "fault": {
        const { contact, device, fault } = action
        const made = faultFor(fault, devices[device]!.phone.phone, contacts[contact]!.phone.phone)
        this.#faults.push({ device, contact, fault, entry: emulator.faults.add(made) })
        return
      }
      case "break":
        return this.#connection(action.device)?.break(action.how)
      case "stream error":
        return this.#connection(action.device)?.streamError({ code: action.code })
      case "replace":
        return this.#connection(action.device)?.streamError({}, node("conflict", { type: "replaced" }))
      case "disconnect":
      case "connect":
        // whether it is heard in this confusion does not matter
        return this.#beside(this.world.service.call("POST", this.world.path(action.device, action.do)).catch(() => undefined))
      case "stop":
        return this.world.restart(action.signal, action.downMs)
      case "database":
        return this.#beside(database.disturb(action.how, action.ms))
      case "pause":
        await sleep(action.ms)
    }
  }

  #connection(device: number) {
    try {
      return this.world.emulator.connectionOf(this.world.devices[device]!.phone.phone)
    } catch {
      return undefined
    }
  }

  #beside(work: Promise<unknown>): void {
    const watched = work
      .catch((error: unknown) => this.diary.surprises.push(`the walk itself: ${error instanceof Error ? error.stack : error}`))
      .finally(() => this.#underWay.delete(watched))
    this.#underWay.add(watched)
  }

  async #send({ contact, count, device, inTurn, twice, wait }: Doing<"send">): Promise<void> {
    const lane = `${device}|${contact}`
    for (let n = 0; n < count; n++) {
      const after = inTurn ? this.#lastInTurn.get(lane) : undefined
      const send = { key: randomUUID(), device, contact, text: this.diary.newText(), after, ids: new Set<string>() }
      this.diary.sends.push(send)
      const request = Promise.all([this.#request(send, wait), ...(twice ? [this.#request(send, "accepted")] : [])])
      if (!inTurn) {
        this.#beside(request)
        continue
      }
      await request
      if (send.ids.size > 0) this.#lastInTurn.set(lane, send)
    }
  }

  #sendToGroup({ device, twice }: Doing<"send to the group">): void {
    const send = { key: randomUUID(), device, text: this.diary.newText(), ids: new Set<string>() }
    this.diary.groupSends.push(send)
    for (let n = 0; n < (twice ? 2 : 1); n++) this.#beside(this.#request(send, "accepted"))
  }

  async #request(send: Send | GroupSend, wait: string): Promise<boolean> {
    const { device, key, text } = send
    const [how, to] = "contact" in send
      ? ["send-message", { phone: this.world.contacts[send.contact]!.phone.phone }]
      : ["send-group-message", { groupId: this.world.group }]
    const path = this.world.path(device, `${how}?wait=${wait}&timeout=5`)
    const body = { ...to, message: text }
    const asked = this.world.service.call("POST", path, body, { "idempotency-key": key })
    const late = sleep(answerWithin, "late" as const, { ref: false })
    const answer = await Promise.race([asked, late]).catch(() => undefined)
    if (answer === "late") this.diary.surprises.push(`no answer to ${text} within ${answerWithin} ms`)
    if (answer === undefined || answer === "late") return false
    const { json, status } = answer
    const id: unknown = status === 422 ? Reflect.get(json.error ?? {}, "details")?.messageId : json.data?.messageId
    if (typeof id === "string") send.ids.add(id)
    else if (status !== 503) this.diary.surprises.push(`${text} was answered with ${status}: ${JSON.stringify(json)}`)
    return typeof id === "string"
  }

  async #insist(send: Send | GroupSend): Promise<void> {
    const end = performance.now() + answerWithin
    while (performance.now() < end) {
      if (await this.#request(send, "accepted")) return
      await sleep(200)
    }
    this.diary.surprises.push(`${send.text} was never accepted`)
  }

  async #write({ contact, device, from }: Doing<"write">): Promise<void> {
    const { devices, phone } = this.world.contacts[contact]!
    const text = this.diary.newText()
    const writer = devices[from]?.number ?? 0
    const id = await phone.send(this.world.devices[device]!.phone.phone, text, { device: writer })
    this.diary.written.push({ id, device, contact, from: writer, text })
  }

  async #writeInGroup({ contact, from }: Doing<"write in the group">): Promise<void> {
    const { devices, phone } = this.world.contacts[contact]!
    const text = this.diary.newText()
    const id = await phone.send(this.world.group, text, { device: devices[from]?.number ?? 0 })
    this.diary.groupWritten.push({ id, contact, text })
  }

  #receipts({ contact, count, skip, twice, type }: Doing<"receipts">): void {
    const { phone } = this.world.contacts[contact]!
    const there = phone.inbox.filter(({ chat, fromMe }) => !fromMe && !isGroup(chat)).toReversed().slice(skip, skip + count)
    for (const { id } of twice ? [...there, ...there] : there) {
      this.diary.receipt(contact, id, type)
      if (type === "read") phone.read(id)
      else phone.confirm(id)
    }
  }
}
