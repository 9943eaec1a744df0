import { HttpApiBuilder } from "@effect/platform"
import { DateTime, Effect } from "effect"
import { type Day, dayOf, type TimeZone } from "../../domain/Calendar.ts"
import { type Figures, mostDays, StatisticsPeriodInvalid } from "../../domain/Figures.ts"
import { Statistics } from "../../sql/statistics/Statistics.ts"
import { Api } from "../Api.ts"
import { CallerDevice } from "../contract/Authorization.ts"

const usualDays = 30

interface Asked {
  readonly from?: Day | undefined
  readonly to?: Day | undefined
  readonly startDate?: Day | undefined
  readonly endDate?: Day | undefined
  readonly timeZone: TimeZone
}

export const layer = HttpApiBuilder.group(Api, "statistics", (handlers) =>
  Effect.gen(function*() {
    const statistics = yield* Statistics

    const periodOf = Effect.fnUntraced(function*(asked: Asked) {
      const today = dayOf(asked.timeZone, (yield* DateTime.now).epochMillis)
      const to = asked.to ?? asked.endDate ?? today
      const from = asked.from ?? asked.startDate ?? ((to - usualDays + 1) as Day)
      const days = to - from + 1
      if (days < 1 || days > mostDays) return yield* new StatisticsPeriodInvalid({ field: days < 1 ? "to" : "from", days })
      const { device } = yield* CallerDevice
      return { deviceId: device.deviceId, period: { from, to, timeZone: asked.timeZone } }
    })

    return handlers
      .handle("statistics", ({ urlParams }) =>
        Effect.gen(function*() {
          const { deviceId, period } = yield* periodOf(urlParams)
          return { deviceId, ...period, ...(yield* statistics.period(deviceId, period)) }
        }))
      .handle("dailyStatistics", ({ urlParams }) =>
        Effect.gen(function*() {
          const { deviceId, period } = yield* periodOf(urlParams)
          const active = new Map((yield* statistics.daily(deviceId, period)).map(({ day, ...figures }) => [day, figures]))
          const days = Array.from({ length: period.to - period.from + 1 }, (_, index) => (period.from + index) as Day)
          return { deviceId, ...period, items: days.map((day) => ({ date: day, ...(active.get(day) ?? quiet) })) }
        }))
  }))

const quiet: Figures = {
  incomingMessages: 0, outgoingMessages: 0, failedMessages: 0, activeChats: 0, askingChats: 0, answeredChats: 0, responseRate: null
}
