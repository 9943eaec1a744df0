import type { Account } from "./Account.ts"
import type { Companion } from "./Companion.ts"
import type { EmulatedDevice, Incoming } from "./EmulatedDevice.ts"
import type { Hub } from "./Hub.ts"
import { child, children, node } from "./protocol/node.ts"
import type { Node } from "./protocol/codec.ts"
import { bigEndian } from "./protocol/node.ts"
import { isLid } from "./protocol/jid.ts"
import { bundleNodes } from "./signal/PreKeyBundle.ts"

/** `undefined` is "delivered", as on the wire. */
export type ReceiptType = "read" | "played" | "sender" | "read-self" | undefined

export const receiptIds = (receipt: Node): ReadonlyArray<string> => [
  ...(receipt.attrs.id === undefined ? [] : [receipt.attrs.id]),
  ...children(child(receipt, "list"), "item").flatMap((item) => (item.attrs.id === undefined ? [] : [item.attrs.id]))
]

/** Whom a receipt comes from: in a group, from the group, and the device is its participant. */
const fromOf = (device: EmulatedDevice, addressedAs: string, group: string | undefined) => {
  const jid = device.account.jidLike(addressedAs, device.number)
  return group === undefined ? { from: jid } : { from: group, participant: jid }
}

/** Tells all linked devices of `to` what a device of another account did with their messages. */
export const sendReceipt = (
  hub: Hub,
  from: EmulatedDevice,
  to: Account,
  options: {
    readonly ids: ReadonlyArray<string>
    readonly type: ReceiptType
    readonly addressedAs: string
    readonly group?: string
  }
): void => {
  const [id, ...rest] = options.ids
  if (id === undefined) return
  const items = rest.map((each) => node("item", { id: each }))
  const receipt = node(
    "receipt",
    { ...fromOf(from, options.addressedAs, options.group), id, type: options.type, t: hub.seconds() },
    items.length > 0 ? [node("list", {}, items)] : undefined
  )
  for (const companion of to.companions) {
    hub.stats.add("receiptsSent")
    companion.deliver(receipt)
  }
}

/** One's own phone has the copy of what a linked device sent. */
export const sendSenderReceipt = (hub: Hub, phone: EmulatedDevice, companion: Companion, incoming: Incoming): void => {
  hub.stats.add("receiptsSent")
  companion.deliver(
    node("receipt", {
      from: phone.account.jidLike(incoming.to, phone.number),
      recipient: incoming.to,
      id: incoming.id,
      type: "sender",
      t: hub.seconds()
    })
  )
}

/** Asks the device that wrote a message for it again; from the second time on with keys for a new session. */
export const askForRetry = (
  hub: Hub,
  device: EmulatedDevice,
  companion: Companion,
  incoming: Incoming,
  count: number
): void => {
  hub.stats.add("retriesAsked")
  const { registrationId } = device.signal
  const identity = device.deviceIdentity ? [node("device-identity", {}, device.deviceIdentity)] : []
  const keys = count > 1 ? [node("keys", {}, [...bundleNodes(device.signal.bundle()).slice(1), ...identity])] : []
  const own = device.account === incoming.from
  companion.deliver(
    node(
      "receipt",
      {
        ...fromOf(device, isLid(incoming.to) ? incoming.to : device.account.jid(), incoming.group),
        recipient: own && incoming.group === undefined ? incoming.to : undefined,
        id: incoming.id,
        type: "retry",
        t: hub.seconds()
      },
      [
        node("retry", { count: String(count), id: incoming.id, t: hub.seconds(), v: "1" }),
        node("registration", {}, bigEndian(registrationId, 4)),
        ...keys
      ]
    )
  )
}
