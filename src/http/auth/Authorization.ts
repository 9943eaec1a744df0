import { HttpApiError, HttpRouter } from "@effect/platform"
import { Effect, Layer, Schema } from "effect"
import { Forbidden, type Principal } from "../../domain/Access.ts"
import type { Device } from "../../domain/Device.ts"
import { DeviceId } from "../../domain/DeviceId.ts"
import { Devices } from "../../sql/Devices.ts"
import { Authorized, AuthorizedByQuery, AuthorizedForDevice, type CallerIdentity } from "../contract/Authorization.ts"
import { access } from "./Access.ts"
import { ActiveUsers } from "./ActiveUsers.ts"
import { Authentication } from "./Authentication.ts"

/** A user may use his own devices, an administrator all. */
export const mayUse = (principal: Principal, device: Device): Effect.Effect<void, Forbidden> =>
  principal.role === "admin" || device.userId === principal.userId ? Effect.void : new Forbidden()

/** The caller, if he has the role that the endpoint asks for. */
const caller = Effect.gen(function*() {
  const users = yield* ActiveUsers
  return Effect.gen(function*() {
    const claims = yield* yield* Authentication
    const user = yield* users.behind(claims)
    const { route } = yield* HttpRouter.RouteContext
    const needed = access[`${route.method} ${route.path}`] ?? "admin"
    if (needed === "admin" && !user.isAdmin) return yield* new Forbidden()
    return { userId: user.id, username: user.username, role: user.role, claims } satisfies CallerIdentity
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

// the tokens have been read and checked by Authentication; which of the schemes carried them does not matter here
export const layer = Layer.mergeAll(
  Layer.effect(Authorized, Effect.map(caller, (check) => Authorized.of({ bearer: () => check }))),
  Layer.effect(AuthorizedByQuery, Effect.map(caller, (check) => AuthorizedByQuery.of({ bearer: () => check, token: () => check }))),
  Layer.effect(AuthorizedForDevice, Effect.map(callerDevice, (check) => AuthorizedForDevice.of({ bearer: () => check })))
)
