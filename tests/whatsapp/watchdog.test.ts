import { describe, expect, it } from "@effect/vitest"
import { judge, type Seen, type Verdict } from "../../src/whatsapp/socket/Watchdog.ts"

const second = 1000
const open: Seen = {
  phase: "open",
  startedAt: 0,
  openedAt: 0,
  pairedAt: undefined,
  drained: true,
  deafFor: 0,
  lastHeard: 0,
  lastAsked: 0,
  genuine: true
}

describe("the watchdog", () => {
  const cases: ReadonlyArray<readonly [string, Partial<Seen>, seconds: number, Verdict]> = [
    ["a login that takes its time", { phase: "connecting" }, 45, "well"],
    ["a login that takes too long, whatever is heard", { phase: "connecting", lastHeard: 46 * second }, 46, "dead"],
    ["a code that nobody scans yet", { phase: "pairing", lastHeard: 100 * second }, 110, "well"],
    ["a code on a dead line", { phase: "pairing", lastHeard: 100 * second }, 118, "dead"],
    ["a linking whose stream was left open", { phase: "pairing", pairedAt: 100 * second, lastHeard: 110 * second }, 111, "left-open"],
    ["a line on which a ping is answered", { lastHeard: 100 * second }, 111, "well"],
    ["a line that is quiet", { lastHeard: 100 * second }, 112, "quiet"],
    ["one that has been asked already", { lastHeard: 100 * second, lastAsked: 112 * second }, 114, "well"],
    ["one that does not answer", { lastHeard: 100 * second, lastAsked: 112 * second }, 118, "dead"],
    ["one that answered and is quiet again", { lastHeard: 113 * second, lastAsked: 112 * second }, 125, "quiet"],
    ["WhatsApp that still hands over", { drained: false, lastHeard: 90 * second }, 90, "well"],
    ["WhatsApp that never ends to", { drained: false, lastHeard: 90 * second }, 91, "dead"],
    ["another server that hands over", { drained: false, genuine: false, lastHeard: 10 * second }, 10, "well"],
    ["another server that does not say so", { drained: false, genuine: false, lastHeard: 10 * second }, 11, "drained"],
    ["a line on which messages wait for a minute", { lastHeard: 100 * second, deafFor: 60 * second }, 101, "well"],
    ["a line on which they wait longer", { lastHeard: 100 * second, deafFor: 61 * second }, 101, "deaf"],
    ["what is over", { phase: "closed" }, 1000, "well"]
  ]
  it.each(cases)("%s", (_name, seen, seconds, verdict) => {
    expect(judge({ ...open, ...seen }, seconds * second)).toBe(verdict)
  })
})
