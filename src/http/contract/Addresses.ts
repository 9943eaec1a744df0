import { Effect, ParseResult, Schema } from "effect"
import { bareJid, isGroupJid, isJid, isLidJid, isPhoneJid, Jid, phoneJid } from "../../domain/Jid.ts"
import { PhoneNumberFromInput } from "../../domain/PhoneNumber.ts"

const decodePhoneNumber = ParseResult.decode(PhoneNumberFromInput)
const sent = Schema.String.pipe(Schema.maxLength(100))

/** A person, as `:jid` names him: a phone number in any form, or an address of either kind. */
export const PersonAddress = Schema.transformOrFail(sent, Schema.typeSchema(Jid), {
  strict: true,
  decode: (input, _, ast) => {
    const jid = input.includes("@") ? bareJid(input) : undefined
    if (jid !== undefined && isJid(jid) && isLidJid(jid)) return ParseResult.succeed(jid)
    const refused = new ParseResult.Type(
      ast,
      input,
      "a phone number with country code, or a …@s.whatsapp.net or …@lid address is expected"
    )
    if (jid !== undefined && !isPhoneJid(jid)) return ParseResult.fail(refused)
    return Effect.mapBoth(decodePhoneNumber(jid ?? input), { onFailure: () => refused, onSuccess: phoneJid })
  },
  encode: (jid) => ParseResult.succeed(jid)
})

/** A group, as `:groupId` names it: its address, or the part before the `@`. */
export const GroupAddress = Schema.transformOrFail(sent, Schema.typeSchema(Jid), {
  strict: true,
  decode: (input, _, ast) => {
    const jid = input.includes("@") ? input : `${input}@g.us`
    return isJid(jid) && isGroupJid(jid) && /^[\d-]+@/.test(jid)
      ? ParseResult.succeed(jid)
      : ParseResult.fail(new ParseResult.Type(ast, input, "a group's id is expected, such as 120363000000000001@g.us"))
  },
  encode: (jid) => ParseResult.succeed(jid)
})
