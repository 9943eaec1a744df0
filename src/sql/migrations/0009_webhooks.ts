import { Effect } from "effect"
import { makeLayout } from "./Layout.ts"

export default Effect.gen(function*() {
  const { bytes, id, index, key, table, text } = yield* makeLayout

  yield* table("plugin_cursors", [
    `name ${key(64)} NOT NULL PRIMARY KEY`,
    // the last event that the plugin is done with
    "passed_id BIGINT NOT NULL",
    // the process that runs the plugin; good for as long as that one is alive by the table of nodes
    `instance ${key(36)}`,
    "updated_at BIGINT NOT NULL"
  ])

  yield* table("webhooks", [
    `id ${id}`,
    "user_id BIGINT NOT NULL",
    // null: all devices of the user
    `device_id ${key(64)}`,
    `url ${key(2048)} NOT NULL`,
    `description ${key(255)}`,
    `events ${text} NOT NULL`,
    "version INTEGER NOT NULL",
    // encrypted
    `headers ${bytes}`,
    "enabled INTEGER NOT NULL",
    `disabled_reason ${key(32)}`,
    "disabled_at BIGINT",
    // failures in a row, since when, and until when nothing is sent because of them
    "failures INTEGER NOT NULL",
    "failing_since BIGINT",
    "paused_until BIGINT",
    "last_success_at BIGINT",
    "created_at BIGINT NOT NULL",
    "updated_at BIGINT NOT NULL"
  ])
  yield* index("webhooks_user", "webhooks (user_id, id)")

  yield* table("webhook_secrets", [
    `id ${id}`,
    "webhook_id BIGINT NOT NULL",
    `sealed ${bytes} NOT NULL`,
    "created_at BIGINT NOT NULL",
    "expires_at BIGINT"
  ])
  yield* index("webhook_secrets_webhook", "webhook_secrets (webhook_id, id)")

  yield* table("webhook_deliveries", [
    `id ${id}`,
    "webhook_id BIGINT NOT NULL",
    // what the receiver knows it by, the same at every attempt
    `message_id ${key(40)} NOT NULL`,
    // null: a test
    "event_id BIGINT",
    `event_type ${key(64)} NOT NULL`,
    `device_id ${key(64)}`,
    `body ${text}`,
    `lane ${key(191)} NOT NULL`,
    // the lane, for as long as it waits in it
    `queue ${key(191)}`,
    // of the first in its lane: when it goes out; null for those behind it
    "due_at BIGINT",
    `status ${key(16)} NOT NULL`,
    // since it was last put into its lane, and in all
    "attempts INTEGER NOT NULL",
    "attempts_total INTEGER NOT NULL",
    "first_attempt_at BIGINT",
    "last_attempt_at BIGINT",
    "last_status INTEGER",
    `last_error ${key(32)}`,
    "created_at BIGINT NOT NULL",
    // when it was last put into its lane
    "queued_at BIGINT NOT NULL",
    "finished_at BIGINT",
    "UNIQUE (webhook_id, event_id)"
  ])
  yield* index("webhook_deliveries_due", "webhook_deliveries (webhook_id, due_at)")
  yield* index("webhook_deliveries_lane", "webhook_deliveries (webhook_id, queue, due_at, id)")
  yield* index("webhook_deliveries_status", "webhook_deliveries (webhook_id, status, id)")
  yield* index("webhook_deliveries_event", "webhook_deliveries (status, event_id)")
  yield* index("webhook_deliveries_finished", "webhook_deliveries (finished_at)")

  yield* table("webhook_attempts", [
    `id ${id}`,
    "delivery_id BIGINT NOT NULL",
    "at BIGINT NOT NULL",
    "status INTEGER",
    `error ${key(32)}`,
    "millis INTEGER NOT NULL",
    `response ${text}`
  ])
  yield* index("webhook_attempts_delivery", "webhook_attempts (delivery_id, id)")
})
