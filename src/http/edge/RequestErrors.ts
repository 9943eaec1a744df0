import { HttpApiSchema } from "@effect/platform"
import { Schema } from "effect"

/** What is wrong with a request before any service hears of it. */
export class NotFound extends Schema.TaggedError<NotFound>()(
  "NotFound",
  {},
  HttpApiSchema.annotations({ status: 404 })
) {
  override get message() {
    return "There is nothing at this path; /docs lists what there is."
  }
}

export class MethodNotAllowed extends Schema.TaggedError<MethodNotAllowed>()(
  "MethodNotAllowed",
  { allow: Schema.Array(Schema.String) },
  HttpApiSchema.annotations({ status: 405 })
) {
  override get message() {
    return `This path takes ${this.allow.join(", ")}.`
  }
}

export class InvalidJson extends Schema.TaggedError<InvalidJson>()(
  "InvalidJson",
  {},
  HttpApiSchema.annotations({ status: 400 })
) {
  override get message() {
    return "The body is not valid JSON in UTF-8."
  }
}

export class UnsupportedMediaType extends Schema.TaggedError<UnsupportedMediaType>()(
  "UnsupportedMediaType",
  {},
  HttpApiSchema.annotations({ status: 415 })
) {
  override get message() {
    return "The body must be JSON, with 'Content-Type: application/json'."
  }
}

export class PayloadTooLarge extends Schema.TaggedError<PayloadTooLarge>()(
  "PayloadTooLarge",
  { limitBytes: Schema.Int },
  HttpApiSchema.annotations({ status: 413 })
) {
  override get message() {
    return `The body is larger than ${this.limitBytes} bytes.`
  }
}

export class RateLimited extends Schema.TaggedError<RateLimited>()(
  "RateLimited",
  { retryAfterSeconds: Schema.Int },
  HttpApiSchema.annotations({ status: 429 })
) {
  override get message() {
    return `Too many requests; try again in ${this.retryAfterSeconds} seconds.`
  }
}

/** A fault of the service. The request id finds it in the log; nothing else is told. */
export class InternalError extends Schema.TaggedError<InternalError>()(
  "InternalError",
  { requestId: Schema.String },
  HttpApiSchema.annotations({ status: 500 })
) {
  override get message() {
    return `Something went wrong on our side (request ${this.requestId}).`
  }
}
