import { SqlClient } from "@effect/sql"
import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { readdir } from "node:fs/promises"
import { GroupFact } from "../../src/domain/GroupFact.ts"
import type { DeviceId } from "../../src/domain/DeviceId.ts"
import { Groups } from "../../src/sql/groups/Groups.ts"
import { Jobs } from "../../src/sql/jobs/Jobs.ts"
import { groupJid, snapshot } from "../support/fakeGroups.ts"
import { api, ask, baseUrl, httpLayer, makeDevice, makeUser } from "../support/http.ts"
import { MediaFolder } from "../support/mediaFolder.ts"
import { sampleFiles } from "../support/sampleFiles.ts"

/** What of jobs and files there is. */
const left = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const folder = yield* MediaFolder
  const names = yield* Effect.promise(() => readdir(folder, { recursive: true, withFileTypes: true }))
  const rows = yield* Effect.all([sql`SELECT id FROM jobs`, sql`SELECT position FROM job_recipients`, sql`SELECT file_id FROM job_files`, sql`SELECT id FROM media_files`])
  return [...rows.map(({ length }) => length), names.filter((entry) => entry.isFile()).length]
})

const world = Effect.gen(function*() {
  const { token, user } = yield* makeUser("admin")
  const { deviceId } = yield* makeDevice(user)
  const path = `${api}/devices/${deviceId}`
  const send = (body: unknown, { headers = {}, query = "", to = "" }: { readonly headers?: Record<string, string>; readonly query?: string; readonly to?: string } = {}) =>
    ask("POST", `${path}${to}/jobs/send-media${query}`, { token, body, headers })
  const upload = (parts: ReadonlyArray<readonly [string, string | Buffer, string?]>, { headers = {}, query = "", to = "", at = "jobs/send-media" } = {}) =>
    Effect.flatMap(baseUrl, (base) =>
      Effect.promise(async () => {
        const form = new FormData()
        for (const [name, value, fileName] of parts) {
          if (typeof value === "string" && fileName === undefined) form.append(name, value)
          else form.append(name, new Blob([new Uint8Array(Buffer.from(value))]), fileName ?? "x")
        }
        const answer = await fetch(`${base}${path}${to}/${at}${query}`, { method: "POST", body: form, headers: { authorization: `Bearer ${token}`, ...headers } })
        // oxlint-disable-next-line typescript/no-explicit-any
        return { status: answer.status, headers: answer.headers, json: (await answer.json()) as any }
      }))
  const stored = (file: Buffer) => Effect.map(upload([["file", file]], { at: "media" }), ({ json }) => json.data.mediaId as string)
  return { deviceId, send, stored, token, upload }
})
const messagesOf = (deviceId: DeviceId) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    yield* (yield* Jobs).stage(deviceId)
    return yield* sql<{ toNumber: string; messageType: string; content: string | null; fileId: number }>`SELECT m.to_number, m.message_type, m.content, mm.file_id
      FROM messages m JOIN message_media mm ON mm.message_row = m.id WHERE m.device_id = ${deviceId} ORDER BY m.id`
  })
const shown = (rows: ReadonlyArray<{ toNumber: string; content: string | null }>) => rows.map(({ content, toNumber }) => [toNumber, content])
const [ani, budi, cici] = ["6281234567890", "6281234567891", "6281234567892"]
const list = [{ to: ani, caption: "Untuk {{name}}", variables: { name: "Ani" } }, { to: budi }, cici]

