import { Layer } from "effect"
import { EventRetention } from "./EventRetention.ts"
import { PluginCursors } from "./PluginCursors.ts"
import { WebhookDeliveries } from "../webhooks/WebhookDeliveries.ts"
import { Webhooks } from "../webhooks/Webhooks.ts"

/** What is kept for those who are told of events. */
export const EventConsumers = Layer.mergeAll(EventRetention.layer, PluginCursors.layer, Webhooks.layer, WebhookDeliveries.layer)
