// ADV: how an account vouches for its devices. The phone signs the companion's identity, the companion signs back.
import { proto } from "../protocol/codec.ts"
import { hmac, sign, type SigningKeys, verifySignature } from "../protocol/keys.ts"

const ACCOUNT_PREFIX = Buffer.from([6, 0])
const DEVICE_PREFIX = Buffer.from([6, 1])
const KEY_INDEX_PREFIX = Buffer.from([6, 2])

export interface DeviceIdentity {
  readonly details: Uint8Array
  readonly accountSignatureKey: Uint8Array
  readonly accountSignature: Uint8Array
}

export const signDevice = (
  account: SigningKeys,
  device: {
    readonly identityKey: Uint8Array
    readonly rawId: number
    readonly keyIndex: number
    readonly timestamp: number
  }
): DeviceIdentity => {
  const { E2EE } = proto.ADVEncryptionType
  const details = proto.ADVDeviceIdentity.encode({
    rawId: device.rawId,
    timestamp: device.timestamp,
    keyIndex: device.keyIndex,
    accountType: E2EE,
    deviceType: E2EE
  }).finish()
  const signed = Buffer.concat([ACCOUNT_PREFIX, details, device.identityKey])
  return { details, accountSignatureKey: account.publicKey, accountSignature: sign(account, signed) }
}

/** What `pair-success` carries: the identity, and a MAC under the secret that only phone and companion share. */
export const sealIdentity = (identity: DeviceIdentity, secret: Uint8Array): Buffer => {
  const details = proto.ADVSignedDeviceIdentity.encode(identity).finish()
  return Buffer.from(proto.ADVSignedDeviceIdentityHMAC.encode({ details, hmac: hmac(secret, details) }).finish())
}

const deviceSigned = (identity: DeviceIdentity, identityKey: Uint8Array): Buffer =>
  Buffer.concat([DEVICE_PREFIX, identity.details, identityKey, identity.accountSignatureKey])

export const isSignedByDevice = (identity: DeviceIdentity, identityKey: Uint8Array, signature: Uint8Array): boolean =>
  verifySignature(identityKey, deviceSigned(identity, identityKey), signature)

/** The whole of it, as it travels with messages that open a session. */
export const completeIdentity = (identity: DeviceIdentity, deviceSignature: Uint8Array): Buffer =>
  Buffer.from(proto.ADVSignedDeviceIdentity.encode({ ...identity, deviceSignature }).finish())

export const signAsDevice = (identity: DeviceIdentity, device: SigningKeys): Buffer =>
  sign(device, deviceSigned(identity, device.publicKey))

/** The list of key indexes that are valid now, for device queries. */
export const signKeyIndexes = (
  account: SigningKeys,
  list: {
    readonly rawId: number
    readonly timestamp: number
    readonly current: number
    readonly valid: ReadonlyArray<number>
  }
): Buffer => {
  const details = proto.ADVKeyIndexList.encode({
    rawId: list.rawId,
    timestamp: list.timestamp,
    currentIndex: list.current,
    validIndexes: [...list.valid]
  }).finish()
  const accountSignature = sign(account, Buffer.concat([KEY_INDEX_PREFIX, details]))
  return Buffer.from(proto.ADVSignedKeyIndexList.encode({ details, accountSignature }).finish())
}
