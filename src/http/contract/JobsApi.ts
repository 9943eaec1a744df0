import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import { DeviceId } from "../../domain/DeviceId.ts"
import { JobId, JobResult, JobStatus } from "../../domain/Job.ts"
import { MessageStatus } from "../../domain/Message.ts"
import { UserId } from "../../domain/User.ts"
import * as Envelope from "../Envelope.ts"
import { Authorized, AuthorizedForDevice } from "./Authorization.ts"
import { DevicePath } from "./DevicesApi.ts"
import {
  deviceNotFound, forbidden, groupNotFound, idempotencyConflict, invalidMultipart, jobInvalid, jobNotChangeable, jobNotFound, mediaNotFound,
  mediaNotStored, mediaStorageFull, mediaTooLarge, mediaTypeMismatch, mediaUnreachable, messageHasNoMedia, messageNotFound, notGroupAdmin,
  notGroupMember
} from "./Failures.ts"
import { GroupPath } from "./GroupBodies.ts"
import { MediaJobParams, mediaJobRequestBody } from "./MediaJobBodies.ts"
import { DryRun, JobAccepted, JobDetails, jobRequestBody, JobSettings, JobView } from "./JobBodies.ts"
import { Flag, idOf, limitOf, pageOf, RowId } from "./Paging.ts"
import { SendHeaders } from "./SendAnswer.ts"

const JobPath = Schema.Struct({ jobId: JobId })
const ListParams = Schema.Struct({
  deviceId: Schema.optional(DeviceId),
  status: Schema.optional(JobStatus),
  before: Schema.optional(RowId),
  limit: limitOf(200, 50)
})
/** For a CSV file, which cannot say them itself. */
const CsvParams = Schema.Struct({
  dryRun: Schema.optionalWith(Flag, { default: () => false }),
  delay: Schema.optionalWith(
    Schema.NumberFromString.pipe(Schema.compose(JobSettings.fields.delay.from))
      .annotations({ jsonSchema: { type: "number", minimum: 0, maximum: 3600, default: 3 } }),
    { default: () => 3 }
  ),
  message: JobSettings.fields.message,
  name: JobSettings.fields.name,
  duplicates: JobSettings.fields.duplicates
})

const asForms = "As a form with the file itself in `file` and the list in `messages` (a JSON array or CSV, in a field or a file of its own, " +
  "up to JOB_BODY_LIMIT); as JSON with `messages` and one of `url`, `mediaId` and `sourceMessageId`; or as CSV with these in the query. " +
  "The file is looked at as in `send-media`, stored once, and put on WhatsApp's server once as long as the device stays connected. "

