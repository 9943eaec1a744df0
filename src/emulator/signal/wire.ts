// The two Signal messages, by hand: two small protobufs whose shape has not changed in ten years.

const VERSION = 0x33
const MAC_LENGTH = 8

/** A ratchet message: version byte, protobuf, eight bytes of MAC. */
export interface WhisperMessage {
  readonly ratchetKey: Buffer
  readonly counter: number
  readonly previousCounter: number
  readonly ciphertext: Buffer
}

/** A ratchet message that opens a session, with what the receiver needs for X3DH. */
export interface PreKeyMessage {
  readonly registrationId: number
  readonly preKeyId: number | undefined
  readonly signedPreKeyId: number
  readonly baseKey: Buffer
  readonly identityKey: Buffer
  readonly message: Buffer
}

const varint = (value: number): Array<number> => {
  const bytes: Array<number> = []
  let rest = value
  while (rest > 127) {
    bytes.push((rest & 127) | 128)
    rest >>>= 7
  }
  bytes.push(rest)
  return bytes
}

const number = (field: number, value: number): Buffer => Buffer.from([field << 3, ...varint(value)])

const bytes = (field: number, value: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([(field << 3) | 2, ...varint(value.length)]), value])

const fields = (data: Buffer): ReadonlyMap<number, number | Buffer> => {
  const found = new Map<number, number | Buffer>()
  let offset = 0
  const read = (): number => {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = data[offset++]
      if (byte === undefined) throw new Error("truncated Signal message")
      value += (byte & 127) * 2 ** shift
      if (byte < 128) return value
    }
    throw new Error("overlong number in Signal message")
  }
  while (offset < data.length) {
    const tag = read()
    if ((tag & 7) === 0) found.set(tag >> 3, read())
    else if ((tag & 7) === 2) {
      const length = read()
      if (offset + length > data.length) throw new Error("truncated Signal message")
      found.set(tag >> 3, data.subarray(offset, offset += length))
    } else throw new Error("unknown field in Signal message")
  }
  return found
}

const required = (found: ReadonlyMap<number, number | Buffer>, field: number): Buffer => {
  const value = found.get(field)
  if (!Buffer.isBuffer(value)) throw new Error(`Signal message without field ${field}`)
  return value
}

const optional = (found: ReadonlyMap<number, number | Buffer>, field: number): number | undefined => {
  const value = found.get(field)
  return typeof value === "number" ? value : undefined
}

/** The bytes that the MAC covers; the MAC itself is appended by the ratchet. */
export const encodeWhisper = (message: WhisperMessage): Buffer =>
  Buffer.concat([
    Buffer.from([VERSION]),
    bytes(1, message.ratchetKey),
    number(2, message.counter),
    number(3, message.previousCounter),
    bytes(4, message.ciphertext)
  ])

export const splitMac = (message: Buffer): { readonly body: Buffer; readonly mac: Buffer } => ({
  body: message.subarray(0, -MAC_LENGTH),
  mac: message.subarray(-MAC_LENGTH)
})

export const decodeWhisper = (body: Buffer): WhisperMessage => {
  if ((body[0] ?? 0) >> 4 !== 3) throw new Error("unknown version of Signal message")
  const found = fields(body.subarray(1))
  return {
    ratchetKey: required(found, 1),
    counter: optional(found, 2) ?? 0,
    previousCounter: optional(found, 3) ?? 0,
    ciphertext: required(found, 4)
  }
}

export const encodePreKey = (message: PreKeyMessage): Buffer =>
  Buffer.concat([
    Buffer.from([VERSION]),
    ...(message.preKeyId === undefined ? [] : [number(1, message.preKeyId)]),
    bytes(2, message.baseKey),
    bytes(3, message.identityKey),
    bytes(4, message.message),
    number(5, message.registrationId),
    number(6, message.signedPreKeyId)
  ])

export const decodePreKey = (data: Buffer): PreKeyMessage => {
  if ((data[0] ?? 0) >> 4 !== 3) throw new Error("unknown version of Signal message")
  const found = fields(data.subarray(1))
  return {
    registrationId: optional(found, 5) ?? 0,
    preKeyId: optional(found, 1) || undefined,
    signedPreKeyId: optional(found, 6) ?? 0,
    baseKey: required(found, 2),
    identityKey: required(found, 3),
    message: required(found, 4)
  }
}
