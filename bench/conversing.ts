import { Conversation } from "./Conversation.ts"
import type { Emulator } from "./Emulator.ts"
import { inTurns, measured } from "./Measured.ts"
import type { Options } from "./options.ts"
import { profiled } from "./profile.ts"
import { cpuRows, type Row } from "./Row.ts"

const bound = { ratio: 2 }

interface Kind {
  readonly name: string
  readonly direction: "send" | "receive"
  /** whether the recipients' phones confirm what arrives */
  readonly receipts: boolean
  readonly bound?: Row["bound"]
}

const kinds: ReadonlyArray<Kind> = [
  { name: "sent", direction: "send", receipts: false, bound },
  { name: "sent, receipt included", direction: "send", receipts: true },
  { name: "received", direction: "receive", receipts: false, bound }
]

/** CPU of sending and receiving on one device. */
export const conversing = async (options: Options, emulator: Emulator, database: {
  readonly name: string
  readonly numbers: string
  readonly environment: Readonly<Record<string, string>>
}, tell: (line: string) => void): Promise<ReadonlyArray<Row>> => {
  const { messages, rounds } = options
  const conversation = await Conversation.begin(emulator, database.numbers, database.environment)
  try {
    await conversation.receipts(false)
    tell(`warming up on ${database.name}`)
    await conversation.warmUp(options.warmUp)
    const rows: Array<Row> = []
    for (const kind of kinds.filter(({ direction }) => options.only.has(direction))) {
      tell(`${rounds} times ${messages} messages ${kind.name}, ${database.name}`)
      await conversation.receipts(kind.receipts)
      const { bare, ofBare, ofService, service } = conversation
      const ofRound = await inTurns(
        rounds,
        () => measured(bare.child, () => ofBare[kind.direction](messages)),
        () => measured(service.child, () => ofService[kind.direction](messages))
      )
      rows.push(...cpuRows(`${kind.name}, ${database.name}`, messages, ofRound, kind.bound))
      if (options.profile) {
        const name = `${kind.name} ${database.name}`.replaceAll(/\W+/g, "-").toLowerCase()
        tell(`profile of ${messages} messages ${kind.name}, ${database.name}, service:\n${await profiled(`service-${name}`, service.child, () => ofService[kind.direction](messages))}\n`)
        tell(`bare Baileys:\n${await profiled(`bare-${name}`, bare.child, () => ofBare[kind.direction](messages))}\n`)
      }
    }
    await conversation.verify()
    return rows
  } finally {
    await conversation.end()
  }
}
