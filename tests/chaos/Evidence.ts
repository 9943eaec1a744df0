import type { StoredEvent, StoredMessage } from "./ChaosDatabase.ts"
import type { Send, Written } from "./Diary.ts"
import type { Walk } from "./Walk.ts"

/** What there is to judge a walk by, and what has been found so far. */
export interface Evidence {
  readonly walk: Walk
  /** The rows of chats with one person. */
  readonly messages: ReadonlyArray<StoredMessage>
  readonly events: ReadonlyArray<StoredEvent>
  /** Rows by `device|message id`. */
  readonly byId: ReadonlyMap<string, ReadonlyArray<StoredMessage>>
  readonly rowOf: ReadonlyMap<Send, StoredMessage>
  /** What others wrote, by `device|message id`. */
  readonly written: ReadonlyMap<string, Written>
  readonly missing: Array<string>
  readonly wrong: Array<string>
}
