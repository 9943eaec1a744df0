import { Layer } from "effect"
import * as AmqpPlugin from "../plugins/amqp/AmqpPlugin.ts"
import { EventPruner } from "../plugins/EventPruner.ts"
import * as PluginFile from "../plugins/PluginFile.ts"
import { Plugins } from "../plugins/Plugins.ts"
import { WebhookEgress } from "../plugins/webhooks/WebhookEgress.ts"
import * as WebhooksPlugin from "../plugins/webhooks/WebhooksPlugin.ts"

/** Who is told of events besides the API's clients. */
export const PluginServices = Layer.mergeAll(WebhooksPlugin.layer, AmqpPlugin.layer, PluginFile.layer, EventPruner).pipe(
  Layer.provideMerge(Layer.merge(Plugins.layer, WebhookEgress.layer))
)
