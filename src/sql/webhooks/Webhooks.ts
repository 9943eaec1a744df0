import { SqlClient } from "@effect/sql"
import { Clock, Context, Effect, Layer, Schema } from "effect"
import { Cipher, type Undecipherable } from "../../domain/Cipher.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { type UserId, UserNotFound } from "../../domain/User.ts"
import { bodyVersion, TooManyWebhooks, type Webhook, type WebhookFormat, WebhookId, WebhookNotFound } from "../../domain/Webhook.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { bytes, makeDialect } from "../database/Dialect.ts"
import { decodeWebhooks, encodePatterns, toWebhook, webhookColumns, type WebhookRow } from "./WebhookRow.ts"

export type CustomHeaders = Readonly<Record<string, string>>

export interface NewWebhook {
  readonly userId: UserId
  readonly deviceId: DeviceId | null
  readonly url: string
  readonly description: string | null
  readonly events: ReadonlyArray<string>
  readonly headers: CustomHeaders
  readonly format: WebhookFormat
  readonly secret: string
  /** what an endpoint of the format `cloud-api` knows us by; null in other formats */
  readonly verifyToken: string | null
}

export interface WebhookChanges {
  readonly url?: string | undefined
  readonly description?: string | null | undefined
  readonly events?: ReadonlyArray<string> | undefined
  readonly headers?: CustomHeaders | undefined
  readonly verifyToken?: string | undefined
  /** true also forgets earlier failures: it is tried at once */
  readonly enabled?: boolean | undefined
}

/** All that it takes to send there. */
export interface WebhookTarget {
  readonly webhook: Webhook
  /** nothing is sent for a user who has been put out of action */
  readonly isOwnerActive: boolean
  readonly headers: CustomHeaders
  /** those that are good now, newest first */
  readonly secrets: ReadonlyArray<string>
  readonly verifyToken: string | null
}

const mostPerUser = 50

/** The `webhooks` and `webhook_secrets` tables. */
export class Webhooks extends Context.Tag("whatsapp-service/Webhooks")<Webhooks, {
  readonly create: (webhook: NewWebhook) => Effect.Effect<Webhook, TooManyWebhooks | UserNotFound | StorageUnavailable>
  readonly get: (id: WebhookId) => Effect.Effect<Webhook, WebhookNotFound | StorageUnavailable>
  /** Newest first. */
  readonly list: (filter: { readonly userId?: UserId | undefined; readonly before?: number | undefined; readonly limit: number }) => Effect.Effect<
    ReadonlyArray<Webhook>,
    StorageUnavailable
  >
  readonly update: (id: WebhookId, changes: WebhookChanges) => Effect.Effect<Webhook, WebhookNotFound | StorageUnavailable>
  /** Nothing is sent any more; what has been is forgotten with the next pruning. */
  readonly remove: (id: WebhookId) => Effect.Effect<void, WebhookNotFound | StorageUnavailable>
  /** The newest of the secrets so far stays good for a while beside the new one, any older one does not. */
  readonly rotate: (id: WebhookId, secret: string, overlapMillis: number) => Effect.Effect<Webhook, WebhookNotFound | StorageUnavailable>
  readonly target: (id: WebhookId) => Effect.Effect<WebhookTarget, WebhookNotFound | Undecipherable | StorageUnavailable>
  /** The enabled ones of these users. */
  readonly listening: (users: ReadonlyArray<UserId>) => Effect.Effect<ReadonlyArray<Webhook>, StorageUnavailable>
  /** Those to which something is to be sent now. */
  readonly ready: Effect.Effect<ReadonlyArray<WebhookId>, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    Webhooks,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const { forUpdate, insert, limit } = yield* makeDialect
      const cipher = yield* Cipher
      const columns = sql.literal(webhookColumns)

      const seal = (place: string, text: string) => bytes(cipher.encrypt(place, new TextEncoder().encode(text)))
      const unseal = (place: string, sealed: Uint8Array) => Effect.map(cipher.decrypt(place, sealed), (plain) => new TextDecoder().decode(plain))
      const headersOf = Effect.fnUntraced(function*(row: WebhookRow) {
        return row.headers === null ? noHeaders : yield* decodeHeaders(yield* unseal(headersPlace(row.id), row.headers))
      })
      const shown = (row: WebhookRow) =>
        headersOf(row).pipe(
          // their names are gone as well then; what is left can be seen, and set anew
          Effect.catchTag("Undecipherable", () => Effect.succeed(noHeaders)),
          Effect.map((headers) => toWebhook(row, Object.keys(headers)))
        )
      const sealedHeaders = Effect.fnUntraced(function*(id: number, headers: CustomHeaders) {
        return Object.keys(headers).length === 0 ? null : seal(headersPlace(id), yield* encodeHeaders(headers))
      })

