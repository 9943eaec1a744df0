import { expect, layer } from "@effect/vitest"
import { Effect, Ref } from "effect"
import { readdir } from "node:fs/promises"
import { request } from "node:http"
import { safeFileName, sniff } from "../../src/domain/FileType.ts"
import { isPublicAddress } from "../../src/egress/PublicAddress.ts"
import { rangeOf } from "../../src/http/media/FileAnswer.ts"
import { api, ask, baseUrl, httpLayer, makeDevice, makeUser, Stage } from "../support/http.ts"
import { MediaFolder } from "../support/mediaFolder.ts"
import { sampleFiles } from "../support/sampleFiles.ts"

const phone = "6281234567890"

/** How many files there are in the store, whole or not. */
const kept = Effect.flatMap(MediaFolder, (folder) =>
  Effect.promise(async () => (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).length))

const scene = Effect.gen(function*() {
  const { token, user } = yield* makeUser("user")
  const device = yield* makeDevice(user)
  const path = `${api}/devices/${device.deviceId}`
  const upload = (to: string, parts: ReadonlyArray<readonly [string, string | Buffer, string?]>) =>
    Effect.flatMap(baseUrl, (base) =>
      Effect.promise(async () => {
        const form = new FormData()
        for (const [name, value, fileName] of parts) {
          if (typeof value === "string") form.append(name, value)
          else form.append(name, new Blob([new Uint8Array(value)]), fileName ?? "x")
        }
        const answer = await fetch(`${base}${path}/${to}`, { method: "POST", body: form, headers: { authorization: `Bearer ${token}` } })
        // oxlint-disable-next-line typescript/no-explicit-any
        return { status: answer.status, json: (await answer.json()) as any }
      }))
  /** A body as it is, with nothing mended. */
  const raw = (body: string | Buffer, type: string) =>
    Effect.flatMap(baseUrl, (base) =>
      Effect.promise(() =>
        new Promise<{ readonly status: number; readonly json: { readonly error: { readonly code: string; readonly details?: unknown } } }>((resolve, reject) => {
          const call = request(`${base}${path}/send-media`, {
            method: "POST",
            headers: { authorization: `Bearer ${token}`, "content-type": type, "content-length": Buffer.byteLength(body) }
          }, (answer) => {
            let text = ""
            answer.setEncoding("utf8").on("data", (piece: string) => void (text += piece)).on("end", () => resolve({ status: answer.statusCode!, json: JSON.parse(text) }))
          })
          call.on("error", reject)
          call.end(body)
        })))
  return { device, path, raw, token, upload }
})

