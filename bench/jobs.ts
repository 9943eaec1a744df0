import { Bare } from "./Bare.ts"
import type { Emulator } from "./Emulator.ts"
import { Spread } from "./Measured.ts"
import type { Options } from "./options.ts"
import type { Row } from "./Row.ts"
import { Service } from "./Service.ts"
import { forEach, range } from "./waiting.ts"

/** 0.7 of bare Baileys' messages in the same time. */
const rateBound = { ratio: 1 / 0.7 }
/** seconds */
const acceptBound = { value: 10 }
/** of the device that waits longest, in times of the one in the middle */
const fairBound = { value: 2 }

/** Chats of one device that bare Baileys writes to at the same time, as many as a job does. */
const clients = 12
const contacts = range(0, 50).map((n) => `62857000${1000 + n}`)

interface Database {
  readonly name: string
  readonly numbers: string
  readonly environment: Readonly<Record<string, string>>
}

const texts = (count: number) => range(0, count).map((index) => ({ to: contacts[index % contacts.length]!, message: `message ${index}` }))

/** What a job sends in a second, of one device and of many, and how long it takes to accept a large one. */
export const jobs = async (options: Options, emulator: Emulator, database: Database, tell: (line: string) => void): Promise<ReadonlyArray<Row>> => {
  const { jobDevices, jobMessages, largeJob, rounds } = options
  const { environment, name, numbers } = database
  await emulator.addPhones(contacts)
  await forEach(contacts, 4, (contact) => emulator.receipts(contact, false))
  const phones = range(0, jobDevices).map((n) => [`62858${numbers}${1000 + n}`, `62859${numbers}${1000 + n}`] as const)
  await emulator.addPhones(phones.flat())
  const service = await Service.make(emulator, environment)
  const bare = new Bare(emulator)
  try {
    tell(`jobs on ${name}: linking ${jobDevices} devices of each`)
    await service.start()
    await bare.start()
    const devices: Array<string> = []
    await forEach(phones, 8, async ([phone]) => devices.push(await service.pair(phone)))
    await bare.open(phones.map(([, phone]) => phone))
    const [first] = devices
    const [[, barePhone]] = phones as [readonly [string, string]]

    const bareOne = () => seconds(() => bare.send(barePhone, contacts, jobMessages, clients))
    const serviceOne = () => seconds(() => service.job(first!, texts(jobMessages)))
    await bareOne()
    await serviceOne()
    const one = { bare: [] as Array<number>, service: [] as Array<number> }
    for (const round of range(1, rounds + 1)) {
      tell(`a job of ${jobMessages} messages on ${name}, ${round} of ${rounds}`)
      one.bare.push(await bareOne())
      one.service.push(await serviceOne())
    }

    const each = Math.max(4, Math.floor(jobMessages * 2 / jobDevices))
    tell(`${jobDevices} jobs of ${each} messages on ${name}`)
    const bareMany = await seconds(() => Promise.all(phones.map(([, phone]) => bare.send(phone, contacts, each, clients))))
    const ends: Array<number> = []
    const serviceMany = await seconds(() =>
      Promise.all(devices.map(async (device) => ends.push(await seconds(() => service.job(device, texts(each))))))
    )

    tell(`a job of ${largeJob} messages on ${name}`)
    const accepting = await seconds(() => service.acceptJob(first!, texts(largeJob)))
    return [
      {
        what: `time per message of a job, ${name}`,
        unit: "ms",
        service: perMessage(one.service, jobMessages),
        bare: perMessage(one.bare, jobMessages),
        bound: rateBound
      },
      {
        what: `  ${jobDevices} devices at once`,
        unit: "ms",
        service: perMessage([serviceMany], each * jobDevices),
        bare: perMessage([bareMany], each * jobDevices),
        bound: rateBound
      },
      { what: "  slowest of them, in medians", unit: "×", service: new Spread([Math.max(...ends) / new Spread(ends).median]), bound: fairBound },
      { what: `a job of ${largeJob} messages accepted, ${name}`, unit: "s", service: new Spread([accepting]), bound: acceptBound }
    ]
  } finally {
    await Promise.all([service.remove(), bare.remove()])
  }
}

const perMessage = (times: ReadonlyArray<number>, messages: number) => new Spread(times.map((time) => time * 1000 / messages))

const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const begun = performance.now()
  await work()
  return (performance.now() - begun) / 1000
}