      const sealedToken = (id: number, token: string | null) => token === null ? null : seal(tokenPlace(id), token)

      const row = Effect.fnUntraced(function*(id: WebhookId, lock = false) {
        const [found] = yield* sql`SELECT ${columns} FROM webhooks WHERE id = ${id} ${lock ? forUpdate : sql.literal("")}`.pipe(
          Effect.flatMap(decodeWebhooks)
        )
        return found ?? (yield* new WebhookNotFound({ webhookId: id }))
      })
      const addSecret = (webhookId: number, secret: string, createdAt: number) =>
        sql`INSERT INTO webhook_secrets ${sql.insert({ webhookId, sealed: seal(secretPlace(webhookId), secret), createdAt })}`

      const create = Effect.fn("Webhooks.create")(
        function*(webhook: NewWebhook) {
          const now = yield* Clock.currentTimeMillis
          // locked: of two that make the last one, one does
          const owner = yield* sql`SELECT id FROM users WHERE id = ${webhook.userId} ${forUpdate}`
          if (owner.length === 0) return yield* new UserNotFound({ userId: webhook.userId })
          const others = yield* sql`SELECT id FROM webhooks WHERE user_id = ${webhook.userId} ${limit(mostPerUser)}`
          if (others.length >= mostPerUser) return yield* new TooManyWebhooks({ limit: mostPerUser })
          const id = WebhookId.make(
            yield* insert("webhooks", {
              userId: webhook.userId,
              deviceId: webhook.deviceId,
              url: webhook.url,
              description: webhook.description,
              events: yield* encodePatterns(webhook.events),
              version: bodyVersion,
              format: webhook.format,
              enabled: 1,
              failures: 0,
              createdAt: now,
              updatedAt: now
            })
          )
          yield* sql`UPDATE webhooks SET ${
            sql.update({ headers: yield* sealedHeaders(id, webhook.headers), verifyToken: sealedToken(id, webhook.verifyToken) })
          } WHERE id = ${id}`
          yield* addSecret(id, webhook.secret, now)
          return yield* shown(yield* Effect.catchTag(row(id), "WebhookNotFound", Effect.die))
        },
        sql.withTransaction,
        atBoundary,
        retryConflicts
      )

      const update = Effect.fn("Webhooks.update")(
        function*(id: WebhookId, { description, enabled, events, headers, url, verifyToken }: WebhookChanges) {
          const now = yield* Clock.currentTimeMillis
          yield* row(id, true)
          yield* sql`UPDATE webhooks SET ${
            sql.update({
              updatedAt: now,
              ...(url !== undefined && { url }),
              ...(description !== undefined && { description }),
              ...(events !== undefined && { events: yield* encodePatterns(events) }),
              ...(headers !== undefined && { headers: yield* sealedHeaders(id, headers) }),
              ...(verifyToken !== undefined && { verifyToken: sealedToken(id, verifyToken) }),
              ...(enabled === true && { ...unharmed, enabled: 1, disabledReason: null, disabledAt: null }),
              ...(enabled === false && { enabled: 0, disabledReason: "user", disabledAt: now })
            })
          } WHERE id = ${id}`
          if (enabled === true) yield* sql`UPDATE webhook_deliveries SET due_at = ${now} WHERE webhook_id = ${id} AND due_at > ${now}`
          return yield* shown(yield* row(id))
        },
        sql.withTransaction,
        atBoundary,
        retryConflicts
      )

      const rotate = Effect.fn("Webhooks.rotate")(
        function*(id: WebhookId, secret: string, overlapMillis: number) {
          const now = yield* Clock.currentTimeMillis
          yield* row(id, true)
          const [newest] = yield* sql`SELECT id FROM webhook_secrets WHERE webhook_id = ${id} ORDER BY id DESC LIMIT 1`.pipe(Effect.flatMap(decodeIds))
          if (newest !== undefined) {
            yield* sql`DELETE FROM webhook_secrets WHERE webhook_id = ${id} AND id <> ${newest.id}`
            yield* sql`UPDATE webhook_secrets SET expires_at = ${now + overlapMillis} WHERE id = ${newest.id}`
          }
          yield* addSecret(id, secret, now)
          yield* sql`UPDATE webhooks SET updated_at = ${now} WHERE id = ${id}`
          return yield* shown(yield* row(id))
        },
        sql.withTransaction,
        atBoundary,
        retryConflicts
      )

