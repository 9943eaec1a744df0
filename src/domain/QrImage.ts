import { Effect } from "effect"
import QRCode from "qrcode"

/** The text of a QR code as a PNG data URL, as browsers show it in an `<img>`. */
export const qrDataUrl = (text: string): Effect.Effect<string> =>
  Effect.promise(() => QRCode.toDataURL(text, { margin: 2, scale: 6 }))

/** The same for a terminal, two modules a character. */
export const qrTerminal = (text: string): Effect.Effect<string> =>
  Effect.promise(() => QRCode.toString(text, { type: "terminal", small: true }))
