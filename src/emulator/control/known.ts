import { EmulatorError } from "../EmulatorError.ts"
import type { EmulatorServer } from "../EmulatorServer.ts"
import type { Phone } from "../Phone.ts"

/** The phone of a number that was made before. */
export const known = (server: EmulatorServer, number = ""): Phone => {
  const phone = server.find(number)
  if (!phone) throw new EmulatorError("unknown-phone", `no phone ${number}: POST /phones {"phone": "${number}"}`)
  return phone
}
