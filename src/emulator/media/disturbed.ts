/** A download in which a byte is another, or that is cut off in the middle. */
export async function* disturbed(bytes: AsyncIterable<Buffer>, how: string, size: number): AsyncIterable<Buffer> {
  const middle = Math.floor(size / 2)
  let at = 0
  for await (const piece of bytes) {
    const inside = middle - at
    at += piece.length
    if (inside < 0 || inside >= piece.length) yield piece
    else if (how === "corrupt") {
      const spoiled = Buffer.from(piece)
      spoiled[inside] = (spoiled[inside] ?? 0) ^ 0xff
      yield spoiled
    } else if (how === "cut") {
      yield piece.subarray(0, inside)
      throw new Error("cut off, as told")
    } else yield piece
  }
}
