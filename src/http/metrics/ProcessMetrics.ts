import { Effect } from "effect"
import { monitorEventLoopDelay } from "node:perf_hooks"
import type { Family } from "./PrometheusText.ts"

/** A timer that is due every so many milliseconds measures the event loop: what it is late by is the delay. */
const resolution = 20

/** What the process itself uses. The event loop's delay is that since the last reading. */
export const processMetrics = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      const delay = monitorEventLoopDelay({ resolution })
      delay.enable()
      return delay
    }),
    (delay) => Effect.sync(() => delay.disable())
  ),
  (delay) =>
    Effect.sync((): ReadonlyArray<Family> => {
      const cpu = process.cpuUsage()
      const memory = process.memoryUsage()
      const read = [
        counter("process_cpu_user_seconds_total", "CPU time in user code", cpu.user / 1e6),
        counter("process_cpu_system_seconds_total", "CPU time in the system", cpu.system / 1e6),
        gauge("process_resident_memory_bytes", "Resident memory", memory.rss),
        gauge("nodejs_heap_size_used_bytes", "Heap in use", memory.heapUsed),
        gauge("nodejs_heap_size_total_bytes", "Heap reserved", memory.heapTotal),
        gauge("nodejs_external_memory_bytes", "Memory of buffers and native objects", memory.external),
        gauge("nodejs_eventloop_delay_p50_seconds", "Delay of the event loop, median", late(delay.percentile(50))),
        gauge("nodejs_eventloop_delay_p99_seconds", "Delay of the event loop, 99th percentile", late(delay.percentile(99))),
        gauge("nodejs_eventloop_delay_max_seconds", "Delay of the event loop, longest", late(delay.max)),
        gauge("nodejs_active_resources", "Open handles and pending requests", process.getActiveResourcesInfo().length),
        gauge("process_uptime_seconds", "Time since the start", process.uptime())
      ]
      delay.reset()
      return read
    })
)

/** From nanoseconds between two ticks. */
const late = (between: number) => Math.max(0, between / 1e9 - resolution / 1000)
const counter = (name: string, help: string, value: number): Family => ({ name, help, type: "counter", samples: [{ labels: [], value }] })
const gauge = (name: string, help: string, value: number): Family => ({ name, help, type: "gauge", samples: [{ labels: [], value }] })
