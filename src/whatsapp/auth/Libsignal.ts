import libsignal, { type SessionEntry } from "libsignal"
import { verifySignature } from "./Curve.ts"

const { MessageCounterError, PreKeyError, SessionBuilder, SessionCipher, SessionError, SessionRecord, UntrustedIdentityKeyError } =
  libsignal

const closedSessionsKept = 40
/** Of the other side's turns the newest, as many as Signal's own libraries keep; and in all keys for so many messages that have not come. */
const turnsKept = 5
const keysKept = 2000
let mended = false

/**
 * Replaces what libsignal 6.0.0 does wrong, for the whole process, once:
 * - its job queue is shared by all accounts and runs a job in the async context of whoever came first; our callers hold
 *   one lock per account, so jobs run at once;
 * - it steps the ratchet before it checks the MAC, and keeps the step when the check fails: each session is tried on a copy;
 * - it keeps each turn of a conversation for ever, so that a session grows and is written whole with every message;
 * - it takes signed pre-keys without checking their signature;
 * - it prints sessions, with their private keys, to the console.
 */
export const mendLibsignal = (): void => {
  if (mended) return
  mended = true

  SessionCipher.prototype.queueJob = (job) => job()

  SessionCipher.prototype.decryptWithSessions = async function(data, [session, ...others]) {
    if (session === undefined) throw new SessionError("No matching sessions found for message")
    const copy = session.constructor.deserialize(session.serialize())
    try {
      const plaintext = await this.doDecryptWhisperMessage(data, copy)
      copy.indexInfo.used = Date.now()
      forgetOldTurns(copy)
      replace(session, copy)
      return { session, plaintext }
    } catch (error) {
      // only the session that has this very chain can know that the counter is used up
      if (error instanceof MessageCounterError) throw error
    }
    return this.decryptWithSessions(data, others)
  }

  SessionCipher.prototype.decryptWhisperMessage = async function(data) {
    const record = await this.getRecord()
    if (!record) throw new SessionError("No session record")
    const { plaintext, session } = await this.decryptWithSessions(data, record.getSessions())
    const identity = session.indexInfo.remoteIdentityKey
    if (!(await this.storage.isTrustedIdentity(this.addr.id, identity))) {
      throw new UntrustedIdentityKeyError(this.addr.id, identity)
    }
    await this.storeRecord(record)
    return plaintext
  }

  SessionBuilder.prototype.initOutgoing = async function(bundle) {
    const { identityKey, preKey, registrationId, signedPreKey } = bundle
    if (!(await this.storage.isTrustedIdentity(this.addr.id, identityKey))) {
      throw new UntrustedIdentityKeyError(this.addr.id, identityKey)
    }
    if (!verifySignature(identityKey, signedPreKey.publicKey, signedPreKey.signature)) {
      throw new PreKeyError("The signed pre-key is not signed by its identity")
    }
    const baseKey = libsignal.curve.generateKeyPair()
    const session = await this.initSession(
      true,
      baseKey,
      undefined,
      identityKey,
      preKey?.publicKey,
      signedPreKey.publicKey,
      registrationId
    )
    session.pendingPreKey = {
      signedKeyId: signedPreKey.keyId,
      baseKey: baseKey.pubKey,
      ...(preKey ? { preKeyId: preKey.keyId } : {})
    }
    const address = this.addr.toString()
    const record = (await this.storage.loadSession(address)) ?? new SessionRecord()
    const open = record.getOpenSession()
    if (open) record.closeSession(open)
    record.setSession(session)
    await this.storage.storeSession(address, record)
  }

  SessionBuilder.prototype.initIncoming = async function(record, message) {
    if (!(await this.storage.isTrustedIdentity(this.addr.toString(), message.identityKey))) {
      throw new UntrustedIdentityKeyError(this.addr.id, message.identityKey)
    }
    if (record.getSession(message.baseKey)) return undefined
    const preKey = await this.storage.loadPreKey(message.preKeyId)
    if (message.preKeyId && !preKey) throw new PreKeyError("Invalid PreKey ID")
    const signedPreKey = await this.storage.loadSignedPreKey(message.signedPreKeyId)
    if (!signedPreKey) throw new PreKeyError("Missing SignedPreKey")
    const open = record.getOpenSession()
    if (open) record.closeSession(open)
    record.setSession(
      await this.initSession(
        false,
        preKey,
        signedPreKey,
        message.identityKey,
        message.baseKey,
        undefined,
        message.registrationId
      )
    )
    return message.preKeyId
  }

  SessionRecord.prototype.closeSession = function(session) {
    if (!this.isClosed(session)) session.indexInfo.closed = Date.now()
  }
  SessionRecord.prototype.openSession = function(session) {
    session.indexInfo.closed = -1
  }
  SessionRecord.prototype.removeOldSessions = function() {
    const all = Object.entries(this.sessions)
    const closed = all.filter(([, session]) => this.isClosed(session))
      .toSorted(([, a], [, b]) => a.indexInfo.closed - b.indexInfo.closed)
    for (const [key] of closed.slice(0, Math.max(0, all.length - closedSessionsKept))) delete this.sessions[key]
  }
}

/** Of older turns only the keys matter of messages that others have overtaken; the newest of these are kept. */
const forgetOldTurns = ({ _chains: chains }: SessionEntry) => {
  const turns = Object.entries(chains).filter(([, { chainType }]) => chainType === 2).toReversed()
  let room = keysKept
  for (const [index, [id, { messageKeys }]] of turns.entries()) {
    const counters = Object.keys(messageKeys).map(Number)
    for (const counter of counters.slice(0, Math.max(0, counters.length - room))) delete messageKeys[counter]
    if (index >= turnsKept && Math.min(room, counters.length) === 0) delete chains[id]
    room = Math.max(0, room - counters.length)
  }
}

const replace = (session: SessionEntry, copy: SessionEntry) => {
  if (copy.pendingPreKey === undefined) delete session.pendingPreKey
  Object.assign(session, copy)
}
