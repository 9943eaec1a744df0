import { Schema, type SchemaAST } from "effect"
import { describe, expect, it } from "vitest"
import { ChatRef } from "../../src/domain/Message.ts"
import { eventTypes } from "../../src/domain/ServiceEvent.ts"

const refKeys = Object.keys(ChatRef.fields).toSorted().join()
const keysOf = (ast: SchemaAST.TypeLiteral) => ast.propertySignatures.map(({ name }) => String(name))

/** Every text in a payload, as `metadata.mentions[]`; `ref` where it is one of a person's two ids side by side. */
const texts = (ast: SchemaAST.AST, path: string): ReadonlyArray<{ readonly path: string; readonly ref: boolean }> => {
  switch (ast._tag) {
    case "StringKeyword":
      return [{ path, ref: false }]
    case "Transformation":
      // times and the like: texts on the wire only
      return texts(ast.to, path)
    case "Refinement":
      return texts(ast.from, path)
    case "Union":
      return ast.types.flatMap((type) => texts(type, path))
    case "TupleType":
      return [...ast.elements, ...ast.rest].flatMap(({ type }) => texts(type, `${path}[]`))
    case "TypeLiteral":
      return keysOf(ast).toSorted().join() === refKeys
        ? [{ path, ref: true }]
        : ast.propertySignatures.flatMap(({ name, type }) => texts(type, path === "" ? String(name) : `${path}.${String(name)}`))
    default:
      return []
  }
}

/** Texts that name a person by one id, and the field that has both beside them. */
const people: Readonly<Record<string, string>> = {
  from: "people",
  to: "people",
  "metadata.quotedParticipant": "people",
  "metadata.mentions[]": "people",
  "votes[].voters[].from": "people",
  // the device's own account
  phoneNumber: "lid"
}

/** Texts that name nobody. A new one has to be put here or among the people. */
const nobody = new Set([
  "reasonText", "deviceName", "qr", "qrCode", "pairingCode", "messageId", "messageIds[]", "changeId", "pushName", "content", "reason", "emoji", "options[]",
  "votes[].option", "failure.text", "name", "host", "syncType", "jobId", "groupId", "description", "restriction.reason", "restriction.type",
  "media.mediaId", "media.mimetype", "media.sha256", "media.fileName", "metadata.quoted", "metadata.preview.url", "metadata.preview.title",
  "metadata.preview.description", "metadata.location.name", "metadata.location.address", "metadata.contacts[].name", "metadata.contacts[].vcard",
  "metadata.poll.options[]", "metadata.media.mimetype", "metadata.media.fileName", "metadata.field"
])

describe("what events carry", () => {
  it.each(Object.entries(eventTypes))("%s has both ids of every person", (type, schema) => {
    const found = texts(Schema.typeSchema(schema as Schema.Schema.AnyNoContext).ast, "")
    expect(found.length).toBeGreaterThan(0)
    const missing = found.filter(({ path, ref }) => {
      // somebody types this code on a phone with this number: whose it is is not known before
      if (ref || nobody.has(path) || (type === "pairing-code" && path === "phoneNumber") || path === "lid") return false
      const beside = people[path]
      return beside === undefined || !Object.keys(schema.fields).includes(beside)
    })
    expect(missing).toEqual([])
  })
})
