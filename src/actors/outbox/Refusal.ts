import type { SendFailure } from "../../domain/Message.ts"

export interface Refusal {
  readonly failure: SendFailure
  /** sending the same message once more may help: how often in all, and how many seconds apart */
  readonly retry?: { readonly attempts: number; readonly seconds: number }
}

/** The account may not write to people who have never written, 463, or to no more of them for now, 475. */
export const isToStrangersOnly = (code: number): boolean => code === 463 || code === 475

/** What WhatsApp's answer to a message means, by its number. What is not named here is final. */
export const refusal = (code: number): Refusal => {
  switch (code) {
    // every try counts against the account
    case 463:
      return failed("REACHOUT_TIMELOCK", "WhatsApp does not let this account write to this person, who has not written to it.", code)
    case 475:
      return failed("NEW_CHAT_CAP", "This account has reached WhatsApp's cap of new chats.", code)
    // the list of the recipient's devices was out of date; it has been dropped
    case 479:
      return { ...failed("REFUSED_BY_WHATSAPP", "WhatsApp refused the message: stale device list.", code), retry: { attempts: 2, seconds: 1 } }
    case 429:
      return { ...failed("RATE_LIMITED", "WhatsApp limits the rate of this account.", code), retry: { attempts: 3, seconds: 300 } }
    case 500:
    case 503:
      return { ...failed("REFUSED_BY_WHATSAPP", "WhatsApp's server could not take the message.", code), retry: { attempts: 5, seconds: 10 } }
    default:
      return failed("REFUSED_BY_WHATSAPP", `WhatsApp refused the message with error ${code}.`, code)
  }
}

const failed = (code: SendFailure["code"], text: string, whatsapp: number): Refusal => ({ failure: { code, text, whatsapp } })
