const MAX_FRAME = 1 << 24

/** A frame is three bytes of length, then that many bytes. */
export const frame = (body: Uint8Array): Buffer => {
  const framed = Buffer.allocUnsafe(3 + body.length)
  framed.writeUIntBE(body.length, 0, 3)
  framed.set(body, 3)
  return framed
}

/** Cuts a byte stream into the client's opening header and its frames. */
export class FrameReader {
  #bytes: Buffer = Buffer.alloc(0)
  #header: Buffer | undefined

  push(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    if (this.#bytes.length > MAX_FRAME) throw new Error("frame too large")
  }

  /** The Noise prologue ("WA" and two version bytes), after routing information ("ED") if there is any. */
  header(): Buffer | undefined {
    if (this.#header) return this.#header
    let offset = 0
    if (this.#bytes.subarray(0, 2).toString("latin1") === "ED") {
      if (this.#bytes.length < 7) return undefined
      offset = 7 + this.#bytes.readUIntBE(4, 3)
    }
    if (this.#bytes.length < offset + 4) return undefined
    this.#header = this.#bytes.subarray(offset, offset + 4)
    if (this.#header.subarray(0, 2).toString("latin1") !== "WA") throw new Error("not a WhatsApp client")
    this.#bytes = this.#bytes.subarray(offset + 4)
    return this.#header
  }

  next(): Buffer | undefined {
    if (this.#bytes.length < 3) return undefined
    const length = this.#bytes.readUIntBE(0, 3)
    if (this.#bytes.length < 3 + length) return undefined
    const body = this.#bytes.subarray(3, 3 + length)
    this.#bytes = this.#bytes.subarray(3 + length)
    return body
  }
}