/** Making jobs. */
export const DeviceJobsApi = HttpApiGroup.make("deviceJobs")
  .add(
    HttpApiEndpoint.post("sendText", "/devices/:deviceId/jobs/send-text")
      .setPath(DevicePath).setHeaders(SendHeaders).setUrlParams(CsvParams)
      .addSuccess(Envelope.success(JobAccepted, { status: 201 }))
      .addSuccess(Envelope.success(DryRun))
      .addError(jobInvalid).addError(idempotencyConflict).addError(deviceNotFound)
      .annotateContext(OpenApi.annotations({
        summary: "Send texts to many",
        description: "Up to 100000 recipients, as JSON or as CSV with the column `to`, perhaps `message`, and one for each variable; " +
          "with CSV the settings stand in the query. Each recipient brings his own text, or `message` is one for all; `{{name}}` stands " +
          "for the variable `name`. Everything is looked through before anything is sent: wrong lines are named (the first 100), and " +
          "nothing is kept. The same text to the same person twice is left out, or with `duplicates=refuse` an error. Who is on the " +
          "list of those who want nothing is left out when his turn comes. A device does one job at a time. `delay` seconds pass " +
          "between two messages, also over restarts. `dryRun=true` tells all this and sends nothing.",
        override: { requestBody: jobRequestBody }
      }))
  )
  .add(
    HttpApiEndpoint.post("sendMediaToMany", "/devices/:deviceId/jobs/send-media")
      .setPath(DevicePath).setHeaders(SendHeaders).setUrlParams(MediaJobParams)
      .addSuccess(Envelope.success(JobAccepted, { status: 201 }))
      .addSuccess(Envelope.success(DryRun))
      .addError(jobInvalid).addError(idempotencyConflict).addError(deviceNotFound)
      .addError(messageNotFound).addError(messageHasNoMedia).addError(mediaNotStored).addError(mediaNotFound)
      .addError(mediaTooLarge).addError(mediaTypeMismatch).addError(mediaUnreachable).addError(mediaStorageFull).addError(invalidMultipart)
      .annotateContext(OpenApi.annotations({
        summary: "Send a file to many",
        description: `One file for up to 100000 recipients. ${asForms}Each recipient brings his own \`caption\`, or there is one for all, or ` +
          "none; `{{name}}` stands for the variable `name`. Everything else is as with texts.",
        override: { requestBody: mediaJobRequestBody(true) }
      }))
  )
  .add(
    HttpApiEndpoint.post("sendGroupMediaOften", "/devices/:deviceId/groups/:groupId/jobs/send-media")
      .setPath(GroupPath).setHeaders(SendHeaders).setUrlParams(MediaJobParams)
      .addSuccess(Envelope.success(JobAccepted, { status: 201 }))
      .addSuccess(Envelope.success(DryRun))
      .addError(jobInvalid).addError(idempotencyConflict).addError(deviceNotFound)
      .addError(groupNotFound).addError(notGroupMember).addError(notGroupAdmin)
      .addError(messageNotFound).addError(messageHasNoMedia).addError(mediaNotStored).addError(mediaNotFound)
      .addError(mediaTooLarge).addError(mediaTypeMismatch).addError(mediaUnreachable).addError(mediaStorageFull).addError(invalidMultipart)
      .annotateContext(OpenApi.annotations({
        summary: "Send a file into a group as a job",
        description: `One message for each line of \`messages\`, which names no recipient: a \`caption\`, or \`variables\` of the one for all. ` +
          `Without a list it is one message. ${asForms}Everything else is as with texts.`,
        override: { requestBody: mediaJobRequestBody(false) }
      }))
  )
  .middleware(AuthorizedForDevice)
  .prefix("/api/whatsapp-multi-device")
  .annotateContext(OpenApi.annotations({ title: "Bulk jobs: new ones", description: "Messages to many people, accepted at once and sent one after the other." }))

const changed = (summary: string, description: string) => OpenApi.annotations({ summary, description })

