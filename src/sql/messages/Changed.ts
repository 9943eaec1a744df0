import { DateTime, Option, Schema } from "effect"
import { MessageChange, OptionVotes, Reaction } from "../../domain/MessageChange.ts"
import { MessageMetadata, MessageSecrets } from "../../domain/MessageMetadata.ts"
import { MessageId } from "../../domain/Message.ts"
import { readVote } from "../../domain/PollVote.ts"

/** A person's change of a message, as it is kept. */
export const KeptChange = Schema.Struct({
  chatKey: Schema.String,
  targetId: MessageId,
  targetSender: Schema.String,
  /** who makes it: as `sender_key` of messages */
  author: Schema.String,
  authorNumber: Schema.NullOr(Schema.String),
  changeId: MessageId,
  changedAt: Schema.Int,
  content: Schema.parseJson(MessageChange)
})
export type KeptChange = typeof KeptChange.Type

const nullOrJson = <A, I>(schema: Schema.Schema<A, I>) => Schema.NullOr(Schema.parseJson(schema))
const time = Schema.NullOr(Schema.Int)

/** What changes of a message can touch. */
export const changeableFields = {
  messageId: MessageId,
  messageType: Schema.String,
  content: Schema.NullOr(Schema.String),
  metadata: nullOrJson(MessageMetadata),
  secrets: nullOrJson(MessageSecrets),
  editedAt: time,
  deletedAt: time,
  reactions: nullOrJson(Schema.Array(Reaction)),
  votes: nullOrJson(Schema.Array(OptionVotes))
}
export type Changeable = Schema.Schema.Type<Schema.Struct<typeof changeableFields>>

/** By the id alone where it is ours: a change may come under another address of the same person, and we choose our ids. */
export const targetKey = (sender: string, chatKey: string, id: string): string =>
  sender === "me" ? `me ${id}` : `${chatKey} ${sender} ${id}`

/** Of one person's changes of one kind only the newest counts. */
export const slotOf = (change: KeptChange): string =>
  `${targetKey(change.targetSender, change.chatKey, change.targetId)} ${change.author} ${change.content._tag}`

/** The order is total, so that any order of arrival leaves the same one. */
export const overrules = (next: KeptChange, old: KeptChange): boolean =>
  next.changeId !== old.changeId &&
  (next.changedAt > old.changedAt || (next.changedAt === old.changedAt && next.changeId > old.changeId))

/** The message as these changes leave it: the same whatever it was before, in whatever order they came. */
export const changed = (message: Changeable, all: ReadonlyArray<KeptChange>): Changeable => {
  const changes = all.toSorted((a, b) => a.changedAt - b.changedAt || (a.author < b.author ? -1 : 1))
  const deleted = changes.filter(({ content }) => content._tag === "Delete").map(({ changedAt }) => changedAt)
  if (deleted.length > 0) {
    const nothing = { content: null, metadata: null, secrets: null, editedAt: null, reactions: null, votes: null }
    return { ...message, ...nothing, deletedAt: Math.min(...deleted) }
  }
  const reactions = changes.flatMap(reactionOf)
  return {
    ...message,
    ...edited(message, changes),
    reactions: reactions.length === 0 ? null : reactions,
    votes: votesOf(message, changes)
  }
}

const reactionOf = ({ author, authorNumber, changedAt, content }: KeptChange): ReadonlyArray<Reaction> =>
  content._tag === "Reaction" && content.emoji !== null
    ? [{ emoji: content.emoji, from: authorNumber, fromMe: author === "me", at: DateTime.unsafeMake(changedAt) }]
    : []

/** The newest edit; of a message that cannot be read there is nothing to edit until it can. */
const edited = (message: Changeable, changes: ReadonlyArray<KeptChange>): Partial<Changeable> => {
  if (message.messageType === "undecryptable") return {}
  const edits = changes.filter(({ content }) => content._tag === "Edit")
  const last = edits.reduce<KeptChange | undefined>((a, b) => a === undefined || overrules(b, a) ? b : a, undefined)
  if (last?.content._tag !== "Edit") return {}
  const { mentions: _, preview: __, ...rest } = message.metadata ?? {}
  const metadata = { ...rest, ...(last.content.mentions.length > 0 && { mentions: last.content.mentions }) }
  return {
    content: last.content.text,
    metadata: Object.keys(metadata).length === 0 ? null : metadata,
    editedAt: last.changedAt
  }
}

/** What a vote says; none if it cannot be read, or not yet. */
export const choiceOf = (poll: Changeable, vote: KeptChange): Option.Option<ReadonlyArray<string>> => {
  const options = poll.metadata?.poll?.options
  const secret = poll.secrets?.messageSecret
  return options === undefined || secret === undefined || vote.content._tag !== "Vote"
    ? Option.none()
    : readVote(vote.content, { messageId: poll.messageId, secret, options })
}

const votesOf = (poll: Changeable, changes: ReadonlyArray<KeptChange>): ReadonlyArray<OptionVotes> | null => {
  const read = changes.flatMap((vote) =>
    Option.match(choiceOf(poll, vote), {
      onNone: () => [],
      onSome: (options) => [{ options, voter: { from: vote.authorNumber, fromMe: vote.author === "me" } }]
    })
  )
  if (read.length === 0) return null
  return (poll.metadata?.poll?.options ?? []).map((option) => ({
    option,
    voters: read.filter(({ options }) => options.includes(option)).map(({ voter }) => voter)
  }))
}
