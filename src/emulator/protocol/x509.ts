// Just enough X.509 for a TLS server on this machine: an authority and a certificate by it, both Ed25519.
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign } from "node:crypto"
import { isIP } from "node:net"

const PRIVATE_DER = Buffer.from("302e020100300506032b657004220420", "hex")
const ED25519 = Buffer.from("300506032b6570", "hex")
const COMMON_NAME = Buffer.from("0603550403", "hex")
const NOT_BEFORE = "20250101000000Z"
const NOT_AFTER = "21241231000000Z"

const [SEQUENCE, SET, INTEGER, BIT_STRING, OCTET_STRING, UTF8, TIME, BOOLEAN] = [
  0x30, 0x31, 0x02, 0x03, 0x04, 0x0c, 0x18, 0x01
] as const

const der = (tag: number, ...parts: ReadonlyArray<Uint8Array>): Buffer => {
  const body = Buffer.concat(parts)
  const length = body.length < 128
    ? Buffer.from([body.length])
    : body.length < 256
    ? Buffer.from([0x81, body.length])
    : Buffer.from([0x82, body.length >> 8, body.length & 0xff])
  return Buffer.concat([Buffer.from([tag]), length, body])
}

const name = (text: string): Buffer =>
  der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8, Buffer.from(text)))))

const extension = (oid: string, value: Buffer, critical = false): Buffer =>
  der(
    SEQUENCE,
    Buffer.from(oid, "hex"),
    ...(critical ? [der(BOOLEAN, Buffer.from([0xff]))] : []),
    der(OCTET_STRING, value)
  )

const ipBytes = (ip: string): Buffer => isIP(ip) === 4 ? Buffer.from(ip.split(".").map(Number)) : ipv6Bytes(ip)

const groupsOf = (text: string): ReadonlyArray<number> =>
  text === "" ? [] : text.split(":").map((each) => Number.parseInt(each, 16))

const ipv6Bytes = (ip: string): Buffer => {
  const [head = "", tail = ""] = ip.split("::")
  const [before, after] = [groupsOf(head), groupsOf(tail)]
  const all = [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after]
  return Buffer.from(all.flatMap((each) => [each >> 8, each & 0xff]))
}

const alternativeNames = (hosts: ReadonlyArray<string>): Buffer =>
  der(SEQUENCE, ...hosts.map((host) => isIP(host) ? der(0x87, ipBytes(host)) : der(0x82, Buffer.from(host))))

const pem = (body: Buffer): string =>
  ["-----BEGIN CERTIFICATE-----", ...(body.toString("base64").match(/.{1,64}/g) ?? []), "-----END CERTIFICATE-----", ""]
    .join("\n")

const keyOf = (seed: Buffer): KeyObject =>
  createPrivateKey({ key: Buffer.concat([PRIVATE_DER, seed]), format: "der", type: "pkcs8" })

const certificate = (of: {
  readonly subject: string
  readonly key: KeyObject
  readonly issuer: string
  readonly issuerKey: KeyObject
  readonly extensions: ReadonlyArray<Buffer>
}): string => {
  const body = der(
    SEQUENCE,
    der(0xa0, der(INTEGER, Buffer.from([2]))),
    der(INTEGER, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ED25519,
    name(of.issuer),
    der(SEQUENCE, der(TIME, Buffer.from(NOT_BEFORE)), der(TIME, Buffer.from(NOT_AFTER))),
    name(of.subject),
    createPublicKey(of.key).export({ format: "der", type: "spki" }),
    der(0xa3, der(SEQUENCE, ...of.extensions))
  )
  return pem(der(SEQUENCE, body, ED25519, der(BIT_STRING, Buffer.from([0]), sign(null, body, of.issuerKey))))
}

const BASIC_CONSTRAINTS = "0603551d13"
const ALTERNATIVE_NAMES = "0603551d11"
const AUTHORITY = "WhatsApp emulator"

export interface TlsIdentity {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** The same authority for the same seed, so that a client which trusts it goes on doing so. */
export const tlsIdentity = (hosts: ReadonlyArray<string>, seed: Buffer = randomBytes(32)): TlsIdentity => {
  const [issuerKey, key] = [keyOf(seed), keyOf(randomBytes(32))]
  const issued = { issuer: AUTHORITY, issuerKey }
  const authority = [extension(BASIC_CONSTRAINTS, der(SEQUENCE, der(BOOLEAN, Buffer.from([0xff]))), true)]
  const named = [extension(ALTERNATIVE_NAMES, alternativeNames(hosts))]
  return {
    ca: certificate({ ...issued, subject: AUTHORITY, key: issuerKey, extensions: authority }),
    cert: certificate({ ...issued, subject: "media", key, extensions: named }),
    key: key.export({ format: "pem", type: "pkcs8" }).toString()
  }
}
