const secretNames = /token|ticket|secret|password|passwd|authorization|cookie|api[-_]?key|private|credential|creds|noise|qr$/i
const patterns: ReadonlyArray<readonly [RegExp, string]> = [
  [/\b(Bearer|Basic)\s+[\w.~+/=-]+/gi, "$1 [redacted]"],
  [/\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*/g, "[token]"],
  [/\bwak_[0-9A-Za-z]+_[0-9A-Za-z]+/g, "[api key]"],
  [/\bwhsec_[\w+/=-]+/g, "[secret]"],
  [/(:\/\/)[^\s/:@]+:[^\s/@]+@/g, "$1[redacted]@"],
  [/((?:https?|wss?):\/\/[^\s?"']+|\s\/[^\s?"']*)\?[^\s"']*/g, "$1?[redacted]"],
  [/"?(privKey|private|rootKey|chainKey|advSecretKey|noiseKey)"?\s*[:=]\s*[^\s,}]+/g, "$1: [redacted]"]
]

/** Takes tokens, passwords in addresses, query strings and key material out of a text that is to be logged. */
export const redactText = (text: string): string =>
  patterns.reduce((clean, [pattern, instead]) => clean.replaceAll(pattern, instead), text)

/** What happened and why: drivers and our own errors put the reason inside. */
const reasons = (error: Error, depth = 0): ReadonlyArray<string> => [
  ...(depth === 0 ? [error.name] : []),
  ...(error.message === "" ? [] : [error.message]),
  ...(error.cause instanceof Error && depth < 4 ? reasons(error.cause, depth + 1) : [])
]

/** The same for a value in its depth; fields whose names say that they are secret lose their values. */
export const redactValue = (value: unknown, depth = 0): unknown => {
  if (typeof value === "string") return redactText(value)
  if (typeof value !== "object" || value === null) return value
  if (value instanceof Uint8Array) return `[${value.length} bytes]`
  if (value instanceof Error) return redactText(reasons(value).join(": "))
  if (depth >= 4) return "[…]"
  if (Array.isArray(value)) return value.slice(0, 20).map((item) => redactValue(item, depth + 1))
  return Object.fromEntries(
    Object.entries(value).slice(0, 50).map(([name, inner]) => [
      name,
      secretNames.test(name) ? "[redacted]" : redactValue(inner, depth + 1)
    ])
  )
}
