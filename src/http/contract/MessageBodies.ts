import { Schema } from "effect"
import { ChatState } from "../../domain/ChatState.ts"
import { Jid } from "../../domain/Jid.ts"
import { MessageId, MessageText } from "../../domain/Message.ts"
import { PhoneNumberFromInput } from "../../domain/PhoneNumber.ts"
import { PersonAddress } from "./Addresses.ts"
import { closed, withAliases } from "./Body.ts"

/** A line that people read. */
const line = (most: number) =>
  Schema.String.pipe(
    Schema.filter((text) => (text.trim() === "" ? "the text is empty" : undefined)),
    Schema.filter((text) => (text.length > most ? `at most ${most} characters are expected` : undefined))
  )

const aliases = { to: "phone" }
const quoting = { quotedMessageId: Schema.optional(MessageId) }
const toPerson = { phone: PersonAddress }
const example = { phone: "6281234567890" }
const Mentions = Schema.Array(PersonAddress).pipe(Schema.maxItems(256))

const Url = Schema.String.pipe(
  Schema.maxLength(2048),
  Schema.filter((url) => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol) ? undefined : "an http or https address is expected")
)
const Preview = closed({
  url: Url,
  title: line(300),
  description: Schema.optional(line(1000))
})

export const TextBody = withAliases(
  closed({
    ...toPerson,
    ...quoting,
    message: MessageText,
    mentions: Schema.optional(Mentions),
    preview: Schema.optional(Preview)
  }).pipe(
    Schema.filter(({ message, preview }) =>
      preview === undefined || message.includes(preview.url)
        ? undefined
        : { path: ["preview", "url"], message: "the text has to contain this address" }
    )
  ),
  { ...aliases, text: "message" },
  { ...example, message: "Pesanan Anda dikirim." }
)

const degrees = (most: number) =>
  Schema.Number.pipe(Schema.between(-most, most, { message: () => `a number from -${most} to ${most} is expected` }))

const place = {
  ...quoting,
  latitude: degrees(90),
  longitude: degrees(180),
  name: Schema.optional(line(255)),
  address: Schema.optional(line(1000))
}
const shop = { latitude: -6.2, longitude: 106.8166, name: "Toko", address: "Jl. Sudirman 1" }
export const LocationBody = withAliases(closed({ ...toPerson, ...place }), aliases, { ...example, ...shop })
export const GroupLocationBody = withAliases(closed(place), {}, shop)

const Card = closed({
  name: line(255),
  phone: PhoneNumberFromInput,
  organization: Schema.optional(line(255)),
  email: Schema.optional(Schema.String.pipe(
    Schema.maxLength(254),
    Schema.pattern(/^[^\s@]+@[^\s@]+$/, { message: () => "an e-mail address is expected" })
  ))
})

const cards = { ...quoting, contacts: Schema.Array(Card).pipe(Schema.minItems(1), Schema.maxItems(20)) }
const siti = { contacts: [{ name: "Siti", phone: "+62 812-9876-5432", organization: "Toko" }] }
export const ContactBody = withAliases(closed({ ...toPerson, ...cards }), aliases, { ...example, ...siti })
export const GroupContactBody = withAliases(closed(cards), {}, siti)

const options = Schema.Array(line(100)).pipe(
  Schema.minItems(2),
  Schema.maxItems(12),
  Schema.filter((all) => new Set(all.map((option) => option.trim())).size === all.length ? undefined : "each option has to be another one")
)

const poll = {
  ...quoting,
  name: line(255),
  options,
  selectableCount: Schema.optionalWith(Schema.Int.pipe(Schema.between(0, 12)), { default: () => 1 })
}
const asManyOptions = <A extends { readonly options: ReadonlyArray<string>; readonly selectableCount: number }, I>(body: Schema.Schema<A, I>) =>
  body.pipe(Schema.filter(({ options, selectableCount }) =>
    selectableCount <= options.length
      ? undefined
      : { path: ["selectableCount"], message: "there are not as many options" }
  ))
const question = { question: "name" }
const when = { name: "Jam berapa?", options: ["08.00", "13.00"], selectableCount: 1 }
export const PollBody = withAliases(asManyOptions(closed({ ...toPerson, ...poll })), { ...aliases, ...question }, { ...example, ...when })
export const GroupPollBody = withAliases(asManyOptions(closed(poll)), question, when)

const graphemes = new Intl.Segmenter()
const isEmoji = (text: string) =>
  /\p{Extended_Pictographic}|\p{Regional_Indicator}{2}|[#*0-9]\uFE0F?\u20E3/u.test(text) && [...graphemes.segment(text)].length === 1

/** One emoji; empty or null takes the reaction back. */
export const ReactionBody = withAliases(
  closed({
    messageId: MessageId,
    emoji: Schema.NullOr(Schema.String.pipe(
      Schema.maxLength(64),
      Schema.filter((text) => text === "" || isEmoji(text) ? undefined : "one emoji is expected, or an empty text")
    ))
  }),
  {},
  { messageId: "3EB0123456789ABCDEF012", emoji: "👍" }
)

export const EditBody = withAliases(
  closed({ message: MessageText, mentions: Schema.optional(Mentions) }),
  { text: "message" },
  { message: "Pesanan Anda tiba besok." }
)

export const ForwardBody = withAliases(closed(toPerson), aliases, example)
export const GroupForwardBody = withAliases(closed({ messageId: MessageId }), {}, { messageId: "3EB0123456789ABCDEF012" })

export const TypingBody = withAliases(
  closed({ state: Schema.optionalWith(ChatState, { default: () => "composing" as const }) }),
  {},
  { state: "composing" }
)

export const ReadAnswer = Schema.Struct({ chat: Jid, read: Schema.Int })
export const TypingAnswer = Schema.Struct({ chat: Jid, state: ChatState })
