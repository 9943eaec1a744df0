/** `\ud83d` may be half of an emoji, which JSON can write and UTF-8 cannot. */
const half = /\\u[dD][89a-fA-F]/

/** What the JSON says, with U+FFFD for halves of characters in its texts: no database and no other program could hold them. */
export const parseJson = (text: string): unknown =>
  half.test(text)
    ? JSON.parse(text, (_, value: unknown) => (typeof value === "string" ? value.toWellFormed() : value))
    : JSON.parse(text)
