import { Schema } from "effect"
import { DeviceId } from "../../domain/DeviceId.ts"
import { Jid } from "../../domain/Jid.ts"
import { JobId, JobProgress, JobStatus } from "../../domain/Job.ts"
import { MessageText } from "../../domain/Message.ts"
import { UserId } from "../../domain/User.ts"
import { WaitingFor } from "../../domain/WaitingFor.ts"
import { closed } from "./Body.ts"

/** What holds for any job as a whole. `delay` is in seconds. */
export const commonSettings = {
  delay: Schema.optionalWith(
    Schema.Number.pipe(Schema.between(0, 3600, { message: () => "0 to 3600 seconds are expected" })),
    { default: () => 3 }
  ),
  name: Schema.optional(Schema.String.pipe(Schema.maxLength(255))),
  duplicates: Schema.optionalWith(Schema.Literal("skip", "refuse"), { default: () => "skip" as const })
}
/** `message` is one text for all; without it each recipient brings his own. */
export const JobSettings = Schema.Struct({ ...commonSettings, message: Schema.optional(MessageText) })

/** The list itself is read beside this. */
export const listFields = {
  messages: Schema.optional(Schema.Array(Schema.Unknown)),
  recipients: Schema.optional(Schema.Array(Schema.Unknown))
}
export const TextJobBody = closed({ ...JobSettings.fields, ...listFields })

export const DryRun = Schema.Struct({
  dryRun: Schema.Literal(true),
  delaySec: Schema.Number,
  total: Schema.Int,
  duplicates: Schema.Int,
  duplicateLines: Schema.Array(Schema.Int),
  optedOut: Schema.Int,
  estimatedSeconds: Schema.Int,
  samples: Schema.Array(Schema.Struct({ to: Jid, message: Schema.String }))
}).annotations({ identifier: "JobDryRun" })

const view = {
  jobId: JobId,
  deviceId: DeviceId,
  userId: UserId,
  name: Schema.NullOr(Schema.String),
  status: JobStatus,
  delaySec: Schema.Number,
  total: Schema.Int,
  progress: JobProgress,
  /** messages a minute so far, and when the last one goes out if it goes on like this; null as long as nothing is known */
  ratePerMinute: Schema.NullOr(Schema.Number),
  estimatedEndAt: Schema.NullOr(Schema.DateTimeUtc),
  createdAt: Schema.DateTimeUtc,
  startedAt: Schema.NullOr(Schema.DateTimeUtc),
  finishedAt: Schema.NullOr(Schema.DateTimeUtc)
}
export const JobView = Schema.Struct(view).annotations({ identifier: "Job" })

/** `waitingFor`: what holds the message that it sends next; null when it is over. */
export const JobDetails = Schema.Struct({ ...view, waitingFor: Schema.NullOr(WaitingFor) }).annotations({ identifier: "JobDetails" })

/** The job, and what of the request is not in it. `optedOut` are on the list at this moment. */
export const JobAccepted = Schema.Struct({
  ...view,
  duplicates: Schema.Int,
  duplicateLines: Schema.Array(Schema.Int),
  optedOut: Schema.Int
}).annotations({ identifier: "JobAccepted" })

/** For the documentation: the body is read piece by piece. */
export const jobRequestBody = {
  required: true,
  content: {
    "application/json": {
      schema: {
        type: "object",
        properties: {
          messages: {
            type: "array",
            minItems: 1,
            maxItems: 100_000,
            items: {
              type: "object",
              required: ["to"],
              properties: {
                to: { type: "string" },
                message: { type: "string" },
                variables: { type: "object", additionalProperties: { type: "string" } }
              }
            }
          },
          message: { type: "string" },
          delay: { type: "number", minimum: 0, maximum: 3600, default: 3 },
          name: { type: "string", maxLength: 255 },
          duplicates: { enum: ["skip", "refuse"], default: "skip" }
        }
      },
      examples: {
        own: {
          summary: "Each recipient his own text",
          value: { messages: [{ to: "6281234567890", message: "Pesan 1" }, { to: "6281234567891", message: "Pesan 2" }], delay: 3 }
        },
        template: {
          summary: "One text with variables",
          value: {
            message: "Halo {{name}}, pesanan {{order}} dikirim.",
            messages: [{ to: "6281234567890", variables: { name: "Ani", order: "A-17" } }],
            name: "Pengiriman",
            delay: 5
          }
        }
      }
    },
    "text/csv": { schema: { type: "string" }, example: "to,name,order\n6281234567890,Ani,A-17\n" }
  }
}