layer(httpLayer({ MEDIA_MAX_SIZE: "200KB", JOB_BODY_LIMIT: "100000", MEDIA_ALLOW_PRIVATE: "off" }), { timeout: 120_000 })("bulk jobs of files", (it) => {
  it.effect("the file comes along, before the list or behind it; it is there once, for all", () =>
    Effect.gen(function*() {
      for (const parts of [
        [["delay", "1.5"], ["messages", JSON.stringify(list)], ["file", sampleFiles.jpeg(), "a.jpg"]],
        [["file", sampleFiles.jpeg(), "a.jpg"], ["recipients", JSON.stringify(list), "list.json"], ["delay", "1.5"]]
      ] as const) {
        const { deviceId, upload } = yield* world
        const before = yield* left
        const made = yield* upload(parts)
        expect([made.status, made.json.data]).toMatchObject([201, { status: "queued", total: 3, delaySec: 1.5, duplicates: 0 }])
        const rows = yield* messagesOf(deviceId)
        expect(shown(rows)).toEqual([[ani, "Untuk Ani"], [budi, null], [cici, null]])
        expect([new Set(rows.map(({ fileId }) => fileId)).size, rows[0]!.messageType]).toEqual([1, "image"])
        expect(yield* left).toEqual(before.map((count, index) => count + [1, 3, 1, 1, 1][index]!))
      }
    }))

  it.effect("the list is CSV, with one caption for all; the file is of an earlier upload", () =>
    Effect.gen(function*() {
      const one = yield* world
      const made = yield* one.upload([["message", "Halo {{name}}"], ["messages", `to,name\n${ani},Ani\n${budi},Budi\n`, "list.csv"], ["file", sampleFiles.pdf(), "Harga.pdf"]])
      expect(made.status).toBe(201)
      expect(shown(yield* messagesOf(one.deviceId))).toEqual([[ani, "Halo Ani"], [budi, "Halo Budi"]])
      const two = yield* world
      const mediaId = yield* two.stored(sampleFiles.pdf())
      const second = yield* two.send(`to;caption\n${ani};Untuk Ani\n${budi};\n`, { headers: { "content-type": "text/csv" }, query: `?mediaId=${mediaId}&delay=0&fileName=Harga.pdf` })
      expect([second.status, second.json.data.delaySec]).toEqual([201, 0])
      expect(shown(yield* messagesOf(two.deviceId))).toEqual([[ani, "Untuk Ani"], [budi, "Harga.pdf"]])
      const three = yield* world
      const third = yield* three.send({ mediaId: yield* three.stored(sampleFiles.ogg()), type: "voice", recipients: [ani] })
      expect(third.status).toBe(201)
      expect((yield* messagesOf(three.deviceId)).map(({ messageType }) => messageType)).toEqual(["audio"])
    }))

  it.effect("what is wrong is named, and leaves neither row nor file", () =>
    Effect.gen(function*() {
      const { send, stored, upload } = yield* world
      const mediaId = yield* stored(sampleFiles.jpeg())
      const before = yield* left
      const [jpeg, messages] = [["file", sampleFiles.jpeg(), "a.jpg"], ["messages", JSON.stringify(list)]] as const
      const forms = [
        [[messages], 400, "INVALID_MULTIPART", { field: "file" }],
        [[jpeg], 400, "JOB_INVALID", { errors: [{ line: 1, field: "messages" }] }],
        [[jpeg, ["messages", "[]"]], 400, "JOB_INVALID", { errors: [{ line: 1, field: "messages" }] }],
        [[messages, jpeg, ["recipients", "[]"]], 400, "INVALID_MULTIPART", { field: "recipients" }],
        [[messages, messages, jpeg], 400, "INVALID_MULTIPART", { field: "messages", reason: "it is there twice" }],
        [[["messages", "[{]"], jpeg], 400, "INVALID_JSON", undefined],
        [[["messages", "[] , \"delay\": 3"], jpeg], 400, "INVALID_JSON", undefined],
        [[["messages", "to\n\"x"], jpeg], 400, "JOB_INVALID", { errors: [{ field: "csv" }] }],
        [[["messages", JSON.stringify([ani, "x", { to: budi, foo: 1 }])], jpeg], 400, "JOB_INVALID", { errorCount: 2, errors: [{ line: 2, field: "to" }, { line: 3, field: "entry" }] }],
        [[["messages", JSON.stringify([{ to: ani, caption: "{{who}}" }])], jpeg], 400, "JOB_INVALID", { errors: [{ line: 1, field: "caption", message: "there is no value for {{who}}" }] }],
        [[["caption", "Halo {{name}}"], ["messages", `to,name\n${ani},Ani\n`], ["delay", "3"], ["messages2", "x"], jpeg], 400, "VALIDATION_ERROR", [{ field: "messages2" }]],
        [[["caption", "Halo {{name}}"], ["messages", JSON.stringify([ani])], jpeg], 400, "JOB_INVALID", { errors: [{ line: 1, field: "name" }] }],
        [[["caption", "Halo"], messages, jpeg], 400, "JOB_INVALID", { errors: [{ line: 1, field: "caption", message: "there is one caption for all" }] }],
        [[["messages", JSON.stringify([{ to: ani, caption: "x".repeat(1025) }])], jpeg], 400, "JOB_INVALID", { errors: [{ line: 1, field: "caption" }] }],
        [[["messages", JSON.stringify([ani, ani])], ["duplicates", "refuse"], jpeg], 400, "JOB_INVALID", { errors: [{ line: 2, field: "to" }] }],
        [[["delay", "soon"], messages, jpeg], 400, "VALIDATION_ERROR", [{ field: "delay" }]],
        [[messages, ["type", "video"], jpeg], 415, "MEDIA_TYPE_MISMATCH", { field: "file", type: "video" }],
        [[messages, ["file", sampleFiles.jpeg(300_000)]], 413, "MEDIA_TOO_LARGE", { field: "file", limitBytes: 204_800 }],
        [[["messages", JSON.stringify(Array.from({ length: 9000 }, () => ani))], jpeg], 413, "PAYLOAD_TOO_LARGE", undefined]
      ] as const
      for (const [parts, status, code, details] of forms) {
        const { json, status: answered } = yield* upload(parts)
        expect([answered, json.error]).toMatchObject([status, { code, ...(details !== undefined && { details }) }])
      }
      const bodies = [
        [{ messages: list }, 400, "VALIDATION_ERROR", [{ field: "url" }]],
        [{ messages: list, mediaId, url: "https://example.com/a.jpg" }, 400, "VALIDATION_ERROR", [{ field: "url" }]],
        [{ messages: list, mediaId: "0".repeat(32) }, 404, "MEDIA_NOT_FOUND", undefined],
        [{ messages: list, mediaId, type: "voice" }, 415, "MEDIA_TYPE_MISMATCH", { field: "type" }],
        [{ messages: list, url: "http://127.0.0.1/a.jpg" }, 422, "MEDIA_UNREACHABLE", { field: "url", reason: "private_address" }],
        [{ messages: list, sourceMessageId: "3EB0" }, 404, "MESSAGE_NOT_FOUND", undefined],
        [{ mediaId }, 400, "JOB_INVALID", { errors: [{ line: 1, field: "messages" }] }],
        // what is wrong with the list is told before anything is fetched
        [{ messages: ["x"], url: "http://127.0.0.1/a.jpg" }, 400, "JOB_INVALID", { errors: [{ line: 1, field: "to" }] }]
      ] as const
      for (const [body, status, code, details] of bodies) {
        const { json, status: answered } = yield* send(body)
        expect([answered, json.error]).toMatchObject([status, { code, ...(details !== undefined && { details }) }])
      }
      expect(yield* left).toEqual(before)
    }))

  it.effect("a dry run and a repeated call keep no second file", () =>
    Effect.gen(function*() {
      const { upload } = yield* world
      const before = yield* left
      const file = sampleFiles.jpeg()
      const parts = [["messages", JSON.stringify([...list, list[0]])], ["file", file, "a.jpg"]] as const
      const dry = yield* upload(parts, { query: "?dryRun=true" })
      expect([dry.status, dry.json.data]).toMatchObject([200, { dryRun: true, total: 3, duplicates: 1, duplicateLines: [4], samples: [{ message: "Untuk Ani" }, { message: "" }, { message: "" }] }])
      expect(yield* left).toEqual(before)
      const headers = { "idempotency-key": "k1" }
      const first = yield* upload(parts, { headers })
      const after = yield* left
      const again = yield* upload(parts, { headers })
      expect([again.status, again.headers.get("idempotency-replayed"), again.json.data.jobId]).toEqual([201, "true", first.json.data.jobId])
      const other = yield* upload([parts[0], ["file", sampleFiles.jpeg(), "a.jpg"]], { headers })
      expect([other.status, other.json.error.code]).toEqual([422, "IDEMPOTENCY_CONFLICT"])
      expect(yield* left).toEqual(after)
    }))

  it.effect("into a group: a message for each line, or one; an unknown group takes none", () =>
    Effect.gen(function*() {
      const { deviceId, send, stored, upload } = yield* world
      const group = groupJid("001")
      yield* Effect.flatMap(Groups, ({ record }) => record(deviceId, [GroupFact.Whole({ group: snapshot(group, "Keluarga"), author: null })]))
      const to = `/groups/${group}`
      const mediaId = yield* stored(sampleFiles.jpeg())
      expect((yield* send({ mediaId, caption: "satu" }, { to })).json.data).toMatchObject({ total: 1 })
      expect(shown(yield* messagesOf(deviceId))).toEqual([[group, "satu"]])
      const many = yield* upload([["caption", "Nomor {{n}}"], ["messages", JSON.stringify([{ variables: { n: 1 } }, { variables: { n: 2 } }])], ["file", sampleFiles.jpeg()]], { to })
      expect(many.json.data).toMatchObject({ total: 2 })
      const before = yield* left
      const named = yield* send({ mediaId, messages: [{ to: ani, caption: "x" }] }, { to })
      expect([named.status, named.json.error.details.errors[0]]).toMatchObject([400, { line: 1, field: "entry" }])
      const unknown = yield* upload([["file", sampleFiles.jpeg()]], { to: `/groups/${groupJid("009")}` })
      expect([unknown.status, unknown.json.error.code]).toEqual([404, "GROUP_NOT_FOUND"])
      expect(yield* left).toEqual(before)
    }))

  it.effect("a single file, too, goes into no group that is unknown or that the device has left", () =>
    Effect.gen(function*() {
      const { deviceId, upload } = yield* world
      const group = { ...snapshot(groupJid("002"), "Kantor"), ownRole: null }
      yield* Effect.flatMap(Groups, ({ record }) => record(deviceId, [GroupFact.Whole({ group, author: null })]))
      const before = yield* left
      const send = (to: string) =>
        Effect.map(upload([["file", sampleFiles.jpeg()]], { to: `/groups/${to}`, at: "send-media", query: "?wait=accepted" }), ({ json, status }) =>
          [status, json.error?.code])
      expect(yield* send(groupJid("009"))).toEqual([404, "GROUP_NOT_FOUND"])
      expect(yield* send(group.groupId)).toEqual([403, "NOT_GROUP_MEMBER"])
      expect(yield* left).toEqual(before)
    }))
})
