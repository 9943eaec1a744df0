import { defineConfig } from "vitest/config"

const patient = { pool: "forks", testTimeout: 30_000, hookTimeout: 60_000 } as const

// dozens of starts of the built program, and hours of virtual time in small steps
const slow = ["tests/runtime/commandLine.test.ts", "tests/plugins/webhooks.test.ts"]

// whole processes, but soon done
const short = ["tests/e2e/lifecycle.test.ts", "tests/e2e/anything.test.ts"]

export default defineConfig({
  test: {
    // the tests mostly wait: on two cores, too, two files at a time
    maxWorkers: 2,
    minWorkers: 1,
    projects: [
      // most of a run would be the loading of modules: these files share it
      {
        test: {
          ...patient,
          name: "service",
          include: ["tests/{actors,domain,egress,emulator,http,media,plugins,runtime,sql}/**/*.test.ts"],
          exclude: slow,
          isolate: false
        }
      },
      // these change libraries for the whole process, or are about processes
      { test: { ...patient, name: "whole", include: ["tests/{faults,whatsapp}/**/*.test.ts", ...short] } },
      // minutes of real time: frozen and killed processes, proxies, retries
      { test: { ...patient, name: "long", include: ["tests/{chaos,e2e,storms}/**/*.test.ts", ...slow], exclude: short } }
    ]
  }
})
