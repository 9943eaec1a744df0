import { Effect } from "effect"
import { makeLayout } from "./Layout.ts"

/** Bulk jobs, whom they must not write to, and messages that wait for a time. */
export default Effect.gen(function*() {
  const { id, index, key, table, text } = yield* makeLayout

  yield* table("jobs", [
    `id ${id}`,
    `job_id ${key(64)} NOT NULL UNIQUE`,
    `device_id ${key(64)} NOT NULL`,
    "user_id BIGINT NOT NULL",
    `name ${key(255)}`,
    // as versioned JSON; its texts name variables
    `content ${text}`,
    // milliseconds between two messages
    "delay BIGINT NOT NULL",
    `status ${key(16)} NOT NULL`,
    "total INTEGER NOT NULL",
    // how many recipients, in their order, have become messages or were left out
    "position INTEGER NOT NULL DEFAULT 0",
    // the failed ones before `retry_to` are sent once more, as far as they stand after `retry_from`
    "retry_from INTEGER",
    "retry_to INTEGER",
    "completed INTEGER NOT NULL DEFAULT 0",
    "failed INTEGER NOT NULL DEFAULT 0",
    "cancelled INTEGER NOT NULL DEFAULT 0",
    // of the cancelled
    "opted_out INTEGER NOT NULL DEFAULT 0",
    // the delay as it stands in the database holds over restarts
    "next_send_at BIGINT NOT NULL DEFAULT 0",
    "told_at BIGINT NOT NULL DEFAULT 0",
    `idempotency_key ${key(255)}`,
    `request_hash ${key(64)}`,
    "created_at BIGINT NOT NULL",
    "started_at BIGINT",
    "paused_at BIGINT",
    "paused_for BIGINT NOT NULL DEFAULT 0",
    "finished_at BIGINT",
    "updated_at BIGINT NOT NULL",
    "UNIQUE (device_id, idempotency_key)"
  ])
  yield* index("jobs_status", "jobs (status, device_id, id)")
  yield* index("jobs_device", "jobs (device_id, id)")
  yield* index("jobs_user", "jobs (user_id, id)")

  yield* table("job_recipients", [
    "job_row BIGINT NOT NULL",
    "position INTEGER NOT NULL",
    `recipient ${key(128)} NOT NULL`,
    `variables ${text} NOT NULL`,
    // the row of its message, once it has one: then its state is that message's
    "message_row BIGINT",
    // why it never gets one
    `outcome ${key(16)}`,
    "PRIMARY KEY (job_row, position)"
  ])

  yield* table("opt_outs", [
    `id ${id}`,
    "user_id BIGINT NOT NULL",
    `address ${key(128)} NOT NULL`,
    `reason ${key(255)}`,
    "created_at BIGINT NOT NULL",
    "UNIQUE (user_id, address)"
  ])
  yield* index("opt_outs_user", "opt_outs (user_id, id)")

  yield* table("schedules", [
    `id ${id}`,
    `schedule_id ${key(64)} NOT NULL UNIQUE`,
    `device_id ${key(64)} NOT NULL`,
    "user_id BIGINT NOT NULL",
    `status ${key(16)} NOT NULL`,
    `recipient ${key(128)} NOT NULL`,
    `content ${text} NOT NULL`,
    `cron ${key(255)}`,
    `time_zone ${key(64)} NOT NULL`,
    `missed ${key(16)} NOT NULL`,
    // local times of day, HH:MM
    `quiet_from ${key(5)}`,
    `quiet_to ${key(5)}`,
    // the slot that comes next, and when it is to be sent: later in quiet hours; null: none comes
    "slot BIGINT",
    "next_at BIGINT",
    `idempotency_key ${key(255)}`,
    `request_hash ${key(64)}`,
    "created_at BIGINT NOT NULL",
    "updated_at BIGINT NOT NULL",
    "UNIQUE (device_id, idempotency_key)"
  ])
  yield* index("schedules_next", "schedules (next_at)")
  yield* index("schedules_device", "schedules (device_id, id)")

  yield* table("schedule_slots", [
    "schedule_row BIGINT NOT NULL",
    "slot BIGINT NOT NULL",
    // none for a slot that was missed
    "message_row BIGINT",
    "created_at BIGINT NOT NULL",
    "PRIMARY KEY (schedule_row, slot)"
  ])

  // how far a worker has come that goes through a table once
  yield* table("progress_marks", [`name ${key(64)} NOT NULL PRIMARY KEY`, "position BIGINT NOT NULL"])
})
