import { Option } from "effect"
import { createDecipheriv, createHash, createHmac } from "node:crypto"
import type { Jid } from "./Jid.ts"
import type { MessageChange } from "./MessageChange.ts"

const tagLength = 16
const selectedOption = 0x0a
const hashLength = 32

const hmac = (key: Uint8Array, ...parts: ReadonlyArray<string | Uint8Array>) => {
  const mac = createHmac("sha256", key)
  for (const part of parts) mac.update(part)
  return mac.digest()
}

/**
 * Which of a poll's options a vote names. WhatsApp's clients encrypt it with AES-256-GCM under a key made of the poll's
 * secret, its id and both addresses; which addresses (by number or by LID) the voter took only trying tells. None if the
 * vote was not made for this poll.
 */
export const readVote = (
  vote: Extract<MessageChange, { readonly _tag: "Vote" }>,
  poll: { readonly messageId: string; readonly secret: Uint8Array; readonly options: ReadonlyArray<string> }
): Option.Option<ReadonlyArray<string>> => {
  const tries = vote.creators.flatMap((creator) => vote.voters.map((voter) => opened(vote, poll, creator, voter)))
  return Option.map(Option.firstSomeOf(tries), (plain) => {
    const chosen = hashesIn(plain)
    return poll.options.filter((option) => chosen.has(createHash("sha256").update(option).digest("hex")))
  })
}

const opened = (
  { iv, payload }: { readonly iv: Uint8Array; readonly payload: Uint8Array },
  { messageId, secret }: { readonly messageId: string; readonly secret: Uint8Array },
  creator: Jid,
  voter: Jid
) => {
  const base = hmac(new Uint8Array(hashLength), secret)
  const key = hmac(base, messageId, creator, voter, "Poll Vote", Uint8Array.of(1))
  return Option.liftThrowable(() => {
    const decipher = createDecipheriv("aes-256-gcm", key, iv, { authTagLength: tagLength })
      .setAAD(Buffer.from(`${messageId}\0${voter}`))
      .setAuthTag(payload.subarray(payload.length - tagLength))
    return Buffer.concat([decipher.update(payload.subarray(0, payload.length - tagLength)), decipher.final()])
  })()
}

/** `PollVoteMessage`: field 1, the SHA-256 of each chosen option, and nothing else. */
const hashesIn = (plain: Buffer): ReadonlySet<string> => {
  const hashes = new Set<string>()
  for (let at = 0; plain[at] === selectedOption && plain[at + 1] === hashLength; at += 2 + hashLength) {
    hashes.add(plain.subarray(at + 2, at + 2 + hashLength).toString("hex"))
  }
  return hashes
}
