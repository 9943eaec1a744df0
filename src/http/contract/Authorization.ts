import { HttpApiMiddleware, HttpApiSecurity } from "@effect/platform"
import { Context, Schema } from "effect"
import type { Principal } from "../../domain/Access.ts"
import type { Device } from "../../domain/Device.ts"
import * as Envelope from "../Envelope.ts"
import type { Claims } from "../auth/Tokens.ts"
import { deviceNotFound, forbidden, storageUnavailable, unauthorized } from "./Failures.ts"

/** Who asks, and by which token. */
export interface CallerIdentity extends Principal {
  readonly claims: Claims
}

export class Caller extends Context.Tag("whatsapp-service/Caller")<Caller, CallerIdentity>() {}

/** The device of the path, which the caller may use. */
export class CallerDevice extends Context.Tag("whatsapp-service/CallerDevice")<CallerDevice, {
  readonly caller: CallerIdentity
  readonly device: Device
}>() {}

/** Asks for a token and for the role that the table of {@link access} names. */
export class Authorized extends HttpApiMiddleware.Tag<Authorized>()("whatsapp-service/Authorized", {
  provides: Caller,
  failure: Schema.Union(unauthorized, forbidden, storageUnavailable),
  security: { bearer: HttpApiSecurity.bearer }
}) {}

/** The same, for browsers' EventSource, which cannot send headers. */
export class AuthorizedByQuery extends HttpApiMiddleware.Tag<AuthorizedByQuery>()("whatsapp-service/AuthorizedByQuery", {
  provides: Caller,
  failure: Schema.Union(unauthorized, forbidden, storageUnavailable),
  security: { bearer: HttpApiSecurity.bearer, token: HttpApiSecurity.apiKey({ in: "query", key: "token" }) }
}) {}

/** The same, and that the device of the path is the caller's. */
export class AuthorizedForDevice extends HttpApiMiddleware.Tag<AuthorizedForDevice>()("whatsapp-service/AuthorizedForDevice", {
  provides: CallerDevice,
  failure: Schema.Union(unauthorized, forbidden, deviceNotFound, storageUnavailable, Envelope.validation),
  security: { bearer: HttpApiSecurity.bearer }
}) {}
