import { HttpApiBuilder } from "@effect/platform"
import { Duration, Effect } from "effect"
import { Forbidden } from "../../domain/Access.ts"
import type { UserId } from "../../domain/User.ts"
import { WebhookDeliveries } from "../../sql/webhooks/WebhookDeliveries.ts"
import { Webhooks } from "../../sql/webhooks/Webhooks.ts"
import { Api } from "../Api.ts"
import { Caller } from "../contract/Authorization.ts"
import { page } from "../contract/Paging.ts"
import { WebhookAdministration } from "../webhooks/WebhookAdministration.ts"

const byId = ({ id }: { readonly id: number }) => id

export const layer = HttpApiBuilder.group(Api, "webhooks", (handlers) =>
  Effect.gen(function*() {
    const webhooks = yield* Webhooks
    const deliveries = yield* WebhookDeliveries
    const administration = yield* WebhookAdministration

    const whose = Effect.fnUntraced(function*(userId: UserId | undefined) {
      const caller = yield* Caller
      if (caller.role === "admin") return userId
      return userId === undefined || userId === caller.userId ? caller.userId : yield* new Forbidden()
    })

    return handlers
      .handle("list", ({ urlParams: { before, limit, userId } }) =>
        whose(userId).pipe(
          Effect.flatMap((owner) => webhooks.list({ userId: owner, before, limit: limit + 1 })),
          Effect.map((found) => page(found, limit, byId))
        ))
      .handle("create", ({ payload }) => Effect.flatMap(Caller, (caller) => administration.create(payload, caller)))
      .handle("get", ({ path }) =>
        Effect.flatMap(Caller, (caller) => Effect.map(administration.of(path.webhookId, caller), (webhook) => ({ webhook }))))
      .handle("update", ({ path, payload }) =>
        Effect.flatMap(Caller, (caller) => Effect.map(administration.update(path.webhookId, payload, caller), (webhook) => ({ webhook }))))
      .handle("delete", ({ path }) =>
        Effect.flatMap(Caller, (caller) => Effect.as(administration.remove(path.webhookId, caller), path)))
      .handle("rotateSecret", ({ path, payload }) =>
        Effect.flatMap(Caller, (caller) => administration.rotate(path.webhookId, Duration.hours(payload?.overlapHours ?? 24), caller)))
      .handle("test", ({ path }) =>
        Effect.flatMap(Caller, (caller) => Effect.map(administration.test(path.webhookId, caller), (delivery) => ({ delivery }))))
      .handle("replay", ({ path, payload }) =>
        Effect.flatMap(Caller, (caller) => administration.replay(path.webhookId, payload, caller)))
      .handle("deliveries", ({ path: { webhookId }, urlParams: { limit, ...filter } }) =>
        Effect.flatMap(Caller, (caller) => administration.of(webhookId, caller)).pipe(
          Effect.zipRight(deliveries.list(webhookId, { ...filter, limit: limit + 1 })),
          Effect.map((found) => page(found, limit, byId))
        ))
      .handle("delivery", ({ path: { deliveryId, webhookId } }) =>
        Effect.flatMap(Caller, (caller) => administration.of(webhookId, caller)).pipe(
          Effect.zipRight(Effect.all({ delivery: deliveries.get(webhookId, deliveryId), attempts: deliveries.attempts(deliveryId) }))
        ))
      .handle("replayDelivery", ({ path: { deliveryId, webhookId } }) =>
        Effect.flatMap(Caller, (caller) =>
          Effect.map(administration.replayOne(webhookId, deliveryId, caller), (delivery) => ({ delivery }))))
  }))
