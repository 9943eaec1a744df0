import { Config, ConfigError, Effect, Either, Option, ParseResult, Schema } from "effect"
import { type CountryCode, isSupportedCountry, parsePhoneNumberFromString } from "libphonenumber-js/min"

/** E.164 digits without the plus sign: country code first, 7 to 15 digits. */
export const PhoneNumber = Schema.String.pipe(Schema.pattern(/^[1-9]\d{6,14}$/), Schema.brand("PhoneNumber"))
export type PhoneNumber = typeof PhoneNumber.Type

export const isPhoneNumber = Schema.is(PhoneNumber)

/**
 * Reads a number as people write it: `+62 812-3456-7890`, `0062 812…`, `62812…`, `(+62) 0812…`; with `country` also the
 * national form `0812…`. Whether the number exists only WhatsApp can say; what cannot be a number is `None`.
 */
export const parsePhoneNumber = (input: string, country?: string): Option.Option<PhoneNumber> => {
  const written = input.normalize("NFKC").trim().replace(/@(s\.whatsapp\.net|c\.us)$/, "")
  if (!/^\(?\+?[\d\s().\-/]+$/.test(written)) return Option.none()
  const digits = written.replaceAll(/\D/g, "")
  const international = written.includes("+") ? digits : digits.startsWith("00") ? digits.slice(2) : undefined
  if (international === undefined && digits.startsWith("0")) {
    const national = country === undefined ? undefined : parsePhoneNumberFromString(digits, country as CountryCode)
    return national?.isPossible() ? asPhoneNumber(national.number.slice(1)) : Option.none()
  }
  const e164 = international ?? digits
  // "+62 0812…": the library drops the trunk zero that people leave behind the country code
  const parsed = parsePhoneNumberFromString(`+${e164}`)
  return asPhoneNumber(parsed?.isPossible() ? parsed.number.slice(1) : e164)
}

const asPhoneNumber = (digits: string): Option.Option<PhoneNumber> =>
  isPhoneNumber(digits) ? Option.some(digits) : Option.none()

/** The country whose national numbers (`0812…`) are read as well: its ISO code, such as `ID`. */
export const defaultCountry = Config.option(
  Config.string("DEFAULT_COUNTRY").pipe(
    Config.mapOrFail((text) => {
      const code = text.trim().toUpperCase()
      return isSupportedCountry(code)
        ? Either.right(code)
        : Either.left(ConfigError.InvalidData(["DEFAULT_COUNTRY"], `a country's ISO code such as ID is expected, not '${text}'`))
    })
  )
)

/** Decodes user input into E.164 digits, see {@link parsePhoneNumber}. */
export const PhoneNumberFromInput = Schema.transformOrFail(
  Schema.String.pipe(Schema.maxLength(64)),
  Schema.typeSchema(PhoneNumber),
  {
    strict: true,
    decode: (input, _, ast) =>
      defaultCountry.pipe(
        Effect.flatMap((country) => parsePhoneNumber(input, Option.getOrUndefined(country))),
        Effect.mapError(() =>
          new ParseResult.Type(ast, input, "a phone number with country code is expected, such as 6281234567890")
        )
      ),
    encode: (phone) => ParseResult.succeed(phone)
  }
)
