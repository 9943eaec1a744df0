import { describe, expect, it } from "@effect/vitest"
import { redactText, redactValue } from "../../src/runtime/Redaction.ts"

describe("Redaction", () => {
  it.each([
    ["GET /api/events?token=eyJhbGciOi.abc.def 200", "GET /api/events?[redacted] 200"],
    ["Authorization: Bearer eyJhbGciOiJI.eyJzdWIi.sig-x", "Authorization: Bearer [redacted]"],
    ["token eyJhbGciOiJI.eyJzdWIi.sig-x given", "token [token] given"],
    ["mysql://root:hunter2@db:3306/wa", "mysql://[redacted]@db:3306/wa"],
    ["GET /api/events?ticket=Yt8w_3kQ 200", "GET /api/events?[redacted] 200"],
    ["key wak_4f9AbC12dE34_Zz09 is wrong", "key [api key] is wrong"],
    ["secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "secret [secret]"],
    ["https://mmg.whatsapp.net/v/abc?oh=1&oe=2 failed", "https://mmg.whatsapp.net/v/abc?[redacted] failed"],
    ["nothing to hide: device-1 is connected", "nothing to hide: device-1 is connected"]
  ])("cleans %s", (text, clean) => expect(redactText(text)).toBe(clean))

  it("tells the reasons of an error, cleaned too", () => {
    const refused = new Error("no route to mysql://root:hunter2@db/wa")
    expect(redactValue(new Error("it failed", { cause: refused }))).toBe("Error: it failed: no route to mysql://[redacted]@db/wa")
  })

  it("empties secret fields at any depth and shortens bytes and depths", () => {
    const value = redactValue({
      user: { email: "a@b.c", password: "hunter2", refreshToken: "x" },
      creds: { noiseKey: 1 },
      bytes: new Uint8Array(32),
      deep: { a: { b: { c: { d: { e: 1 } } } } }
    })
    expect(JSON.stringify(value)).toBe(
      "{\"user\":{\"email\":\"a@b.c\",\"password\":\"[redacted]\",\"refreshToken\":\"[redacted]\"},\"creds\":\"[redacted]\","
        + "\"bytes\":\"[32 bytes]\",\"deep\":{\"a\":{\"b\":{\"c\":\"[…]\"}}}}"
    )
  })
})
