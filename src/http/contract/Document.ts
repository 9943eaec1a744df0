type Json = Record<string, unknown>

interface Operation {
  readonly requestBody?: unknown
  readonly responses: Json
}

interface Tag {
  readonly name: string
}

/** The OpenAPI document as it is published, from what the platform makes of the contract. */
export const published = (spec: Json): Json => {
  const paths = spec["paths"] as Readonly<Record<string, Readonly<Record<string, Operation>>>>
  for (const operation of Object.values(paths).flatMap((path) => Object.values(path))) withoutIdleAnswers(operation)
  // several groups of endpoints may be one to the reader; the first of them describes it
  const tags = spec["tags"] as ReadonlyArray<Tag>
  return { ...spec, tags: tags.filter(({ name }, index) => tags.findIndex((tag) => tag.name === name) === index) }
}

/** Only an operation with a body can be told that its body is too large or of the wrong type. */
const withoutIdleAnswers = (operation: Operation) => {
  if (operation.requestBody !== undefined) return
  delete operation.responses["413"]
  delete operation.responses["415"]
}
