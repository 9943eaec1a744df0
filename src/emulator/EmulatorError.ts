export type EmulatorErrorCode =
  | "unknown-phone"
  | "unknown-ref"
  | "expired-ref"
  | "bad-qr"
  | "bad-signature"
  | "no-code-request"
  | "wrong-code"
  | "passkey-required"
  | "unknown-device"
  | "unknown-message"
  | "too-many-accounts"
  | "disconnected"
  | "timeout"

/** What a person holding the phone would be told. */
export class EmulatorError extends Error {
  readonly code: EmulatorErrorCode

  constructor(code: EmulatorErrorCode, message: string) {
    super(message)
    this.name = "EmulatorError"
    this.code = code
  }
}
