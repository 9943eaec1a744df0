import { SqlClient } from "@effect/sql"
import { expect, layer } from "@effect/vitest"
import { DateTime, Effect, TestClock } from "effect"
import type { DeviceId } from "../../src/domain/DeviceId.ts"
import { Jobs } from "../../src/sql/jobs/Jobs.ts"
import { Schedules } from "../../src/sql/schedules/Schedules.ts"
import { api, ask, httpLayer, makeDevice, makeUser } from "../support/http.ts"

const world = Effect.gen(function*() {
  const admin = yield* makeUser("admin")
  const owner = yield* makeUser("user")
  const stranger = yield* makeUser("user")
  const { deviceId } = yield* makeDevice(owner.user)
  const path = `${api}/devices/${deviceId}`
  const send = (body: unknown, { headers = {}, query = "" }: { readonly headers?: Record<string, string>; readonly query?: string } = {}) =>
    ask("POST", `${path}/jobs/send-text${query}`, { token: admin.token, body, headers })
  return { admin, owner, stranger, deviceId, path, send }
})
const three = [{ to: "6281234567890", message: "Pesan 1" }, { to: "6281234567891", message: "Pesan 2" }, { to: "6281234567892", message: "Pesan 3" }]
const csv = { "content-type": "text/csv" }
const textsOf = (deviceId: DeviceId) =>
  Effect.gen(function*() {
    const jobs = yield* Jobs
    const sql = yield* SqlClient.SqlClient
    yield* jobs.stage(deviceId)
    const rows = yield* sql<{ content: string }>`SELECT content FROM messages WHERE device_id = ${deviceId} ORDER BY id`
    return rows.map(({ content }) => content)
  })
const code = (answer: { readonly json: { readonly error: { readonly code: string } } }) => answer.json.error.code
const idsOfJobs = (token: string) =>
  Effect.map(ask("GET", `${api}/jobs`, { token }), ({ json }) => json.data.items.map((job: { jobId: string }) => job.jobId))
const tables = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  Effect.all([sql`SELECT id FROM jobs`, sql`SELECT job_row FROM job_recipients`]).pipe(Effect.map((found) => found.map((rows) => rows.length))))

