import { randomBytes } from "node:crypto"
import { Readable } from "node:stream"
import { deflateSync } from "node:zlib"
import type { Companion } from "../Companion.ts"
import type { Media } from "../media/Media.ts"
import { messageId } from "../messageId.ts"
import type { Outgoing } from "../Outgoing.ts"
import { proto } from "../protocol/codec.ts"

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

const notification = (
  sync: proto.IHistorySync,
  chunkOrder: number,
  where: proto.Message.IHistorySyncNotification
): proto.IMessage => ({
  protocolMessage: {
    type: Type.HISTORY_SYNC_NOTIFICATION,
    historySyncNotification: { syncType: sync.syncType as number, chunkOrder, progress: sync.progress ?? 100, ...where }
  }
})

const packed = (sync: proto.IHistorySync): Buffer =>
  deflateSync(proto.HistorySync.encode(sync as proto.HistorySync).finish())

const inline = (sync: proto.IHistorySync, chunkOrder: number): proto.IMessage =>
  notification(sync, chunkOrder, { initialHistBootstrapInlinePayload: packed(sync) })

const blob = async (media: Media, sync: proto.IHistorySync, chunkOrder: number): Promise<proto.IMessage> => {
  const { directPath, fileEncSha256, fileLength, fileSha256, mediaKey } = await media.upload(
    "history",
    Readable.from([packed(sync)])
  )
  return notification(sync, chunkOrder, { directPath, fileEncSha256, fileLength, fileSha256, mediaKey })
}

/**
 * What a phone sends a device it has just linked: keys for app state, the newest message of each chat, names, and then,
 * over the media server, its past.
 */
export const sendHistory = async (outgoing: Outgoing, media: Media, companion: Companion): Promise<void> => {
  const { account } = companion
  const { past } = account
  const send = (message: proto.IMessage) =>
    outgoing.prepare(account.primary, { id: messageId(), message, to: account, peer: true }, companion)()
  const shared = { phoneNumberToLidMappings: past.mappings() }
  const { FULL, INITIAL_BOOTSTRAP, PUSH_NAME, RECENT } = HistorySyncType
  send(appStateKeys())
  send(inline({ syncType: INITIAL_BOOTSTRAP, conversations: past.conversations(1), progress: 100, ...shared }, 0))
  send(inline({ syncType: PUSH_NAME, pushnames: past.names(), progress: 100 }, 0))
  const recent = { syncType: RECENT, conversations: past.conversations(), progress: 100, ...shared }
  const whole = { ...recent, syncType: FULL }
  if (past.empty || past.inline) {
    send(inline(recent, 1))
    return past.full ? send(inline(whole, 2)) : undefined
  }
  send(await blob(media, recent, 1))
  if (past.full) send(await blob(media, whole, 2))
}
