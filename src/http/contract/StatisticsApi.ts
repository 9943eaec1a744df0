import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import { Day, TimeZone } from "../../domain/Calendar.ts"
import { DeviceId } from "../../domain/DeviceId.ts"
import { Figures } from "../../domain/Figures.ts"
import * as Envelope from "../Envelope.ts"
import { AuthorizedForDevice } from "./Authorization.ts"
import { DevicePath } from "./DevicesApi.ts"
import { statisticsPeriodInvalid } from "./Failures.ts"
import { date, timeZone } from "./HistoryApi.ts"

const period = Schema.Struct({
  from: Schema.optional(date),
  to: Schema.optional(date),
  startDate: Schema.optional(date),
  endDate: Schema.optional(date),
  timeZone
})
const answered = { deviceId: DeviceId, from: Day, to: Day, timeZone: TimeZone }
const explained = "From the day `from` to the day `to` (also taken as `startDate` and `endDate`), both counted, in `timeZone`; " +
  "without them the thirty days that end today; at most 366. What is counted is counted as it happens: a message that failed " +
  "and went out after all is an outgoing one, one that came twice is one, and messages of before the pairing are in no figure. " +
  "A chat with one person is *answered* if a message of ours went out in it at or after that person's first message of the " +
  "day, by the end of the following day; `responseRate` is the answered part of the chats in which people wrote."

export const StatisticsApi = HttpApiGroup.make("statistics")
  .add(
    HttpApiEndpoint.get("statistics", "/devices/:deviceId/statistics")
      .setPath(DevicePath)
      .setUrlParams(period)
      .addSuccess(Envelope.success(Schema.Struct({ ...answered, ...Figures.fields }).annotations({ identifier: "Statistics" })))
      .addError(statisticsPeriodInvalid)
      .annotateContext(OpenApi.annotations({ summary: "A device's figures over a period", description: explained }))
  )
  .add(
    HttpApiEndpoint.get("dailyStatistics", "/devices/:deviceId/statistics/daily")
      .setPath(DevicePath)
      .setUrlParams(period)
      .addSuccess(Envelope.success(Schema.Struct({
        ...answered,
        items: Schema.Array(Schema.Struct({ date: Day, ...Figures.fields }).annotations({ identifier: "DailyStatistics" }))
      })))
      .addError(statisticsPeriodInvalid)
      .annotateContext(OpenApi.annotations({ summary: "A device's figures day by day", description: `${explained} Every day is there.` }))
  )
  .middleware(AuthorizedForDevice)
  .prefix("/api/whatsapp-multi-device")
  .annotateContext(OpenApi.annotations({ title: "Statistics", description: "What a device sent and received, in figures." }))