layer(httpLayer({ JOB_BODY_LIMIT: "20000000" }), { timeout: 120_000 })("bulk jobs", (it) => {
  it.effect("is taken and shown as the documentation says", () =>
    Effect.gen(function*() {
      const { deviceId, owner, send } = yield* world
      const made = yield* send({ messages: three, delay: 3 })
      expect(made.status).toBe(201)
      expect(made.json.data).toMatchObject({ jobId: expect.stringMatching(/^job-/), status: "queued", delaySec: 3, total: 3, duplicates: 0, optedOut: 0 })
      const { jobId } = made.json.data
      expect(yield* textsOf(deviceId)).toEqual(["Pesan 1", "Pesan 2", "Pesan 3"])
      const { json } = yield* ask("GET", `${api}/jobs/${jobId}`, { token: owner.token })
      expect(json.data).toMatchObject({ jobId, status: "processing", progress: { total: 3, completed: 0, failed: 0, pending: 3, cancelled: 0 } })
    }))

  it.effect("a text with variables, from JSON and CSV", () =>
    Effect.gen(function*() {
      const one = yield* world
      const body = { messages: [{ to: "6281234567890", variables: { name: "Ani", n: 7 } }, { to: "6281234567891", variables: { name: "Budi", n: 8 } }], message: "Halo {{name}} {{n}}" }
      expect((yield* one.send(body)).status).toBe(201)
      expect(yield* textsOf(one.deviceId)).toEqual(["Halo Ani 7", "Halo Budi 8"])
      const two = yield* world
      const made = yield* two.send("to;name\n6281234567890;\"Ani; CS\"\n\n6281234567891;Budi\n", { headers: csv, query: "?message=Hai%20{{name}}&delay=0" })
      expect([made.status, made.json.data.delaySec]).toEqual([201, 0])
      expect(yield* textsOf(two.deviceId)).toEqual(["Hai Ani; CS", "Hai Budi"])
      const three = yield* world
      yield* three.send("phone,message,name\n6281234567890,Hai {{name}},Ani\n", { headers: csv })
      expect(yield* textsOf(three.deviceId)).toEqual(["Hai Ani"])
    }))

  it.effect("nothing is kept of what is wrong anywhere, and the wrong lines are named", () =>
    Effect.gen(function*() {
      const { send } = yield* world
      const before = yield* tables
      const refused = yield* send({ messages: [...three, { to: "x", message: "a" }, { message: "b" }, { to: "6281234567893", message: "{{who}}" }, { to: "6281234567893", foo: 1 }] })
      expect([refused.status, refused.json.error.code]).toEqual([400, "JOB_INVALID"])
      expect(refused.json.error.details).toMatchObject({
        errorCount: 4,
        errors: [{ line: 4, field: "to" }, { line: 5, field: "to", message: "is missing" }, { line: 6, field: "message" }, { line: 7, field: "entry" }]
      })
      const lacking = yield* send({ message: "Halo {{name}}", messages: [{ to: "6281234567890", variables: { name: "a" } }, { to: "6281234567891" }] })
      expect(lacking.json.error.details).toEqual({ errorCount: 1, errors: [{ line: 2, field: "name", message: "there is no value for {{name}}" }] })
      const both = yield* send({ message: "Halo", messages: three })
      expect(both.json.error.details.errors[0]).toEqual({ line: 1, field: "message", message: "there is one text for all" })
      const many = yield* send({ messages: Array.from({ length: 300 }, () => ({ to: "x" })) })
      expect([many.json.error.details.errorCount, many.json.error.details.errors.length]).toEqual([300, 100])
      const none = yield* send({ messages: [] })
      expect(none.json.error.details.errors[0].field).toBe("messages")
      const noText = yield* send({ messages: [{ to: "6281234567890" }] })
      expect(noText.json.error.details.errors).toEqual([{ line: 1, field: "message", message: "is missing" }])
      expect((yield* send({ messages: [{ to: "6281234567890", message: "  " }] })).json.error.details.errors[0].message).toBe("the text is empty")
      expect(yield* tables).toEqual(before)
    }))

  it.effect("what is no list is refused", () =>
    Effect.gen(function*() {
      const { send } = yield* world
      const before = yield* tables
      expect(code(yield* send("{\"messages\":[{]}"))).toBe("INVALID_JSON")
      expect(code(yield* send("[]"))).toBe("VALIDATION_ERROR")
      expect(code(yield* send({ messages: three, delay: -1 }))).toBe("VALIDATION_ERROR")
      expect(code(yield* send({ messages: three, dely: 1 }))).toBe("VALIDATION_ERROR")
      expect(code(yield* send("x", { headers: { "content-type": "text/plain" } }))).toBe("UNSUPPORTED_MEDIA_TYPE")
      expect(code(yield* send("to\n\"x", { headers: csv }))).toBe("JOB_INVALID")
      expect(code(yield* send({ messages: Array.from({ length: 100 }, () => ({ to: "6281234567890", message: "x".repeat(250_000) })) }))).toBe("PAYLOAD_TOO_LARGE")
      expect(yield* tables).toEqual(before)
    }))

  it.effect("the same to the same person is left out, or refused", () =>
    Effect.gen(function*() {
      const { deviceId, send } = yield* world
      const messages = [...three, { to: "+62 812-3456-7890", message: "Pesan 1" }, { to: "6281234567890", message: "Pesan 4" }]
      const refused = yield* send({ messages, duplicates: "refuse" })
      expect(refused.json.error.details).toMatchObject({ errorCount: 1, errors: [{ line: 4, field: "to" }] })
      const made = yield* send({ messages })
      expect(made.json.data).toMatchObject({ total: 4, duplicates: 1, duplicateLines: [4] })
      expect(yield* textsOf(deviceId)).toEqual(["Pesan 1", "Pesan 2", "Pesan 3", "Pesan 4"])
    }))

  it.effect("a dry run tells all and keeps nothing", () =>
    Effect.gen(function*() {
      const { admin, owner, send } = yield* world
      const added = yield* ask("POST", `${api}/opt-outs?userId=${owner.user.id}`, { token: admin.token, body: { phones: ["6281234567891"], reason: "asked" } })
      expect([added.status, added.json.data]).toEqual([201, { added: 1 }])
      const before = yield* tables
      const { json, status } = yield* send({ messages: three, delay: 10 }, { query: "?dryRun=true" })
      expect([status, json.data]).toEqual([200, {
        dryRun: true, delaySec: 10, total: 3, duplicates: 0, duplicateLines: [], optedOut: 1, estimatedSeconds: 10,
        samples: three.map(({ message, to }) => ({ to: `${to}@s.whatsapp.net`, message }))
      }])
      expect(yield* tables).toEqual(before)
      const mine = yield* ask("GET", `${api}/opt-outs`, { token: owner.token })
      expect(mine.json.data.items).toMatchObject([{ address: "6281234567891@s.whatsapp.net", reason: "asked" }])
      expect((yield* ask("GET", `${api}/opt-outs?userId=${admin.user.id}`, { token: owner.token })).status).toBe(403)
      expect((yield* ask("DELETE", `${api}/opt-outs/6281234567891`, { token: owner.token })).json.data.removed).toBe(true)
    }))

  it.effect("the same key is the same job; with another body a conflict", () =>
    Effect.gen(function*() {
      const { send } = yield* world
      const headers = { "idempotency-key": "k1" }
      const first = yield* send({ messages: three }, { headers })
      const rows = yield* tables
      const again = yield* send({ messages: three }, { headers })
      expect([again.status, again.headers.get("idempotency-replayed"), again.json.data.jobId]).toEqual([201, "true", first.json.data.jobId])
      const other = yield* send({ messages: three.slice(1) }, { headers })
      expect([other.status, other.json.error.code]).toEqual([422, "IDEMPOTENCY_CONFLICT"])
      expect(yield* tables).toEqual(rows)
    }))

  it.effect("owners see and stop their jobs, others do not", () =>
    Effect.gen(function*() {
      const { admin, deviceId, owner, send, stranger } = yield* world
      const { jobId } = (yield* send({ messages: three, name: "Promo" })).json.data
      yield* textsOf(deviceId)
      for (const [method, what] of [["GET", ""], ["GET", "/results"], ["GET", "/results.csv"], ["POST", "/cancel"], ["POST", "/pause"]] as const) {
        expect((yield* ask(method, `${api}/jobs/${jobId}${what}`, { token: stranger.token })).status).toBe(403)
      }
      expect(yield* idsOfJobs(stranger.token)).toEqual([])
      expect(yield* idsOfJobs(owner.token)).toEqual([jobId])
      expect((yield* ask("POST", `${api}/jobs/${jobId}/retry-failed`, { token: owner.token })).status).toBe(403)
      const act = (what: string) => ask("POST", `${api}/jobs/${jobId}/${what}`, { token: owner.token })
      expect((yield* act("resume")).json.error).toEqual({ code: "JOB_NOT_CHANGEABLE", details: { jobId, status: "processing" } })
      expect((yield* act("pause")).json.data.status).toBe("paused")
      expect((yield* act("resume")).json.data.status).toBe("processing")
      expect((yield* act("cancel")).json.data).toMatchObject({ status: "cancelled", progress: { cancelled: 3, pending: 0 } })
      expect((yield* act("cancel")).status).toBe(409)
      const results = yield* ask("GET", `${api}/jobs/${jobId}/results?limit=2`, { token: owner.token })
      expect(results.json.data).toMatchObject({ items: [{ position: 0, status: "cancelled" }, { position: 1 }], hasMore: true, nextCursor: 1 })
      const rest = yield* ask("GET", `${api}/jobs/${jobId}/results?after=1`, { token: owner.token })
      expect(rest.json.data).toMatchObject({ items: [{ position: 2, to: "6281234567892@s.whatsapp.net" }], hasMore: false })
      const file = yield* ask("GET", `${api}/jobs/${jobId}/results.csv`, { token: owner.token })
      expect(file.headers.get("content-type")).toContain("text/csv")
      expect(file.text.split("\n")).toHaveLength(5)
      expect((yield* ask("GET", `/api/admin/jobs?userId=${owner.user.id}`, { token: admin.token })).json.data.items).toMatchObject([{ jobId, name: "Promo" }])
      expect((yield* ask("GET", `${api}/jobs/job-none`, { token: owner.token })).json.error.code).toBe("JOB_NOT_FOUND")
    }))

  it.effect("a hundred thousand recipients come in, one more is refused", () =>
    Effect.gen(function*() {
      const { send } = yield* world
      const lines = Array.from({ length: 100_000 }, (_, index) => `62812${String(index).padStart(7, "0")},Nama ${index}`)
      const made = yield* send(`to,name\n${lines.join("\n")}`, { headers: csv, query: "?message=Hai%20{{name}}" })
      expect([made.status, made.json.data?.total, made.json.error]).toEqual([201, 100_000, undefined])
      const refused = yield* send(`to,name\n${lines.join("\n")}\n6285555555555,x`, { headers: csv, query: "?message=Hai%20{{name}}" })
      expect(refused.json.error.details).toMatchObject({ errorCount: 1, errors: [{ line: 100_002 }] })
    }), 110_000)
})

