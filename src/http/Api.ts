import { HttpApi, OpenApi } from "@effect/platform"
import { AdminListsApi } from "./contract/AdminListsApi.ts"
import { AdminUsersApi } from "./contract/AdminUsersApi.ts"
import { ApiKeysApi } from "./contract/ApiKeysApi.ts"
import { AuditApi } from "./contract/AuditApi.ts"
import { AuthApi } from "./contract/AuthApi.ts"
import { ContactsApi } from "./contract/ContactsApi.ts"
import { DeviceApi, DevicesApi } from "./contract/DevicesApi.ts"
import { published } from "./contract/Document.ts"
import { EventLogApi } from "./contract/EventLogApi.ts"
import { EventsApi } from "./contract/EventsApi.ts"
import { everywhere } from "./contract/Failures.ts"
import { GroupMessagesApi } from "./contract/GroupMessagesApi.ts"
import { GroupsApi } from "./contract/GroupsApi.ts"
import { HealthApi } from "./contract/HealthApi.ts"
import { HistoryApi } from "./contract/HistoryApi.ts"
import { AdminJobsApi, DeviceJobsApi, JobsApi } from "./contract/JobsApi.ts"
import { LegacyApi } from "./contract/LegacyApi.ts"
import { MediaApi } from "./contract/MediaApi.ts"
import { MessageKindsApi } from "./contract/MessageKindsApi.ts"
import { MessagingApi } from "./contract/MessagingApi.ts"
import { OptOutsApi } from "./contract/OptOutsApi.ts"
import { PacingApi } from "./contract/PacingApi.ts"
import { PairingApi } from "./contract/PairingApi.ts"
import { SchedulesApi } from "./contract/SchedulesApi.ts"
import { PluginsApi } from "./contract/PluginsApi.ts"
import { StatisticsApi } from "./contract/StatisticsApi.ts"
import { WebhooksApi } from "./contract/WebhooksApi.ts"

// `HttpApi.make` declares its own shape for what does not decode; here it is the envelope, as for every other error
const base = Object.assign(HttpApi.make("whatsapp-service").addError(everywhere), { errorSchema: everywhere })

/** The whole contract. Handlers and the access table are checked against it. */
export const Api = base
  .add(AuthApi)
  .add(DevicesApi)
  .add(DeviceApi)
  .add(PacingApi)
  .add(PairingApi)
  .add(MessagingApi)
  .add(ContactsApi)
  .add(GroupsApi)
  .add(GroupMessagesApi)
  .add(HistoryApi)
  .add(StatisticsApi)
  .add(MessageKindsApi)
  .add(DeviceJobsApi)
  .add(JobsApi)
  .add(OptOutsApi)
  .add(SchedulesApi)
  .add(MediaApi)
  .add(EventsApi)
  .add(EventLogApi)
  .add(WebhooksApi)
  .add(ApiKeysApi)
  .add(AdminUsersApi)
  .add(AdminListsApi)
  .add(AdminJobsApi)
  .add(AuditApi)
  .add(PluginsApi)
  .add(LegacyApi)
  .add(HealthApi)
  .annotateContext(OpenApi.annotations({
    title: "WhatsApp Service",
    version: "1.0.0",
    description: "Keeps many WhatsApp accounts online. Answers are `{ success: true, data }` or " +
      "`{ success: false, message, error: { code, details? } }`.",
    license: { name: "MIT", url: "https://opensource.org/license/mit" },
    servers: [{ url: "/", description: "The service that this document comes from" }],
    transform: published
  }))
