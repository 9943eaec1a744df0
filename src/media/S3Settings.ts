import { Config, ConfigError, Effect, Either, type Redacted } from "effect"

/** Where files are kept if not on disk. */
export interface S3Settings {
  /** without a bucket and without a path */
  readonly endpoint: URL
  readonly bucket: string
  readonly region: string
  readonly accessKey: string
  readonly secretKey: Redacted.Redacted
  /** the bucket is the first part of the path, not of the host's name */
  readonly pathStyle: boolean
}

const endpoint = Config.string("MEDIA_S3_ENDPOINT").pipe(
  Config.mapOrFail((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined
    return url !== undefined && /^https?:$/.test(url.protocol) && url.pathname === "/" && url.search === "" && url.username === ""
      ? Either.right(url)
      : Either.left(ConfigError.InvalidData(["MEDIA_S3_ENDPOINT"], "an address such as https://s3.eu-central-1.amazonaws.com is expected"))
  })
)
const bucket = Config.string("MEDIA_S3_BUCKET").pipe(
  Config.mapOrFail((text) =>
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(text)
      ? Either.right(text)
      : Either.left(ConfigError.InvalidData(["MEDIA_S3_BUCKET"], `a bucket's name is expected, not '${text}'`)))
)

const s3: Config.Config<S3Settings> = Config.all({
  endpoint,
  bucket,
  region: Config.withDefault(Config.nonEmptyString("MEDIA_S3_REGION"), "us-east-1"),
  accessKey: Config.nonEmptyString("MEDIA_S3_ACCESS_KEY"),
  secretKey: Config.redacted("MEDIA_S3_SECRET_KEY"),
  pathStyle: Config.map(Config.withDefault(Config.literal("on", "off")("MEDIA_S3_PATH_STYLE"), "on"), (value) => value === "on")
})

/** `MEDIA_STORE`: `s3` with `MEDIA_S3_*`; undefined for `disk`. */
export const s3Settings = Effect.flatMap(
  Config.withDefault(Config.literal("disk", "s3")("MEDIA_STORE"), "disk"),
  (store): Effect.Effect<S3Settings | undefined, ConfigError.ConfigError> => store === "s3" ? s3 : Effect.succeed(undefined)
)