      return Webhooks.of({
        create,
        update,
        rotate,
        get: Effect.fn("Webhooks.get")((id: WebhookId) => Effect.flatMap(row(id), shown), atBoundary),

        list: Effect.fn("Webhooks.list")(function*({ before, limit: rows, userId }) {
          const where = sql.and([
            sql`id < ${before ?? Number.MAX_SAFE_INTEGER}`,
            ...(userId === undefined ? [] : [sql`user_id = ${userId}`])
          ])
          const found = yield* sql`SELECT ${columns} FROM webhooks WHERE ${where} ORDER BY id DESC ${limit(rows)}`
          return yield* Effect.forEach(yield* decodeWebhooks(found), shown)
        }, atBoundary),

        remove: Effect.fn("Webhooks.remove")(
          function*(id: WebhookId) {
            yield* row(id, true)
            yield* sql`DELETE FROM webhook_secrets WHERE webhook_id = ${id}`
            yield* sql`DELETE FROM webhooks WHERE id = ${id}`
          },
          sql.withTransaction,
          atBoundary,
          retryConflicts
        ),

        target: Effect.fn("Webhooks.target")(function*(id: WebhookId) {
          const now = yield* Clock.currentTimeMillis
          const found = yield* row(id)
          const headers = yield* headersOf(found)
          const sealed = yield* sql`SELECT sealed FROM webhook_secrets
            WHERE webhook_id = ${id} AND (expires_at IS NULL OR expires_at > ${now}) ORDER BY id DESC LIMIT 2`.pipe(Effect.flatMap(decodeSecrets))
          const secrets = yield* Effect.forEach(sealed, (secret) => unseal(secretPlace(id), secret.sealed))
          const verifyToken = found.verifyToken === null ? null : yield* unseal(tokenPlace(id), found.verifyToken)
          const owner = yield* sql`SELECT id FROM users WHERE id = ${found.userId} AND is_active = 1`
          return { webhook: toWebhook(found, Object.keys(headers)), isOwnerActive: owner.length > 0, headers, secrets, verifyToken }
        }, atBoundary),

        listening: Effect.fn("Webhooks.listening")(function*(users: ReadonlyArray<UserId>) {
          if (users.length === 0) return []
          const found = yield* sql`SELECT ${columns} FROM webhooks WHERE enabled = 1 AND ${sql.in("user_id", users)} ORDER BY id`
          return (yield* decodeWebhooks(found)).map((webhook) => toWebhook(webhook, []))
        }, atBoundary),

        ready: Effect.gen(function*() {
          const now = yield* Clock.currentTimeMillis
          const found = yield* sql`SELECT w.id FROM webhooks w JOIN users u ON u.id = w.user_id
            WHERE w.enabled = 1 AND u.is_active = 1 AND (w.paused_until IS NULL OR w.paused_until <= ${now})
              AND EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.webhook_id = w.id AND d.due_at <= ${now})`
          return (yield* decodeIds(found)).map(({ id }) => id)
        }).pipe(atBoundary, Effect.withSpan("Webhooks.ready"))
      })
    })
  )
}

const noHeaders: CustomHeaders = {}
/** As if it had never failed. */
const unharmed = { failures: 0, failingSince: null, pausedUntil: null }

const secretPlace = (id: number) => `webhook_secrets|${id}`
const tokenPlace = (id: number) => `webhooks|${id}|verify_token`
const headersPlace = (id: number) => `webhooks|${id}|headers`
const Headers = Schema.parseJson(Schema.Record({ key: Schema.String, value: Schema.String }))
const encodeHeaders = Schema.encode(Headers)
const decodeHeaders = Schema.decode(Headers)
const decodeIds = Schema.decodeUnknown(Schema.Array(Schema.Struct({ id: WebhookId })))
const decodeSecrets = Schema.decodeUnknown(Schema.Array(Schema.Struct({ sealed: Schema.Uint8ArrayFromSelf })))
