import type { SignalFailure } from "./signal/SignalError.ts"

/** A ciphertext from a linked device that an emulated device could not read. */
export interface Undecryptable {
  readonly id: string
  readonly phone: string
  readonly device: number
  readonly from: string
  readonly fromDevice: number
  readonly failure: SignalFailure
  readonly at: Date
  /** A later copy, sent after a retry receipt, could be read. */
  recovered: boolean
}