layer(httpLayer(), { timeout: 60_000 })("scheduled messages", (it) => {
  const scheduling = Effect.map(world, (all) => ({
    ...all,
    schedule: (body: object, headers: Record<string, string> = {}) =>
      ask("POST", `${all.path}/schedule-message`, { token: all.owner.token, body: { phone: "6281234567890", message: "Pagi", ...body }, headers })
  }))

  it.effect("once: shown, changed, cancelled", () =>
    Effect.gen(function*() {
      const { owner, path, schedule } = yield* scheduling
      const made = yield* schedule({ scheduledAt: "1970-01-02T09:00:00", timeZone: "Asia/Jakarta" })
      expect(made.status).toBe(201)
      const { scheduleId } = made.json.data
      expect(made.json.data).toMatchObject({ status: "active", to: "6281234567890@s.whatsapp.net", message: "Pagi", scheduledAt: "1970-01-02T02:00:00.000Z", nextAt: "1970-01-02T02:00:00.000Z" })
      const one = `${path}/schedules/${scheduleId}`
      const body = { to: "6281234567891", text: "Siang", sendAt: "1970-01-02T12:00:00+07:00" }
      expect((yield* ask("PUT", one, { token: owner.token, body })).json.data).toMatchObject({ message: "Siang", nextAt: "1970-01-02T05:00:00.000Z" })
      expect((yield* ask("GET", `${path}/schedules`, { token: owner.token })).json.data.items).toMatchObject([{ scheduleId }])
      expect((yield* ask("DELETE", one, { token: owner.token })).json.data).toMatchObject({ status: "cancelled", nextAt: null })
      expect((yield* ask("PUT", one, { token: owner.token, body })).json.error.code).toBe("SCHEDULE_NOT_CHANGEABLE")
      expect((yield* ask("GET", `${path}/schedules/schedule-none`, { token: owner.token })).json.error.code).toBe("SCHEDULE_NOT_FOUND")
    }))

  it.effect("a wrong time is 400 and says why", () =>
    Effect.gen(function*() {
      const { schedule } = yield* scheduling
      const details = (body: object) => Effect.map(schedule(body), ({ json, status }) => [status, json.error.code, json.error.details])
      expect(yield* details({ scheduledAt: "1969-01-01T00:00:00Z" })).toEqual([400, "SCHEDULE_INVALID", { field: "scheduledAt", reason: "past" }])
      expect(yield* details({ scheduledAt: "1970-02-31T00:00:00Z" })).toEqual([400, "SCHEDULE_INVALID", { field: "scheduledAt", reason: "no_such_time" }])
      expect(yield* details({ cron: "* * *" })).toEqual([400, "SCHEDULE_INVALID", { field: "cron", reason: "not_cron" }])
      expect(yield* details({})).toEqual([400, "SCHEDULE_INVALID", { field: "scheduledAt", reason: "one_of_both" }])
      expect((yield* schedule({ cron: "0 9 * * *", timeZone: "Mars/Base" })).json.error.details[0].field).toBe("timeZone")
      expect((yield* schedule({ cron: "0 9 * * *", quietHours: { from: "25:00", to: "07:00" } })).json.error.details[0].field).toBe("quietHours.from")
    }))

  it.effect("a repeated call is answered with the first, also when the time has passed", () =>
    Effect.gen(function*() {
      const { schedule } = yield* scheduling
      const headers = { "idempotency-key": "s1" }
      const body = { scheduledAt: DateTime.formatIso(DateTime.add(yield* DateTime.now, { seconds: 5 })) }
      const first = yield* schedule(body, headers)
      yield* TestClock.adjust("6 seconds")
      const again = yield* schedule(body, headers)
      expect([again.status, again.headers.get("idempotency-replayed"), again.json.data.scheduleId]).toEqual([201, "true", first.json.data.scheduleId])
      expect((yield* schedule({ ...body, message: "x" }, headers)).status).toBe(422)
    }))

  it.effect("its slots are shown", () =>
    Effect.gen(function*() {
      const { deviceId, owner, path, schedule } = yield* scheduling
      const { scheduleId } = (yield* schedule({ cron: "* * * * *" })).json.data
      yield* TestClock.adjust("1 minute")
      expect(yield* (yield* Schedules).run({ deviceId, scheduleId })).toBe(true)
      const { json } = yield* ask("GET", `${path}/schedules/${scheduleId}`, { token: owner.token })
      expect(json.data).toMatchObject({ status: "active", cron: "* * * * *", scheduledAt: null, slots: [{ messageId: expect.stringMatching(/^3EB0/) }] })
    }))
})
