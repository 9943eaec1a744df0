const texts: Readonly<Record<number, string>> = {
  400: "bad-request",
  401: "not-authorized",
  403: "forbidden",
  404: "item-not-found",
  406: "not-acceptable",
  408: "request-timeout",
  409: "conflict",
  410: "gone"
}

/** Why something cannot be done to a group, by the code the server answers. */
export class GroupRefusal extends Error {
  readonly code: number

  constructor(code: number) {
    super(texts[code] ?? "refused")
    this.name = "GroupRefusal"
    this.code = code
  }
}
