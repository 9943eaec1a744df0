import { JSONSchema, Schema } from "effect"
import { eventTypes } from "../../domain/ServiceEvent.ts"

/** JSON Schemas of what events carry, made from the schemas that they are written with. */
export const eventSchemas = Object.fromEntries(
  Object.entries(eventTypes).map(([type, { fields }]) => [type, JSONSchema.make(Schema.Struct(fields), { target: "jsonSchema2020-12" })])
)
