const zero = () => ({
  /** TCP connections that asked for an upgrade, and Noise handshakes that ended well. */
  upgrades: 0,
  handshakes: 0,
  handshakeFailures: 0,
  pairings: 0,
  logins: 0,
  loginFailures: 0,
  /** Streams closed because the same device logged in again. */
  replaced: 0,
  /** Message stanzas that came from linked devices; those answered with a good ack; those refused with an error. */
  messagesReceived: 0,
  messagesAccepted: 0,
  messagesRefused: 0,
  /** Stanzas without any ciphertext: what Baileys sends after an unanswered device query. */
  emptyMessages: 0,
  acksSent: 0,
  acksDropped: 0,
  /** Copies that emulated devices could read: new ones, ones whose id they had seen, and ones they could not read. */
  decrypted: 0,
  duplicates: 0,
  undecryptable: 0,
  /** Of the undecryptable: those read after a retry. */
  recovered: 0,
  retriesAsked: 0,
  retriesAnswered: 0,
  /** Ciphertexts for linked devices made by emulated phones, and stanzas sent again at a login. */
  encrypted: 0,
  redelivered: 0,
  offlineDropped: 0,
  receiptsReceived: 0,
  receiptsSent: 0,
  /** Media that linked devices put and fetched, and that phones uploaded again for them. */
  uploads: 0,
  downloads: 0,
  reuploads: 0,
  nacks: 0,
  iqs: 0,
  unknown: 0,
  pings: 0,
  preKeysConsumed: 0,
  preKeysExhausted: 0
})

export type Counts = ReturnType<typeof zero>

export class Stats {
  readonly counts: Counts = zero()

  add(what: keyof Counts, by = 1): void {
    this.counts[what] += by
  }

  reset(): void {
    Object.assign(this.counts, zero())
  }
}
