import { HttpApiBuilder } from "@effect/platform"
import { Effect } from "effect"
import { ContactQueries } from "../../actors/contacts/ContactQueries.ts"
import { Contacts } from "../../sql/contacts/Contacts.ts"
import { Api } from "../Api.ts"
import { CallerDevice } from "../contract/Authorization.ts"
import { page } from "../contract/Paging.ts"

export const layer = HttpApiBuilder.group(Api, "contacts", (handlers) =>
  Effect.gen(function*() {
    const contacts = yield* Contacts
    const queries = yield* ContactQueries

    const people = Effect.fnUntraced(function*(query: {
      readonly search?: string | undefined
      readonly after?: number | undefined
      readonly limit: number
    }) {
      const { device } = yield* CallerDevice
      const found = yield* contacts.list(device.deviceId, { ...query, limit: query.limit + 1 })
      return page(found, query.limit, ({ id }) => id)
    })

    return handlers
      .handle("contacts", ({ urlParams }) => people(urlParams))
      .handle("checkNumbers", ({ payload }) =>
        Effect.flatMap(CallerDevice, ({ device }) => queries.check(device, payload.phones)).pipe(
          Effect.map((items) => ({ items }))
        ))
      .handle("profilePicture", ({ path: { jid }, urlParams: { size } }) =>
        Effect.flatMap(CallerDevice, ({ device }) => queries.profilePicture(device, jid, size)).pipe(
          Effect.map((url) => ({ jid, size, url }))
        ))
      .handle("about", ({ path: { jid } }) =>
        Effect.flatMap(CallerDevice, ({ device }) => queries.about(device, jid)).pipe(
          Effect.map((told) => ({ jid, ...told }))
        ))
  }))
