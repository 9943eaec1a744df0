declare module "libsignal" {
  export interface Chain {
    /** 2: what the other side sends */
    chainType: 1 | 2
    /** by counter: of messages that others have overtaken */
    messageKeys: Record<number, Buffer>
  }

  export interface SessionEntry {
    /** in the order in which they began */
    _chains: Record<string, Chain>
    registrationId: number
    indexInfo: { used: number; created: number; closed: number; remoteIdentityKey: Buffer; baseKey: Buffer }
    pendingPreKey?: { signedKeyId: number; baseKey: Buffer; preKeyId?: number }
    serialize(): object
    readonly constructor: { deserialize(data: object): SessionEntry }
  }

  export class SessionRecord {
    sessions: Record<string, SessionEntry>
    static deserialize(data: object): SessionRecord
    serialize(): object
    getSession(baseKey: Buffer): SessionEntry | undefined
    getOpenSession(): SessionEntry | undefined
    getSessions(): Array<SessionEntry>
    setSession(session: SessionEntry): void
    isClosed(session: SessionEntry): boolean
    closeSession(session: SessionEntry): void
    openSession(session: SessionEntry): void
    removeOldSessions(): void
    haveOpenSession(): boolean
  }

  export class ProtocolAddress {
    constructor(id: string, deviceId: number)
    readonly id: string
    toString(): string
  }

  export interface KeyPair {
    pubKey: Buffer
    privKey: Buffer
  }

  export interface SignalStorage {
    loadSession(address: string): Promise<SessionRecord | null | undefined>
    storeSession(address: string, record: SessionRecord): Promise<void>
    isTrustedIdentity(id: string, key: Buffer): boolean | Promise<boolean>
    loadPreKey(id: number): Promise<KeyPair | undefined>
    removePreKey(id: number): void | Promise<void>
    loadSignedPreKey(id: number): KeyPair | Promise<KeyPair>
    getOurRegistrationId(): number | Promise<number>
    getOurIdentity(): KeyPair | Promise<KeyPair>
  }

  export interface PreKeyBundle {
    registrationId: number
    identityKey: Buffer
    signedPreKey: { keyId: number; publicKey: Buffer; signature: Buffer }
    preKey?: { keyId: number; publicKey: Buffer } | undefined
  }

  export interface PreKeyWhisperMessage {
    identityKey: Buffer
    baseKey: Buffer
    preKeyId: number
    signedPreKeyId: number
    registrationId: number
  }

  export class SessionBuilder {
    constructor(storage: SignalStorage, address: ProtocolAddress)
    readonly addr: ProtocolAddress
    readonly storage: SignalStorage
    initOutgoing(bundle: PreKeyBundle): Promise<void>
    initIncoming(record: SessionRecord, message: PreKeyWhisperMessage): Promise<number | undefined>
    initSession(
      isInitiator: boolean,
      ourEphemeralKey: KeyPair | undefined,
      ourSignedKey: KeyPair | undefined,
      theirIdentityKey: Buffer,
      theirEphemeralKey: Buffer | undefined,
      theirSignedKey: Buffer | undefined,
      registrationId: number
    ): Promise<SessionEntry>
  }

  export class SessionCipher {
    constructor(storage: SignalStorage, address: ProtocolAddress)
    readonly addr: ProtocolAddress
    readonly storage: SignalStorage
    getRecord(): Promise<SessionRecord | undefined>
    storeRecord(record: SessionRecord): Promise<void>
    queueJob<A>(job: () => Promise<A>): Promise<A>
    encrypt(data: Buffer): Promise<{ type: number; body: Buffer; registrationId: number }>
    decryptWithSessions(
      data: Buffer,
      sessions: Array<SessionEntry>
    ): Promise<{ session: SessionEntry; plaintext: Buffer }>
    decryptWhisperMessage(data: Buffer): Promise<Buffer>
    decryptPreKeyWhisperMessage(data: Buffer): Promise<Buffer>
    doDecryptWhisperMessage(data: Buffer, session: SessionEntry): Promise<Buffer>
  }

  export class SessionError extends Error {}
  export class MessageCounterError extends SessionError {}
  export class PreKeyError extends Error {}
  export class UntrustedIdentityKeyError extends Error {
    constructor(id: string, key: Buffer)
  }

  export const curve: {
    generateKeyPair(): KeyPair
    calculateSignature(privateKey: Buffer, message: Buffer): Buffer
    verifySignature(publicKey: Buffer, message: Buffer, signature: Buffer): boolean
  }

  interface Libsignal {
    SessionRecord: typeof SessionRecord
    SessionCipher: typeof SessionCipher
    SessionBuilder: typeof SessionBuilder
    ProtocolAddress: typeof ProtocolAddress
    SessionError: typeof SessionError
    MessageCounterError: typeof MessageCounterError
    PreKeyError: typeof PreKeyError
    UntrustedIdentityKeyError: typeof UntrustedIdentityKeyError
    curve: typeof curve
  }
  const libsignal: Libsignal
  export default libsignal
}
