import type { Fault, FaultKind } from "../Faults.ts"

type Check = "string" | "number"

const required: Record<FaultKind, Readonly<Record<string, Check>>> = {
  "upgrade-status": { status: "number" },
  "upgrade-hang": {},
  "handshake-hang": {},
  "handshake-garbage": {},
  "certificate": { chain: "string" },
  "early-frame": {},
  "login-hang": {},
  "login-failure": { reason: "number" },
  "black-hole": {},
  "iq-silence": { xmlns: "string" },
  "iq-error": { xmlns: "string", code: "number" },
  "iq-delay": { xmlns: "string", ms: "number" },
  "ack-drop": {},
  "ack-delay": { ms: "number" },
  "ack-error": { code: "number" },
  "ack-phash": {},
  "ack-close": {},
  "ask-retry": {},
  "corrupt": {},
  "duplicate": {},
  "re-encrypt": {},
  "app-state-blob": {},
  "upload": { how: "string" },
  "download": { how: "string" },
  "passkey": {}
}

/** The fault in a request's body, or what is wrong with it. */
export const faultOf = (body: Readonly<Record<string, unknown>>): Fault | string => {
  const { kind } = body
  const checks = typeof kind === "string" && kind in required ? required[kind as FaultKind] : undefined
  if (!checks) return `kind must be one of ${Object.keys(required).join(", ")}`
  for (const [name, type] of Object.entries(checks)) {
    if (typeof body[name] !== type) return `${String(kind)} needs ${name}, a ${type}`
  }
  if (body.times !== undefined && typeof body.times !== "number") return "times must be a number"
  return body as unknown as Fault
}
