/** Why a ciphertext could not be read, in the distinctions an official client makes. */
export type SignalFailure =
  | "no-session"
  | "no-pre-key"
  | "old-counter"
  | "bad-mac"
  | "too-far"
  | "malformed"

export class SignalError extends Error {
  readonly failure: SignalFailure

  constructor(failure: SignalFailure, message: string = failure) {
    super(message)
    this.name = "SignalError"
    this.failure = failure
  }
}
