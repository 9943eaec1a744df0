import { Config, ConfigError, Either } from "effect"
import { EventType, type ServiceEvent } from "../../domain/ServiceEvent.ts"

const Url = Config.redacted(
  Config.string("AMQP_URL").pipe(
    Config.mapOrFail((text) => {
      const protocol = URL.parse(text)?.protocol
      return protocol === "amqp:" || protocol === "amqps:"
        ? Either.right(text)
        : Either.left(ConfigError.InvalidData(["AMQP_URL"], "an address such as amqp://user:password@host:5672/vhost is expected"))
    })
  )
)

/** `AMQP_ROUTING_KEY`: the longest device id and type in it are 64 characters each, and AMQP takes 255 bytes. */
const RoutingKey = Config.string("AMQP_ROUTING_KEY").pipe(
  Config.mapOrFail((pattern) =>
    /^[\x21-\x7e]{1,120}$/.test(pattern) && !/<(?!deviceId>|type>)/.test(pattern)
      ? Either.right(pattern)
      : Either.left(ConfigError.InvalidData(["AMQP_ROUTING_KEY"], `at most 120 ASCII characters with <deviceId> and <type> are expected, not '${pattern}'`))
  ),
  Config.withDefault("whatsapp.<deviceId>.<type>")
)

const Events = Config.string("AMQP_EVENTS").pipe(
  Config.mapOrFail((text) => {
    const types = text.split(",").map((type) => type.trim())
    const wrong = types.find((type) => !EventType.literals.some((known) => known === type))
    return wrong === undefined
      ? Either.right(types as ReadonlyArray<EventType>)
      : Either.left(ConfigError.InvalidData(["AMQP_EVENTS"], `'${wrong}' is no type of event; there are ${EventType.literals.join(", ")}`))
  }),
  Config.option
)

/** How events reach a broker; read only where `AMQP_URL` is set. */
export const AmqpSettings = Config.all({
  url: Url,
  exchange: Config.nonEmptyString("AMQP_EXCHANGE").pipe(Config.withDefault("whatsapp")),
  routingKey: RoutingKey,
  /** none: all types */
  events: Events,
  /** what happens to an event that no queue takes */
  unroutable: Config.literal("wait", "pass")("AMQP_UNROUTABLE").pipe(Config.withDefault("wait" as const))
})
export type AmqpSettings = Config.Config.Success<typeof AmqpSettings>

export const routingKeyOf = (pattern: string, { deviceId, type }: Pick<ServiceEvent, "deviceId" | "type">): string =>
  pattern.replaceAll("<deviceId>", deviceId).replaceAll("<type>", type)
