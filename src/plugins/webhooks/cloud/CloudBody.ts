import type { DateTime } from "effect"
import type { CloudNews } from "./CloudNews.ts"

/** The number that news are about, and whose it is. */
export interface BusinessNumber {
  readonly deviceId: string
  /** digits; null where the device has been deleted or is not paired */
  readonly phoneNumber: string | null
  readonly userId: number
}

/** The body of a Cloud API webhook. Like Meta's it is ASCII: receivers differ in whether they escape it before they check the signature. */
export const cloudBody = ({ field, value }: CloudNews, { deviceId, phoneNumber, userId }: BusinessNumber): string =>
  JSON.stringify({
    object: "whatsapp_business_account",
    entry: [{
      id: String(userId),
      changes: [{
        value: {
          messaging_product: "whatsapp",
          metadata: { display_phone_number: phoneNumber ?? "", phone_number_id: deviceId },
          ...value
        },
        field
      }]
    }]
  }).replaceAll(/[^\0-~]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)

/** A message like the one that Meta's own console sends to try an endpoint out. */
export const testNews = (messageId: string, at: DateTime.Utc): CloudNews => ({
  field: "messages",
  value: {
    contacts: [{ profile: { name: "Test" }, wa_id: testNumber }],
    messages: [{
      from: testNumber,
      id: messageId,
      timestamp: String(Math.floor(at.epochMillis / 1000)),
      type: "text",
      text: { body: "This is a test; it works." }
    }]
  }
})
/** Nobody's: 555-01xx is kept for examples. */
const testNumber = "15555550100"
