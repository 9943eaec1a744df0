import type { EmulatorProcess } from "../support/emulatorProcess.ts"
import type { Device } from "./Device.ts"
import { newNumber } from "./numbers.ts"

/** Somebody with a phone of their own. */
export interface Friend {
  readonly phone: string
  /** what this phone shows */
  readonly shown: () => Promise<ReadonlyArray<{ readonly id: string; readonly text: string; readonly from: string }>>
  readonly write: (to: Device, text: string, id?: string) => Promise<string>
  /** ids of what it has written, and to which device */
  readonly written: Array<{ readonly id: string; readonly to: string }>
}

export const makeFriend = async (
  emulator: EmulatorProcess,
  receipts: { readonly delivered?: boolean; readonly read?: boolean }
): Promise<Friend> => {
  const phone = newNumber()
  await emulator.ask("POST", "/phones", { phone })
  if (Object.keys(receipts).length > 0) await emulator.ask("POST", `/phones/${phone}/receipts`, receipts)
  const written: Friend["written"] = []
  return {
    phone,
    written,
    shown: async () => (await emulator.ask("GET", `/phones/${phone}/messages`)).messages,
    write: async (to, text, id) => {
      const sent = await emulator.ask("POST", `/phones/${phone}/messages`, { to: to.phone, text, ...(id === undefined ? {} : { id }) })
      written.push({ id: sent.id, to: to.deviceId })
      return sent.id
    }
  }
}
