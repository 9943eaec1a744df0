import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import { Contact } from "../../domain/Contact.ts"
import { DeviceStatus } from "../../domain/Device.ts"
import { DeviceId } from "../../domain/DeviceId.ts"
import { Direction, Message, MessageStatus, MessageType } from "../../domain/Message.ts"
import { UserId } from "../../domain/User.ts"
import { Figures } from "../../sql/admin/GlobalFigures.ts"
import { DeviceView } from "../DeviceView.ts"
import * as Envelope from "../Envelope.ts"
import { Authorized } from "./Authorization.ts"
import { GroupView } from "./GroupBodies.ts"
import { idOf, pages, RowId } from "./Paging.ts"

const Search = Schema.optional(Schema.String.pipe(Schema.maxLength(100)))
const ofUser = Schema.optional(idOf(UserId))

/** A page of a table that grows without end. */
const newest = <A, I, R>(item: Schema.Schema<A, I, R>) =>
  Schema.Struct({
    items: Schema.Array(item),
    page: Schema.Int,
    limit: Schema.Int,
    total: Schema.Int,
    totalIsExact: Schema.Boolean,
    nextCursor: Schema.NullOr(Schema.Int),
    hasMore: Schema.Boolean
  })
const bounded = "Newest first. `total` counts among the newest rows alone (10000, or 2000 where rows have to be looked through); " +
  "`totalIsExact` says whether these are all. Go on with `before` = `nextCursor` as long as `hasMore`: a page may then have few items or none."

export const MessageOfUser = Schema.Struct({ ...Message.fields, userId: UserId }).annotations({ identifier: "MessageOfUser" })
export const ContactOfUser = Schema.Struct({ ...Contact.fields, userId: UserId, deviceId: DeviceId })
  .annotations({ identifier: "ContactOfUser" })
export const GroupOfUser = Schema.Struct({ ...GroupView.fields, userId: UserId }).annotations({ identifier: "GroupOfUser" })

export const AdminListsApi = HttpApiGroup.make("adminLists")
  .add(
    HttpApiEndpoint.get("devices", "/devices")
      .setUrlParams(Schema.Struct({ ...pages, userId: ofUser, status: Schema.optional(DeviceStatus), search: Search }))
      .addSuccess(Envelope.success(Schema.Struct({
        items: Schema.Array(DeviceView),
        page: Schema.Int,
        limit: Schema.Int,
        total: Schema.Int
      })))
      .annotateContext(OpenApi.annotations({
        summary: "List all devices",
        description: "Newest first. `search` looks into name, id and phone number."
      }))
  )
  .add(
    HttpApiEndpoint.get("messages", "/messages")
      .setUrlParams(Schema.Struct({
        ...pages,
        before: Schema.optional(RowId),
        userId: ofUser,
        deviceId: Schema.optional(DeviceId),
        direction: Schema.optional(Direction),
        status: Schema.optional(MessageStatus),
        messageType: Schema.optional(MessageType)
      }))
      .addSuccess(Envelope.success(newest(MessageOfUser)))
      .annotateContext(OpenApi.annotations({ summary: "List all messages", description: bounded }))
  )
  .add(
    HttpApiEndpoint.get("contacts", "/contacts")
      .setUrlParams(Schema.Struct({
        ...pages,
        before: Schema.optional(RowId),
        userId: ofUser,
        deviceId: Schema.optional(DeviceId),
        search: Search
      }))
      .addSuccess(Envelope.success(newest(ContactOfUser)))
      .annotateContext(OpenApi.annotations({
        summary: "List all contacts",
        description: `${bounded} \`search\` looks into names and phone number.`
      }))
  )
  .add(
    HttpApiEndpoint.get("groups", "/groups")
      .setUrlParams(Schema.Struct({
        ...pages,
        before: Schema.optional(RowId),
        userId: ofUser,
        deviceId: Schema.optional(DeviceId),
        search: Search
      }))
      .addSuccess(Envelope.success(newest(GroupOfUser)))
      .annotateContext(OpenApi.annotations({
        summary: "List all groups",
        description: `${bounded} \`search\` looks into the name. A group that several devices are in is there once for each.`
      }))
  )
  .add(
    HttpApiEndpoint.get("stats", "/stats")
      .addSuccess(Envelope.success(Figures))
      .annotateContext(OpenApi.annotations({
        summary: "The whole service in a few numbers",
        description: "`estimatedTotal` comes from row ids and is at least the true number; the last day is counted among the newest " +
          "10000 messages, and `isExact` says whether there were more."
      }))
  )
  .middleware(Authorized)
  .prefix("/api/admin")
  .annotateContext(OpenApi.annotations({ title: "Administration: lists", description: "What all users have, for administrators." }))
