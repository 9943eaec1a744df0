import { Context, Effect, Layer } from "effect"
import type { Contact, ContactFact } from "../../domain/Contact.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { makeContactList } from "./ContactList.ts"
import { makeContactUpsert } from "./ContactUpsert.ts"

/**
 * One row a person and device. A person known by phone number and later by LID (or the other way round) becomes one row
 * as soon as a fact names both; their messages move along.
 */
export class Contacts extends Context.Tag("whatsapp-service/Contacts")<Contacts, {
  /** Returns the rows in the order of the facts. Joins the caller's transaction. */
  readonly upsert: (deviceId: DeviceId, facts: ReadonlyArray<ContactFact>) => Effect.Effect<ReadonlyArray<Contact>, StorageUnavailable>
  /** By name and number, after the row id `after`, at most `limit`; `search` matches name, push name and number. */
  readonly list: (deviceId: DeviceId, options: {
    readonly search?: string | undefined
    readonly after?: number | undefined
    readonly limit: number
  }) => Effect.Effect<ReadonlyArray<Contact>, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    Contacts,
    Effect.map(Effect.all([makeContactUpsert, makeContactList]), ([{ upsert }, list]) => Contacts.of({ upsert, list }))
  )
}
