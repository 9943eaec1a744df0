import { parseArgs } from "node:util"

const parts = ["send", "receive", "memory", "restart", "jobs"] as const
export type Part = (typeof parts)[number]

export interface Options {
  readonly only: ReadonlySet<Part>
  readonly quick: boolean
  readonly mysql: boolean
  readonly profile: boolean
  /** of messages per round, rounds, and devices of the memory and restart measurements */
  readonly messages: number
  readonly warmUp: number
  readonly rounds: number
  readonly devices: readonly [few: number, many: number]
  readonly restarts: number
  /** of one job, of the largest, and devices that have one at the same time */
  readonly jobMessages: number
  readonly largeJob: number
  readonly jobDevices: number
}

export const usage = `Usage: npm run bench -- [options]

  --quick        small counts: whether it all works, in less than a minute
  --only PARTS   some of ${parts.join(",")}
  --devices N    devices of the restart, and the most of the memory measurement (200)
  --mysql        sending and receiving on MySQL too, at TEST_MYSQL_URL
  --profile      one more round of each under the profiler, and where its time goes`

export const readOptions = (args: ReadonlyArray<string>): Options => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string", default: parts.join(",") },
      devices: { type: "string" },
      mysql: { type: "boolean", default: false },
      profile: { type: "boolean", default: false }
    }
  })
  const asked = values.only.split(",")
  const unknown = asked.find((name) => !parts.some((part) => part === name))
  if (unknown !== undefined) throw new Error(`there is no part '${unknown}'`)
  const counts = values.quick
    ? { messages: 30, warmUp: 20, rounds: 2, devices: [2, 4] as const, restarts: 1, jobMessages: 100, largeJob: 1000, jobDevices: 4 }
    : { messages: 400, warmUp: 400, rounds: 5, devices: [50, 200] as const, restarts: 3, jobMessages: 1000, largeJob: 100_000, jobDevices: 200 }
  const many = Number(values.devices ?? counts.devices[1])
  if (!Number.isInteger(many) || many <= counts.devices[0]) throw new Error(`--devices is a number above ${counts.devices[0]}`)
  return {
    only: new Set(parts.filter((part) => asked.includes(part))),
    quick: values.quick,
    mysql: values.mysql,
    profile: values.profile,
    ...counts,
    devices: [counts.devices[0], many]
  }
}
