import { EmulatorError } from "../EmulatorError.ts"
import type { Phone } from "../Phone.ts"
import type { Call } from "./Route.ts"

/** The phone that a call is about. */
export const phoneOf = ({ params: { phone: number = "" }, server }: Call): Phone => {
  const phone = server.find(number)
  if (!phone) throw new EmulatorError("unknown-phone", `no phone ${number}: POST /phones {"phone": "${number}"}`)
  return phone
}
