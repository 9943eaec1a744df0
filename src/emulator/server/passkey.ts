import { randomBytes } from "node:crypto"
import type { Node } from "../protocol/codec.ts"
import { node } from "../protocol/node.ts"

/** WebAuthn options as WhatsApp sends them since mid-2026 (WhiskeySockets/Baileys #2672, #2689): JSON, not CBOR. */
export const passkeyRequest = (): Node =>
  node(
    "passkey_request_options",
    {},
    Buffer.from(JSON.stringify({
      challenge: randomBytes(32).toString("base64url"),
      timeout: 600_000,
      rpId: "whatsapp.com",
      allowCredentials: [],
      userVerification: "required",
      extensions: { uvm: true }
    }))
  )
