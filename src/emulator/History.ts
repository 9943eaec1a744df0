import { randomBytes } from "node:crypto"
import { deflateSync } from "node:zlib"
import type { Companion } from "./Companion.ts"
import { messageId } from "./messageId.ts"
import type { Outgoing } from "./Outgoing.ts"
import { proto } from "./protocol/codec.ts"

const { HistorySyncType } = proto.HistorySync
const { Type } = proto.Message.ProtocolMessage

const appStateKeys = (): proto.IMessage => ({
  protocolMessage: {
    type: Type.APP_STATE_SYNC_KEY_SHARE,
    appStateSyncKeyShare: {
      keys: [{
        keyId: { keyId: Buffer.concat([Buffer.from([0, 0]), randomBytes(4)]) },
        keyData: {
          keyData: randomBytes(32),
          fingerprint: { rawId: randomBytes(4).readUInt32BE(), currentIndex: 0, deviceIndexes: [0] },
          timestamp: Date.now()
        }
      }]
    }
  }
})

const history = (sync: proto.IHistorySync, chunkOrder: number): proto.IMessage => ({
  protocolMessage: {
    type: Type.HISTORY_SYNC_NOTIFICATION,
    historySyncNotification: {
      syncType: sync.syncType as number,
      chunkOrder,
      progress: 100,
      initialHistBootstrapInlinePayload: deflateSync(proto.HistorySync.encode(sync as proto.HistorySync).finish())
    }
  }
})

/** What a phone sends a device it has just linked: keys for app state, then its (here empty) history and names. */
export const sendHistory = (outgoing: Outgoing, companion: Companion): void => {
  const { account } = companion
  const pushnames = [{ id: account.jid(), pushname: account.name }]
  const messages = [
    appStateKeys(),
    history({ syncType: HistorySyncType.INITIAL_BOOTSTRAP, conversations: [], progress: 100 }, 0),
    history({ syncType: HistorySyncType.PUSH_NAME, pushnames, progress: 100 }, 0),
    history({ syncType: HistorySyncType.RECENT, conversations: [], progress: 100 }, 1)
  ]
  for (const message of messages) {
    outgoing.prepare(account.primary, { id: messageId(), message, to: account, peer: true }, companion)()
  }
}
