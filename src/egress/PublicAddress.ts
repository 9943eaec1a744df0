import { BlockList, isIP, isIPv4 } from "node:net"

/** What no request of a stranger's choosing may reach: private, reserved and special networks (IANA's registries). */
const notPublic = new BlockList()
for (const network of [
  "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
  "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"
]) add(network, "ipv4")
// of IPv6 what is not global unicast is refused below; within it are these. Teredo and 6to4 lead to IPv4 addresses in disguise
for (const network of ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"]) add(network, "ipv6")
const globalUnicast = new BlockList()
globalUnicast.addSubnet("2000::", 3, "ipv6")

function add(network: string, family: "ipv4" | "ipv6") {
  const [address, bits] = network.split("/")
  notPublic.addSubnet(address!, Number(bits), family)
}

/** Whether an IP address belongs to the public internet; what is no IP address does not. */
export const isPublicAddress = (address: string): boolean => {
  if (isIPv4(address)) return !notPublic.check(address, "ipv4")
  if (isIP(address) !== 6) return false
  const mapped = mappedIPv4(address)
  return mapped === undefined
    ? globalUnicast.check(address, "ipv6") && !notPublic.check(address, "ipv6")
    : !notPublic.check(mapped, "ipv4")
}

/** The address in `::ffff:a.b.c.d`, in whichever way it is written. */
const mappedIPv4 = (address: string): string | undefined => {
  const normal = URL.parse(`http://[${address.replace(/%.*$/, "")}]`)?.hostname
  const words = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(normal ?? "")
  if (words === null) return undefined
  const [high, low] = [Number.parseInt(words[1]!, 16), Number.parseInt(words[2]!, 16)]
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
}
