import { type BinaryNode, proto } from "@whiskeysockets/baileys"
import { isGroupJid, type Jid } from "../../domain/Jid.ts"
import { unwrap } from "../receiving/Envelopes.ts"

const { MESSAGE_EDIT, REVOKE } = proto.Message.ProtocolMessage.Type

/** What WhatsApp's server wants to see of an encrypted message: that it edits, deletes or asks (Baileys' `sendMessage`). */
export const stanzaOf = (
  to: Jid,
  wrapped: proto.IMessage
): { readonly attributes: Record<string, string>; readonly nodes: Array<BinaryNode> } => {
  const { message } = unwrap(wrapped)
  const { key, type } = message.protocolMessage ?? {}
  if (type === MESSAGE_EDIT) return { attributes: { edit: "1" }, nodes: [] }
  if (type === REVOKE) {
    // of somebody else's message, as an administrator of the group
    const asAdmin = isGroupJid(to) && !key?.fromMe
    return { attributes: { edit: asAdmin ? "8" : "7" }, nodes: [] }
  }
  const asks = message.pollCreationMessage ?? message.pollCreationMessageV2 ?? message.pollCreationMessageV3
  return { attributes: {}, nodes: asks ? [{ tag: "meta", attrs: { polltype: "creation" } }] : [] }
}
