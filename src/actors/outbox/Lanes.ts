import { Schema } from "effect"
import { mediaTypes } from "../../domain/Media.ts"
import type { OutboxRow } from "../../sql/outbox/Outbox.ts"

/** Chats in flight at once: acks of different chats overlap, within a chat the order is kept. */
export const lanes = 16
/** Jobs leave some of them to what is urgent, however long an ack takes. */
const jobLanes = 12
/** So many are worth waiting for. */
const together = 4
/** Chats whose file is being uploaded: the others' texts do not wait behind them. */
const uploadLanes = 4

/** What of one connection is on its way: one message of a chat, and of a job that waits between two. */
export class Lanes {
  readonly #chats = new Set<string>()
  readonly #uploading = new Set<string>()
  readonly #jobs = new Set<string>()
  /** Chats in which something was settled since the queue was last asked: of these its answer may be out of date. */
  readonly #moved = new Set<string>()
  #refused = false

  get isIdle(): boolean {
    return this.#chats.size === 0
  }

  /**
   * Some message found no lane when the queue was last asked, and few have become free since. Those that leave together share
   * transactions all the way to their acks; replaced one by one they would stay apart for good, each with commits of its own.
   */
  get isCrowded(): boolean {
    return this.#refused && this.#chats.size > jobLanes - together
  }

  /** The queue is about to be asked. */
  asking(): void {
    this.#moved.clear()
    this.#refused = false
  }

  isFree(row: OutboxRow): boolean {
    if (this.#chats.size >= (row.jobId === null ? lanes : jobLanes)) {
      this.#refused = true
      return false
    }
    if (this.#chats.has(row.chatKey) || this.#moved.has(row.chatKey)) return false
    if (this.#jobs.has(waitsBetween(row) ?? "")) return false
    return !needsUpload(row) || this.#uploading.size < uploadLanes
  }

  enter(row: OutboxRow): void {
    this.#chats.add(row.chatKey)
    if (needsUpload(row)) this.#uploading.add(row.chatKey)
    const job = waitsBetween(row)
    if (job !== undefined) this.#jobs.add(job)
  }

  uploaded(row: OutboxRow): void {
    this.#uploading.delete(row.chatKey)
  }

  leave(row: OutboxRow): void {
    this.#chats.delete(row.chatKey)
    this.#uploading.delete(row.chatKey)
    this.#jobs.delete(waitsBetween(row) ?? "")
    this.#moved.add(row.chatKey)
  }
}

/** The job, unless its messages go side by side. */
const waitsBetween = ({ jobDelay, jobId }: OutboxRow) => jobId !== null && (jobDelay ?? 0) > 0 ? jobId : undefined

const isMediaType = Schema.is(Schema.Literal(...mediaTypes))
const needsUpload = ({ messageType, payload }: OutboxRow) => payload === null && isMediaType(messageType)
