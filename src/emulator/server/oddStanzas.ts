import { type Node } from "../protocol/codec.ts"
import { SERVER_JID } from "../protocol/jid.ts"
import { node } from "../protocol/node.ts"

const friend = "6281200000000@s.whatsapp.net"

/** Nodes of known kinds without the attributes and children that a client expects of them. */
export const oddStanzas: ReadonlyArray<Node> = [
  node("message"),
  node("message", { id: "odd-1" }),
  node("message", { id: "odd-2", from: friend }),
  node("message", { id: "odd-3", from: friend, t: "never" }, [node("enc", { v: "9", type: "unheard-of" }, Buffer.from([1]))]),
  node("message", { id: "odd-4", from: "not an address", t: "1" }, [node("enc", { v: "2", type: "msg" }, Buffer.alloc(0))]),
  node("message", { id: "odd-5", from: friend, t: "1" }, [node("enc", { v: "2", type: "pkmsg" }, Buffer.from([51, 1, 2, 3]))]),
  node("receipt"),
  node("receipt", { id: "odd-6", type: "retry", from: friend }),
  node("receipt", { id: "odd-7", type: "unheard-of", from: friend }),
  node("receipt", { id: "odd-8", from: friend }, [node("list", {}, [node("item"), node("item", { id: "" })])]),
  node("notification"),
  node("notification", { id: "odd-9", type: "encrypt", from: SERVER_JID }),
  node("notification", { id: "odd-10", type: "server_sync", from: SERVER_JID }),
  node("notification", { id: "odd-11", type: "devices", from: friend }),
  node("notification", { id: "odd-12", type: "account_sync", from: friend }),
  node("notification", { id: "odd-13", type: "mediaretry", from: friend }),
  node("notification", { id: "odd-14", type: "w:gp2", from: "120363000000000000@g.us" }, [node("unheard-of")]),
  node("notification", { id: "odd-15", type: "link_code_companion_reg", from: SERVER_JID }),
  node("ack"),
  node("ack", { class: "message", id: "odd-16", error: "not a number" }),
  node("ack", { class: "message" }),
  node("iq", { type: "result" }),
  node("iq", { id: "odd-17", type: "set", xmlns: "unheard-of" }),
  node("ib"),
  node("ib", {}, [node("offline")]),
  node("ib", {}, [node("edge_routing")]),
  node("ib", {}, [node("dirty")]),
  node("call"),
  node("call", { id: "odd-18", from: friend }),
  node("call", { id: "odd-19", from: friend }, [node("offer")]),
  node("presence"),
  node("chatstate", { from: friend }),
  node("unheard-of", { id: "odd-20" })
]
