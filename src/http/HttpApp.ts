import { HttpLayerRouter, HttpMiddleware } from "@effect/platform"
import { Effect, Layer } from "effect"
import { defaultCountry } from "../domain/PhoneNumber.ts"
import { Api } from "./Api.ts"
import { Accounts } from "./auth/Accounts.ts"
import { ActiveUsers } from "./auth/ActiveUsers.ts"
import { ApiKeyIssue } from "./auth/ApiKeyIssue.ts"
import * as Authorization from "./auth/Authorization.ts"
import { CredentialUsers } from "./auth/CredentialUsers.ts"
import { FirstDevices } from "./auth/FirstDevices.ts"
import { KeyRing } from "./auth/KeyRing.ts"
import { Passwords } from "./auth/Passwords.ts"
import { Sessions } from "./auth/Sessions.ts"
import { StreamTickets } from "./auth/StreamTickets.ts"
import { Tokens } from "./auth/Tokens.ts"
import { UserAdministration } from "./auth/UserAdministration.ts"
import * as Docs from "./Docs.ts"
import { ClientAddress } from "./edge/ClientAddress.ts"
import * as Edge from "./edge/Edge.ts"
import { RateLimit } from "./edge/RateLimit.ts"
import { EventHub } from "./events/EventHub.ts"
import { EventPages } from "./events/EventPages.ts"
import { EventStreams } from "./events/EventStreams.ts"
import * as AdminListHandlers from "./handlers/AdminListHandlers.ts"
import * as AdminUserHandlers from "./handlers/AdminUserHandlers.ts"
import * as ApiKeyHandlers from "./handlers/ApiKeyHandlers.ts"
import * as AuditHandlers from "./handlers/AuditHandlers.ts"
import * as AuthHandlers from "./handlers/AuthHandlers.ts"
import * as ContactHandlers from "./handlers/ContactHandlers.ts"
import * as DeviceHandlers from "./handlers/DeviceHandlers.ts"
import * as EventLogHandlers from "./handlers/EventLogHandlers.ts"
import * as EventHandlers from "./handlers/EventHandlers.ts"
import * as GroupHandlers from "./handlers/GroupHandlers.ts"
import * as GroupMessageHandlers from "./handlers/GroupMessageHandlers.ts"
import * as HealthHandlers from "./handlers/HealthHandlers.ts"
import * as HistoryHandlers from "./handlers/HistoryHandlers.ts"
import * as JobHandlers from "./handlers/JobHandlers.ts"
import * as LegacyHandlers from "./handlers/LegacyHandlers.ts"
import * as MediaHandlers from "./handlers/MediaHandlers.ts"
import * as MessageKindsHandlers from "./handlers/MessageKindsHandlers.ts"
import * as MessagingHandlers from "./handlers/MessagingHandlers.ts"
import * as OptOutHandlers from "./handlers/OptOutHandlers.ts"
import * as PacingHandlers from "./handlers/PacingHandlers.ts"
import * as PairingHandlers from "./handlers/PairingHandlers.ts"
import * as PluginHandlers from "./handlers/PluginHandlers.ts"
import * as ScheduleHandlers from "./handlers/ScheduleHandlers.ts"
import * as StatisticsHandlers from "./handlers/StatisticsHandlers.ts"
import * as WebhookHandlers from "./handlers/WebhookHandlers.ts"
import { JobLoading } from "./jobs/JobLoading.ts"
import { WebhookAdministration } from "./webhooks/WebhookAdministration.ts"
import { Listening } from "./HttpListener.ts"
import { Metrics } from "./metrics/Metrics.ts"
import { AdminLists } from "../sql/admin/AdminLists.ts"
import { GlobalFigures } from "../sql/admin/GlobalFigures.ts"
import { Shutdown } from "./Shutdown.ts"

const handlers = Layer.mergeAll(
  AuthHandlers.layer,
  DeviceHandlers.layer,
  PacingHandlers.layer,
  PairingHandlers.layer,
  MessagingHandlers.layer,
  MessageKindsHandlers.layer,
  MediaHandlers.layer,
  ContactHandlers.layer,
  GroupHandlers.layer,
  GroupMessageHandlers.layer,
  HistoryHandlers.layer,
  StatisticsHandlers.layer,
  JobHandlers.layer,
  OptOutHandlers.layer,
  ScheduleHandlers.layer,
  EventHandlers.layer,
  EventLogHandlers.layer,
  WebhookHandlers.layer,
  ApiKeyHandlers.layer,
  AdminUserHandlers.layer,
  AdminListHandlers.layer,
  AuditHandlers.layer,
  PluginHandlers.layer,
  LegacyHandlers.layer,
  HealthHandlers.layer
).pipe(Layer.provide(Authorization.layer))

const routes = Layer.mergeAll(
  HttpLayerRouter.addHttpApi(Api, { openapiPath: "/openapi.json" }).pipe(Layer.provide(handlers)),
  Docs.layer,
  Edge.layer
)

/** Accounts alone, for the command line: they need no server. */
export const accounts = Accounts.layer.pipe(Layer.provideMerge(Layer.mergeAll(Passwords.layer, ActiveUsers.layer)))

const services = Layer.mergeAll(
  EventStreams.layer, EventPages.layer, StreamTickets.layer, UserAdministration.layer, ApiKeyIssue.layer, WebhookAdministration.layer,
  FirstDevices.layer, JobLoading.layer, RateLimit.layer, Metrics.layer
).pipe(
  Layer.provideMerge(Layer.mergeAll(Sessions.layer, CredentialUsers.layer)),
  Layer.provideMerge(Layer.mergeAll(accounts, KeyRing.layer, Tokens.layer, EventHub.layer, ClientAddress.layer)),
  Layer.provideMerge(Layer.mergeAll(AdminLists.layer, GlobalFigures.layer))
)

// released first: event streams end, and what is in flight is answered while everything that it needs is there
const drainFirst = Layer.scopedDiscard(Effect.gen(function*() {
  const shutdown = yield* Shutdown
  const listener = yield* Listening
  yield* Effect.addFinalizer(() => Effect.zipRight(shutdown.begin, listener.close))
}))

// read where a number is decoded; a wrong one is to stop the start, not every request
const settings = Layer.effectDiscard(defaultCountry)

/** The whole HTTP side. */
export const layer = drainFirst.pipe(
  Layer.provide(settings),
  Layer.provideMerge(HttpLayerRouter.serve(routes, { disableLogger: true, disableListenLog: true })),
  Layer.provide(services),
  // spans hold the whole address, and this one may hold a token
  HttpMiddleware.withTracerDisabledWhen((request) => request.url.startsWith("/api/events"))
)
