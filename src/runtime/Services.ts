import { Effect, Layer } from "effect"
import { ClusteredContactQueries } from "../actors/contacts/ClusteredContactQueries.ts"
import { ClusteredDevices } from "../actors/ClusteredDevices.ts"
import { ClusteredGroupCommands } from "../actors/groups/ClusteredGroupCommands.ts"
import { DeviceActor } from "../actors/DeviceActor.ts"
import { DeviceEntityLayer } from "../actors/DeviceEntity.ts"
import { DeviceLoop } from "../actors/DeviceLoop.ts"
import { DeviceSession } from "../actors/DeviceSession.ts"
import { DeviceSupervisor } from "../actors/DeviceSupervisor.ts"
import { GroupDesks } from "../actors/groups/GroupDesk.ts"
import { HistoryImport } from "../actors/receiving/HistoryImport.ts"
import { JobStager } from "../actors/outbox/JobStager.ts"
import { JournalPruner } from "../actors/receiving/JournalPruner.ts"
import { JobPruner } from "../actors/outbox/JobPruner.ts"
import { KeyPruner } from "../actors/outbox/KeyPruner.ts"
import { MediaFetcher } from "../actors/media/MediaFetcher.ts"
import { MediaPruner } from "../actors/media/MediaPruner.ts"
import { MediaRequests } from "../actors/media/MediaRequests.ts"
import { LoginGate } from "../actors/LoginGate.ts"
import { OutboxPump } from "../actors/outbox/OutboxPump.ts"
import { OutboxSending } from "../actors/outbox/OutboxSending.ts"
import { Projector } from "../actors/receiving/Projector.ts"
import { ScheduleClock } from "../actors/outbox/ScheduleClock.ts"
import { Signals } from "../actors/Signals.ts"
import { Cipher } from "../domain/Cipher.ts"
import { AuthSecrets } from "../http/auth/AuthSecrets.ts"
import * as HttpApp from "../http/HttpApp.ts"
import * as HttpListener from "../http/HttpListener.ts"
import { Shutdown } from "../http/Shutdown.ts"
import { AccountRepositories } from "../sql/accounts/AccountRepositories.ts"
import { ChatReading } from "../sql/messages/ChatReading.ts"
import { Contacts } from "../sql/contacts/Contacts.ts"
import { DailyChats } from "../sql/messages/DailyChats.ts"
import * as Database from "../sql/database/Database.ts"
import { DevicePacing } from "../sql/outbox/DevicePacing.ts"
import { Devices } from "../sql/devices/Devices.ts"
import { EventConsumers } from "../sql/events/EventConsumers.ts"
import { EventLog } from "../sql/events/EventLog.ts"
import { Groups } from "../sql/groups/Groups.ts"
import { HealthOfDevices } from "../sql/devices/HealthOfDevices.ts"
import { IdempotencyKeys } from "../sql/outbox/IdempotencyKeys.ts"
import { Jobs } from "../sql/jobs/Jobs.ts"
import { MediaLibrary } from "../media/MediaLibrary.ts"
import { RemoteFile } from "../media/RemoteFile.ts"
import { diskStore } from "../media/DiskStore.ts"
import { s3Settings } from "../media/S3Settings.ts"
import { MediaFiles } from "../sql/messages/MediaFiles.ts"
import { MessageMediaRows } from "../sql/messages/MessageMedia.ts"
import { Messages } from "../sql/messages/Messages.ts"
import { MessageSearch } from "../sql/messages/MessageSearch.ts"
import * as Migrations from "../sql/migrations/Migrations.ts"
import { OptOuts } from "../sql/contacts/OptOuts.ts"
import { Outbox } from "../sql/outbox/Outbox.ts"
import { Schedules } from "../sql/schedules/Schedules.ts"
import { ShardLeases } from "../sql/devices/ShardLeases.ts"
import { Statistics } from "../sql/statistics/Statistics.ts"
import { Waiting } from "../sql/outbox/Waiting.ts"
import { InboundJournal } from "../whatsapp/receiving/InboundJournal.ts"
import { WhatsApp } from "../whatsapp/WhatsApp.ts"
import { FirstAdmin } from "./FirstAdmin.ts"
import { dataDir } from "./Environment.ts"
import { PluginServices } from "./PluginServices.ts"
import { ProcessGuards } from "./ProcessGuards.ts"
import { Runner } from "./Runner.ts"
import { loadSecrets } from "./Secrets.ts"

