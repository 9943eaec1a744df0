import type { Node } from "./codec.ts"

type Content = ReadonlyArray<Node> | string | Uint8Array | undefined

/** A binary node without the attributes that are undefined. */
export const node = (tag: string, attrs: Record<string, string | undefined> = {}, content?: Content): Node => {
  const present: Record<string, string> = {}
  for (const [key, value] of Object.entries(attrs)) if (value !== undefined) present[key] = value
  if (content === undefined) return { tag, attrs: present }
  if (content instanceof Uint8Array || typeof content === "string") return { tag, attrs: present, content }
  return { tag, attrs: present, content: [...content] }
}

export const children = (parent: Node | undefined, tag?: string): ReadonlyArray<Node> => {
  if (!parent || !Array.isArray(parent.content)) return []
  return tag === undefined ? parent.content : parent.content.filter((child) => child.tag === tag)
}

export const child = (parent: Node | undefined, tag: string): Node | undefined =>
  parent && Array.isArray(parent.content) ? parent.content.find((each) => each.tag === tag) : undefined

export const bytesOf = (from: Node | undefined): Buffer | undefined => {
  if (from === undefined || from.content === undefined || Array.isArray(from.content)) return undefined
  return Buffer.from(from.content)
}

export const textOf = (from: Node | undefined): string | undefined => bytesOf(from)?.toString("utf8")

export const uintOf = (from: Node | undefined): number | undefined => {
  const bytes = bytesOf(from)
  return bytes && bytes.length > 0 && bytes.length <= 4 ? bytes.readUIntBE(0, bytes.length) : undefined
}

export const bigEndian = (value: number, length: number): Buffer => {
  const bytes = Buffer.alloc(length)
  bytes.writeUIntBE(value, 0, length)
  return bytes
}
