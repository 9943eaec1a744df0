import type { Account } from "./Account.ts"
import { EmulatedDevice } from "./EmulatedDevice.ts"
import type { Hub } from "./Hub.ts"
import { completeIdentity, signAsDevice, signDevice } from "./signal/deviceIdentity.ts"

/** Links an emulated device to an account, vouched for as a real one is. */
export const furtherDevice = (hub: Hub, account: Account): EmulatedDevice => {
  const { keyIndex, number } = account.nextDevice()
  const device = new EmulatedDevice(hub, account, number, keyIndex)
  const own = device.signal.identity
  const identity = signDevice(account.primary.signal.identity, {
    identityKey: own.publicKey,
    rawId: account.rawId,
    keyIndex,
    timestamp: Math.floor(Date.now() / 1000)
  })
  device.deviceIdentity = completeIdentity(identity, signAsDevice(identity, own))
  account.devices.set(number, device)
  return device
}