layer(httpLayer({ MEDIA_MAX_SIZE: "200KB" }))("files over HTTP", (it) => {
  it.effect("what is wrong is named, and leaves nothing behind", () =>
    Effect.gen(function*() {
      const { upload } = yield* scene
      const before = yield* kept
      const jpeg = sampleFiles.jpeg()
      const cases = [
        [[["phone", phone]], 400, "INVALID_MULTIPART", { field: "file", reason: "a file is expected" }],
        [[["phone", phone], ["file", jpeg], ["file", jpeg]], 400, "INVALID_MULTIPART", { field: "file", reason: "one file is expected" }],
        [[["phone", phone], ["picture", jpeg]], 400, "INVALID_MULTIPART", { field: "picture", reason: "the file is expected in the field 'file'" }],
        [[["phone", phone], ["phone", phone], ["file", jpeg]], 400, "INVALID_MULTIPART", { field: "phone", reason: "it is there twice" }],
        [[["file", jpeg]], 400, "VALIDATION_ERROR", [{ field: "phone" }]],
        [[["phone", phone], ["type", "film"], ["file", jpeg]], 400, "VALIDATION_ERROR", [{ field: "type" }]],
        [[["phone", phone], ["colour", "red"], ["file", jpeg]], 400, "VALIDATION_ERROR", [{ field: "colour" }]],
        [[["phone", phone], ["seconds", "long"], ["file", jpeg]], 400, "VALIDATION_ERROR", [{ field: "seconds" }]],
        [[["phone", phone], ["caption", "x".repeat(1025)], ["file", jpeg]], 400, "VALIDATION_ERROR", [{ field: "caption" }]],
        [[["phone", phone], ["type", "video"], ["file", jpeg]], 415, "MEDIA_TYPE_MISMATCH", { field: "file", type: "video", mimetype: "image/jpeg" }],
        [[["phone", phone], ["type", "image"], ["file", Buffer.from("<script>"), "x.jpg"]], 415, "MEDIA_TYPE_MISMATCH", { mimetype: "text/plain" }],
        [[["phone", phone], ["file", sampleFiles.jpeg(300_000)]], 413, "MEDIA_TOO_LARGE", { field: "file", limitBytes: 204_800 }]
      ] as const
      for (const [parts, status, code, details] of cases) {
        const answer = yield* upload("send-media", parts)
        expect([answer.status, answer.json.error]).toMatchObject([status, { code, details }])
      }
      expect(yield* kept).toBe(before)
    }), 60_000)

  it.effect("a body that breaks off, or is none, is told and forgotten", () =>
    Effect.gen(function*() {
      const { raw } = yield* scene
      const before = yield* kept
      const head = `--b\r\nContent-Disposition: form-data; name="phone"\r\n\r\n${phone}\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="x.jpg"\r\nContent-Type: image/jpeg\r\n\r\n`
      const cases = [
        [Buffer.concat([Buffer.from(head), sampleFiles.jpeg()]), "multipart/form-data; boundary=b", 400, "INVALID_MULTIPART"],
        [head, "multipart/form-data; boundary=b", 400, "INVALID_MULTIPART"],
        ["", "multipart/form-data; boundary=b", 400, "INVALID_MULTIPART"],
        ["nothing of the kind", "multipart/form-data; boundary=b", 400, "INVALID_MULTIPART"],
        [head, "multipart/form-data", 400, "INVALID_MULTIPART"],
        ["x", "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE"],
        ["{", "application/json", 400, "INVALID_JSON"],
        ["{}", "application/json", 400, "VALIDATION_ERROR"]
      ] as const
      for (const [body, type, status, code] of cases) {
        const answer = yield* raw(body, type)
        expect([type, answer.status, answer.json.error.code]).toEqual([type, status, code])
      }
      expect(yield* kept).toBe(before)
    }), 60_000)

  it.effect("the bytes say what a file is, and its name is a name", () =>
    Effect.gen(function*() {
      const { upload } = yield* scene
      const { requests } = yield* Stage
      const sent = yield* upload("send-media", [["phone", phone], ["caption", ""], ["file", sampleFiles.pdf(), "../../etc/pass\u202ewd.exe"]])
      expect([sent.status, sent.json.error]).toEqual([200, undefined])
      const [asked] = (yield* Ref.get(requests)).slice(-1)
      expect(asked).toMatchObject({ content: { _tag: "Media", kind: "document", mimetype: "application/pdf", fileName: "passwd.exe", caption: null } })
      expect((yield* upload("send-media", [["phone", phone], ["media", sampleFiles.jpeg()]])).status).toBe(200)
      const stored = yield* upload("media", [["file", sampleFiles.png(), "a.png"]])
      expect([stored.status, stored.json.data]).toMatchObject([201, { mimetype: "image/png", size: 5000, fileName: "a.png", mediaId: expect.stringMatching(/^[0-9a-f]{32}$/) }])
    }))

  it.effect("addresses of one's own network are not asked, by whatever name", () =>
    Effect.gen(function*() {
      const { path, token } = yield* scene
      for (const url of ["http://127.0.0.1/x", "http://[::1]/x", "http://169.254.169.254/latest", "http://localhost/x", "http://0x7f.1/x", "http://[::ffff:10.0.0.1]/x"]) {
        const { json, status } = yield* ask("POST", `${path}/send-media`, { token, body: { phone, url } })
        expect([url, status, json.error]).toMatchObject([url, 422, { code: "MEDIA_UNREACHABLE", details: { field: "url", reason: "private_address" } }])
      }
      for (const url of ["file:///etc/passwd", "ftp://example.com/x", "http://user:secret@example.com/x", "/etc/passwd"]) {
        const { json, status } = yield* ask("POST", `${path}/send-media`, { token, body: { phone, url } })
        expect([url, status, json.error.details[0].field]).toEqual([url, 400, "url"])
      }
      const both = yield* ask("POST", `${path}/send-media`, { token, body: { phone, url: "https://example.com/x", mediaId: "0".repeat(32) } })
      expect([both.status, both.json.error.details[0].field]).toEqual([400, "url"])
    }))

  it.effect("a file of another device is none", () =>
    Effect.gen(function*() {
      const [mine, other] = [yield* scene, yield* scene]
      const stored = yield* mine.upload("media", [["file", sampleFiles.png(), "a.png"]])
      const send = (place: typeof mine) =>
        ask("POST", `${place.path}/send-media`, { token: place.token, body: { phone, mediaId: stored.json.data.mediaId } })
      expect((yield* send(mine)).status).toBe(200)
      const refused = yield* send(other)
      expect([refused.status, refused.json.error.code]).toEqual([404, "MEDIA_NOT_FOUND"])
    }))

  it.effect("the documentation has both ways of calling", () =>
    Effect.gen(function*() {
      const { json } = yield* ask("GET", "/openapi.json")
      const { content } = json.paths[`${api}/devices/{deviceId}/send-media`].post.requestBody
      expect(Object.keys(content).toSorted()).toEqual(["application/json", "multipart/form-data"])
    }))

  it("parts of files, types and names", () => {
    expect([rangeOf("bytes=0-9", 100), rangeOf("bytes=-9", 5), rangeOf("bytes=9-", 5), rangeOf("bytes=0-1,3-4", 9), rangeOf("bytes=-0", 9)])
      .toEqual([{ start: 0, end: 9 }, { start: 0, end: 4 }, "beyond", undefined, "beyond"])
    expect([sniff(sampleFiles.ogg()), sniff(Buffer.from("nama,harga\n"), "a.csv"), sniff(Buffer.from([0, 1, 2])), sniff(Buffer.from("PK\x03\x04"), "a.docx")])
      .toEqual(["audio/ogg; codecs=opus", "text/csv", "application/octet-stream", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"])
    expect([safeFileName("..\\..\\a.exe"), safeFileName("\u0000\u202e"), safeFileName(".."), safeFileName(`${"a".repeat(200)}.pdf`)?.length])
      .toEqual(["a.exe", null, null, 120])
    expect([isPublicAddress("8.8.8.8"), isPublicAddress("fe80::1"), isPublicAddress("100.64.0.1")]).toEqual([true, false, false])
  })
})