/** What is done with jobs; an owner sees and stops his devices', administrators all. */
export const JobsApi = HttpApiGroup.make("jobs")
  .add(
    HttpApiEndpoint.get("list", "/jobs")
      .setUrlParams(ListParams)
      .addSuccess(Envelope.success(pageOf(JobView)))
      .annotateContext(OpenApi.annotations({ summary: "List jobs", description: "Newest first; of one's own devices, administrators see all." }))
  )
  .add(
    HttpApiEndpoint.get("get", "/jobs/:jobId").setPath(JobPath)
      .addSuccess(Envelope.success(JobDetails)).addError(jobNotFound).addError(forbidden)
      .annotateContext(OpenApi.annotations({
        summary: "How a job stands",
        description: "`progress` adds up: `total` = `completed` + `failed` + `pending` + `cancelled`. `completed` ones have been taken by " +
          "WhatsApp's server. The same is told as `job.progress`, and `job.completed` at the end. `waitingFor` says what holds " +
          "its next message, and until when as far as that is known."
      }))
  )
  .add(
    HttpApiEndpoint.get("results", "/jobs/:jobId/results").setPath(JobPath)
      .setUrlParams(Schema.Struct({
        after: Schema.optional(RowId),
        status: Schema.optional(MessageStatus),
        limit: limitOf(1000, 100)
      }))
      .addSuccess(Envelope.success(pageOf(JobResult))).addError(jobNotFound).addError(forbidden)
      .annotateContext(OpenApi.annotations({
        summary: "What became of each recipient",
        description: "In the order of the request. Go on with `after` = `nextCursor`."
      }))
  )
  .add(
    HttpApiEndpoint.get("resultsCsv", "/jobs/:jobId/results.csv").setPath(JobPath)
      .addSuccess(HttpApiSchema.Text({ contentType: "text/csv" })).addError(jobNotFound).addError(forbidden)
      .annotateContext(OpenApi.annotations({ summary: "The same as a CSV file", description: "All recipients." }))
  )
  .add(
    HttpApiEndpoint.post("pause", "/jobs/:jobId/pause").setPath(JobPath)
      .addSuccess(Envelope.success(JobView)).addError(jobNotFound).addError(jobNotChangeable).addError(forbidden)
      .annotateContext(changed("Pause a job", "The next job of its device goes on meanwhile."))
  )
  .add(
    HttpApiEndpoint.post("resume", "/jobs/:jobId/resume").setPath(JobPath)
      .addSuccess(Envelope.success(JobView)).addError(jobNotFound).addError(jobNotChangeable).addError(forbidden)
      .annotateContext(changed("Let a paused job go on", "Where it stood."))
  )
  .add(
    HttpApiEndpoint.post("cancel", "/jobs/:jobId/cancel").setPath(JobPath)
      .addSuccess(Envelope.success(JobView)).addError(jobNotFound).addError(jobNotChangeable).addError(forbidden)
      .annotateContext(changed("Cancel a job", "What is on its way to WhatsApp at this moment may still arrive, and is then counted as completed."))
  )
  .add(
    HttpApiEndpoint.post("retryFailed", "/jobs/:jobId/retry-failed").setPath(JobPath)
      .addSuccess(Envelope.success(JobView)).addError(jobNotFound).addError(jobNotChangeable).addError(forbidden)
      .annotateContext(changed(
        "Send the failed messages of a job once more",
        "Under their old ids: one that arrived after all is not shown twice. Refused if none has failed."
      ))
  )
  .middleware(Authorized)
  .prefix("/api/whatsapp-multi-device")
  .annotateContext(OpenApi.annotations({ title: "Bulk jobs", description: "How jobs stand and what became of each recipient; pausing, cancelling, trying again." }))

export const AdminJobsApi = HttpApiGroup.make("adminJobs")
  .add(
    HttpApiEndpoint.get("list", "/jobs")
      .setUrlParams(Schema.Struct({ ...ListParams.fields, userId: Schema.optional(idOf(UserId)) }))
      .addSuccess(Envelope.success(pageOf(JobView)))
      .annotateContext(OpenApi.annotations({ summary: "List all jobs", description: "Newest first; of all users, or of one." }))
  )
  .add(
    HttpApiEndpoint.get("get", "/jobs/:jobId").setPath(JobPath)
      .addSuccess(Envelope.success(JobDetails)).addError(jobNotFound).addError(forbidden)
      .annotateContext(OpenApi.annotations({ summary: "How a job stands", description: "Of any user." }))
  )
  .add(
    HttpApiEndpoint.post("cancel", "/jobs/:jobId/cancel").setPath(JobPath)
      .addSuccess(Envelope.success(JobView)).addError(jobNotFound).addError(jobNotChangeable).addError(forbidden)
      .annotateContext(OpenApi.annotations({ summary: "Cancel a job", description: "Of any user." }))
  )
  .middleware(Authorized)
  .prefix("/api/admin")
  .annotateContext(OpenApi.annotations({ title: "Administration: jobs", description: "The jobs of all users, for administrators." }))
