import { HttpApiMiddleware, HttpApiSecurity } from "@effect/platform"
import { Context, Schema } from "effect"
import type { Principal } from "../../domain/Access.ts"
import type { Device } from "../../domain/Device.ts"
import type { Credential } from "../auth/Credential.ts"
import * as Envelope from "../Envelope.ts"
import { deviceNotFound, forbidden, insufficientScope, storageUnavailable, tooManyAttempts, unauthorized } from "./Failures.ts"

/** Who asks, and by what he has shown it. */
export interface CallerIdentity extends Principal {
  /** the prefix of the API key, if he uses one */
  readonly apiKey: string | null
  readonly credential: Credential
}

export class Caller extends Context.Tag("whatsapp-service/Caller")<Caller, CallerIdentity>() {}

/** The device of the path, which the caller may use. */
export class CallerDevice extends Context.Tag("whatsapp-service/CallerDevice")<CallerDevice, {
  readonly caller: CallerIdentity
  readonly device: Device
}>() {}

const refusals = [unauthorized, forbidden, insufficientScope, tooManyAttempts, storageUnavailable] as const
const inHeader = {
  bearer: HttpApiSecurity.bearer,
  apiKey: HttpApiSecurity.apiKey({ key: "x-api-key" })
}

/** Asks for a token or an API key, and for what the table of access names. */
export class Authorized extends HttpApiMiddleware.Tag<Authorized>()("whatsapp-service/Authorized", {
  provides: Caller,
  failure: Schema.Union(...refusals),
  security: inHeader
}) {}

/** The same, for browsers' EventSource, which cannot send headers. */
export class AuthorizedByQuery extends HttpApiMiddleware.Tag<AuthorizedByQuery>()("whatsapp-service/AuthorizedByQuery", {
  provides: Caller,
  failure: Schema.Union(...refusals),
  security: {
    ...inHeader,
    token: HttpApiSecurity.apiKey({ in: "query", key: "token" }),
    ticket: HttpApiSecurity.apiKey({ in: "query", key: "ticket" })
  }
}) {}

/** The same, and that the device of the path is the caller's. */
export class AuthorizedForDevice extends HttpApiMiddleware.Tag<AuthorizedForDevice>()("whatsapp-service/AuthorizedForDevice", {
  provides: CallerDevice,
  failure: Schema.Union(...refusals, deviceNotFound, Envelope.validation),
  security: inHeader
}) {}

/** The same where no path names a device: the caller's first. */
export class AuthorizedForFirstDevice extends HttpApiMiddleware.Tag<AuthorizedForFirstDevice>()(
  "whatsapp-service/AuthorizedForFirstDevice",
  { provides: CallerDevice, failure: Schema.Union(...refusals), security: inHeader }
) {}
