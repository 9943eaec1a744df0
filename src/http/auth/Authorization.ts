import { HttpApiError, HttpRouter, HttpServerRequest } from "@effect/platform"
import { Effect, Layer, Schema } from "effect"
import { Forbidden, type Principal, Unauthorized } from "../../domain/Access.ts"
import { InsufficientScope } from "../../domain/ApiKey.ts"
import type { Device } from "../../domain/Device.ts"
import { DeviceId } from "../../domain/DeviceId.ts"
import { Devices } from "../../sql/devices/Devices.ts"
import {
  Authorized, AuthorizedByQuery, AuthorizedForDevice, AuthorizedForFirstDevice, type CallerIdentity
} from "../contract/Authorization.ts"
import { ClientAddress } from "../edge/ClientAddress.ts"
import { access, type AccessRule } from "./Access.ts"
import { Authentication } from "./Authentication.ts"
import { apiKeyOf } from "./Credential.ts"
import { CredentialUsers } from "./CredentialUsers.ts"
import { FirstDevices } from "./FirstDevices.ts"
import { KeyRing } from "./KeyRing.ts"

/** A user may use his own devices, an administrator all; a key that is bound to devices these alone. */
export const mayUse = (principal: Principal, device: Device): Effect.Effect<void, Forbidden> =>
  (principal.role === "admin" || device.userId === principal.userId) &&
    (principal.devices === null || principal.devices.includes(device.deviceId))
    ? Effect.void
    : new Forbidden()

/** In a group of such a device: what WhatsApp takes from the group's administrators. */
export const mayManageGroups = ({ role }: Principal): boolean => role === "admin"

const administratorsInPerson: AccessRule = { who: "admin", scope: null }

/** The caller, if {@link access} lets him. */
const caller = Effect.gen(function*() {
  const users = yield* CredentialUsers
  const keyRing = yield* KeyRing
  const clients = yield* ClientAddress

  return Effect.gen(function*() {
    const authentication = yield* Authentication
    const request = yield* HttpServerRequest.HttpServerRequest
    const credential = yield* Effect.catchTag(
      authentication,
      "WrongApiKey",
      (wrong) => keyRing.refuse(wrong, clients.of(request))
    )
    const user = yield* users.behind(credential)
    const { route } = yield* HttpRouter.RouteContext
    const rule = access[`${route.method} ${route.path}`] ?? administratorsInPerson
    if (rule.who === "admin" && !user.isAdmin) return yield* new Forbidden()
    if (credential._tag === "Key" && (rule.scope === null || !credential.key.scopes.includes(rule.scope))) {
      return yield* new InsufficientScope({ needed: rule.scope })
    }
    // what does not name a device in its path spans all of them, unless it says that it does not
    if (credential.devices !== null && rule.keepsToDevices !== true && !route.path.includes("/:deviceId")) return yield* new Forbidden()
    return {
      userId: user.id,
      username: user.username,
      role: user.role,
      devices: credential.devices,
      apiKey: apiKeyOf(credential),
      credential
    } satisfies CallerIdentity
  })
})

const decodePath = Schema.decodeUnknown(Schema.Struct({ deviceId: DeviceId }))

const callerDevice = Effect.gen(function*() {
  const devices = yield* Devices
  const findCaller = yield* caller
  return Effect.gen(function*() {
    const asking = yield* findCaller
    const { params } = yield* HttpRouter.RouteContext
    const { deviceId } = yield* Effect.catchAll(decodePath(params), HttpApiError.HttpApiDecodeError.refailParseError)
    const device = yield* devices.get(deviceId)
    yield* mayUse(asking, device)
    return { caller: asking, device }
  })
})

const callerFirstDevice = Effect.gen(function*() {
  const firstDevices = yield* FirstDevices
  const findCaller = yield* caller
  return Effect.gen(function*() {
    const asking = yield* findCaller
    const device = yield* firstDevices.of(asking)
    return { caller: asking, device }
  })
})

/** What the request shows has been read by Authentication: the last scheme that is tried answers for all of them. */
const skip = () => new Unauthorized({ reason: "missing" })

export const layer = Layer.mergeAll(
  Layer.effect(Authorized, Effect.map(caller, (check) => Authorized.of({ bearer: skip, apiKey: () => check }))),
  Layer.effect(
    AuthorizedByQuery,
    Effect.map(caller, (check) => AuthorizedByQuery.of({ bearer: skip, apiKey: skip, token: skip, ticket: () => check }))
  ),
  Layer.effect(AuthorizedForDevice, Effect.map(callerDevice, (check) => AuthorizedForDevice.of({ bearer: skip, apiKey: () => check }))),
  Layer.effect(
    AuthorizedForFirstDevice,
    Effect.map(callerFirstDevice, (check) => AuthorizedForFirstDevice.of({ bearer: skip, apiKey: () => check }))
  )
)