const Secrets = Layer.unwrapEffect(Effect.map(loadSecrets, (secrets) =>
  Layer.merge(
    Cipher.layer([secrets.ENCRYPTION_KEY, ...secrets.previousEncryptionKeys]),
    Layer.succeed(AuthSecrets, { accessSecret: secrets.JWT_SECRET, refreshSecret: secrets.JWT_REFRESH_SECRET })
  )))

const UpToDateDatabase = Migrations.layer.pipe(Layer.provideMerge(Database.layer))

/** Files lie beside the SQLite file, unless they are kept in a bucket. */
const Store = Layer.unwrapEffect(Effect.flatMap(s3Settings, (s3) =>
  s3 === undefined
    ? Effect.map(dataDir, (folder) => diskStore(`${folder}/media`))
    : Effect.map(Effect.promise(() => import("../media/S3Store.ts")), ({ s3Store }) => s3Store(s3))))

const Media = RemoteFile.layer.pipe(
  Layer.provideMerge(MediaLibrary.layer),
  Layer.provideMerge(Store),
  Layer.provideMerge(Layer.merge(MediaFiles.layer, MessageMediaRows.layer))
)

const Reports = Layer.mergeAll(DailyChats.layer, MessageSearch.layer, HealthOfDevices.layer, Statistics.layer, Layer.provide(Waiting.layer, DevicePacing.layer))

const Bulk = Layer.mergeAll(IdempotencyKeys.layer, Jobs.layer, OptOuts.layer, Schedules.layer)

const Repositories = Layer.mergeAll(
  ChatReading.layer, Contacts.layer, DevicePacing.layer, Devices.layer, Groups.layer, Media, Messages.layer, Outbox.layer, Bulk, Reports, EventConsumers
).pipe(
  Layer.provideMerge(Layer.mergeAll(EventLog.layer, ShardLeases.layer, AccountRepositories)),
  Layer.provideMerge(UpToDateDatabase)
)

const WhatsAppServices = Layer.merge(WhatsApp.layer, InboundJournal.layer)

const DeviceActors = Layer.mergeAll(
  ClusteredDevices, ClusteredContactQueries, ClusteredGroupCommands, OutboxSending, DeviceEntityLayer, DeviceSupervisor, JobStager, ScheduleClock, MediaRequests.layer
).pipe(
  Layer.provide(DeviceActor.layer),
  Layer.provide(DeviceLoop.layer),
  Layer.provide(DeviceSession.layer),
  Layer.provide(Layer.mergeAll(OutboxPump.layer, MediaFetcher.layer, Projector.layer, GroupDesks.layer, HistoryImport.layer, LoginGate.layer)),
  Layer.provide(Signals.layer),
  Layer.provideMerge(Runner)
)

/** The service. What is provided last starts first and stops last: requests end before devices, devices before the database. */
export const Service = HttpApp.layer.pipe(
  Layer.provide(FirstAdmin),
  Layer.provide(Layer.mergeAll(JobPruner, JournalPruner, KeyPruner, MediaPruner)),
  Layer.provide(PluginServices),
  Layer.provide(HttpApp.accounts),
  Layer.provide(DeviceActors),
  Layer.provide(WhatsAppServices),
  Layer.provide(Layer.mergeAll(Repositories, Shutdown.layer)),
  Layer.provide(Secrets),
  Layer.provide(ProcessGuards),
  // a port that is taken stops the start before anything has been touched
  Layer.provideMerge(HttpListener.layer)
)

/** What the command line needs to make users. */
export const AccountServices = HttpApp.accounts.pipe(
  Layer.provide(AccountRepositories),
  Layer.provide(UpToDateDatabase)
)

/** What the command line needs to take over sessions. */
export const ImportServices = Devices.layer.pipe(
  Layer.provideMerge(Layer.mergeAll(EventLog.layer, AccountRepositories)),
  Layer.provideMerge(UpToDateDatabase),
  Layer.provideMerge(Secrets)
)
