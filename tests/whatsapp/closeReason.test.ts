import { Boom } from "@hapi/boom"
import { describe, expect, it } from "@effect/vitest"
import { DateTime, Duration } from "effect"
import type { DeviceReason } from "../../src/domain/Device.ts"
import { ClosedBecause, CloseAction, closeReason, storageUnavailable, UpgradeRefused } from "../../src/whatsapp/socket/CloseReason.ts"

const now = DateTime.unsafeMake("2026-11-22T12:00:00Z")
const at = (time: string) => DateTime.unsafeMake(`2026-11-22T${time}Z`)
const boom = (message: string, statusCode: number, data?: unknown) => new Boom(message, { statusCode, data })
const backoff = (base: number) => CloseAction.Backoff({ base })
const conflict = (type: string) => ({ tag: "conflict", attrs: { type } })
const { PairAgain, Restart, Stop, WaitUntil, Yield } = CloseAction

const rows: ReadonlyArray<readonly [string, unknown, DeviceReason, CloseAction]> = [
  ["515 after pairing", boom("Stream Errored (restart required)", 515), "connection_lost", Restart()],
  ["428 the WebSocket closed", boom("Connection Terminated", 428), "connection_lost", backoff(1000)],
  ["428 the stream ended", boom("Connection Terminated by Server", 428), "connection_lost", backoff(1000)],
  ["408 keep-alive", boom("Connection was lost", 408), "connection_lost", backoff(1000)],
  ["408 handshake", boom("Timed Out", 408), "connection_lost", backoff(2000)],
  ["408 DNS", boom("WebSocket Error (getaddrinfo ENOTFOUND x)", 408), "connection_lost", backoff(2000)],
  ["408 nobody scanned", boom("QR refs attempts ended", 408), "pairing_timeout", Stop()],
  ["500 unknown stream error", boom("Stream Errored (unknown)", 500), "server_unavailable", backoff(5000)],
  ["500 of the WebSocket", boom("WebSocket Error (Invalid frame)", 500), "connection_lost", backoff(2000)],
  ["a SOCKS proxy's password", boom("WebSocket Error (Socks5 Authentication failed)", 500), "connection_refused", backoff(60_000)],
  ["a SOCKS proxy's refusal", boom("WebSocket Error (Socks5 proxy rejected connection - NotAllowed)", 500), "connection_refused", backoff(5000)],
  ["an HTTP proxy's password", new UpgradeRefused(407), "connection_refused", backoff(60_000)],
  ["500 failure", boom("Connection Failure", 500, { reason: "500" }), "server_unavailable", backoff(5000)],
  ["503 stream error", boom("Stream Errored (unavailable)", 503), "server_unavailable", backoff(5000)],
  ["503 failure", boom("Connection Failure", 503, { reason: "503" }), "server_unavailable", backoff(5000)],
  ["440 replaced", boom("Stream Errored (conflict)", 440, conflict("replaced")), "replaced", Yield()],
  ["440 device removed", boom("Stream Errored (conflict)", 440, conflict("device_removed")), "logged_out", PairAgain()],
  ["401 device removed", boom("Stream Errored (conflict)", 401, conflict("device_removed")), "logged_out", PairAgain()],
  ["401 failure", boom("Connection Failure", 401, { reason: "401" }), "logged_out", PairAgain()],
  ["401 our own logout", boom("Intentional Logout", 401), "logged_out", PairAgain()],
  [
    "401 thrown for want of a login",
    boom("Cannot proceed: socket is not authenticated yet (creds.me.id is missing)", 401),
    "server_unavailable",
    backoff(5000)
  ],
  ["403", boom("Connection Failure", 403, { reason: "403" }), "account_locked", PairAgain()],
  ["405", boom("Connection Failure", 405, { reason: "405", location: "lla" }), "client_outdated", backoff(900_000)],
  ["406", boom("Connection Failure", 406), "account_locked", PairAgain()],
  ["409", boom("Connection Failure", 409), "client_refused", Stop()],
  ["411", boom("Multi-device beta not joined", 411), "client_refused", Stop()],
  ["400 failure", boom("Connection Failure", 400), "client_refused", Stop()],
  ["413", boom("Connection Failure", 413), "client_refused", Stop()],
  ["414", boom("Connection Failure", 414), "client_refused", Stop()],
  ["415", boom("Connection Failure", 415), "client_refused", Stop()],
  ["418", boom("Connection Failure", 418), "client_refused", Stop()],
  ["419", boom("Connection Failure", 419), "connection_refused", backoff(60_000)],
  ["501", boom("Connection Failure", 501), "server_unavailable", backoff(60_000)],
  ["a number nobody knows", boom("Connection Failure", 777), "server_unavailable", backoff(5000)],
  ["a foreign root", boom("noise intermediate certificate signature invalid", 400), "connection_refused", backoff(60_000)],
  ["a foreign leaf", boom("noise certificate signature invalid", 400), "connection_refused", backoff(60_000)],
  ["a forged account signature", boom("Failed to verify account signature", 500), "pairing_refused", Stop()],
  ["a bare number, as a cut TCP connection gives it", 1006, "connection_lost", backoff(1000)],
  ["an error of nobody", new TypeError("x is not a function"), "connection_lost", backoff(1000)],
  ["nothing: we closed it", undefined, "stopped", Stop()],
  ["HTTP 401 on the upgrade", new UpgradeRefused(401), "connection_refused", backoff(5000)],
  ["HTTP 403 on the upgrade", new UpgradeRefused(403), "connection_refused", backoff(5000)],
  ["HTTP 429 on the upgrade", new UpgradeRefused(429), "server_unavailable", backoff(60_000)],
  [
    "HTTP 503 with Retry-After",
    new UpgradeRefused(503, Duration.seconds(90)),
    "server_unavailable",
    WaitUntil({ until: at("12:01:30") })
  ],
  ["our own failure", new ClosedBecause(storageUnavailable), "storage_unavailable", backoff(5000)]
]

describe("closeReason", () => {
  it.each(rows)("%s", (_, error, reason, action) => {
    const found = closeReason(error, now)
    expect(found.reason).toBe(reason)
    expect(found.action).toEqual(action)
    expect(found.text).toMatch(/^[A-Z].*\.$/)
  })

  it("402 waits for the end of the ban and ten minutes more", () => {
    const found = closeReason(boom("Connection Failure", 402, { reason: "402", code: "104", expire: "3600" }), now)
    expect(found.reason).toBe("banned")
    expect(found.action).toEqual(WaitUntil({ until: at("13:10:00") }))
    expect(found.restriction).toEqual({ kind: "temporary_ban", code: 104, until: at("13:00:00") })
    expect(found.text).toContain("the same message too often")
  })

  it("402 without an end is asked about again after a while", () => {
    const found = closeReason(boom("Connection Failure", 402, {}), now)
    expect(found.action).toEqual(WaitUntil({ until: at("13:10:00") }))
    expect(found.restriction).toEqual({ kind: "temporary_ban", code: null, until: null })
  })

  it("no number that says nothing of the pairing ends it", () => {
    for (const code of [408, 428, 500, 501, 503, 515, 502, 599]) {
      expect(closeReason(boom("Stream Errored", code), now).action._tag).not.toBe("PairAgain")
    }
  })
})
