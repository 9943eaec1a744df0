import { Schema } from "effect"
import { PairingFailed } from "../../actors/DeviceActors.ts"
import { Forbidden, InvalidCredentials, TooManyAttempts, Unauthorized } from "../../domain/Access.ts"
import { ApiKeyNotFound, InsufficientScope, TooManyApiKeys } from "../../domain/ApiKey.ts"
import { DeviceAlreadyPaired, DeviceBusy, DeviceElsewhere, DeviceExists, DeviceNotConnected, DeviceNotFound, NotPairing, WhatsAppUnanswered } from "../../domain/Device.ts"
import { StatisticsPeriodInvalid } from "../../domain/Figures.ts"
import { GroupNotFound, GroupPictureInvalid, GroupRefused, InviteNotFound, NotGroupAdmin, NotGroupMember, ParticipantRefused } from "../../domain/Group.ts"
import { JobInvalid, JobNotChangeable, JobNotFound } from "../../domain/Job.ts"
import {
  InvalidMultipart, MediaNotFound, MediaNotStored, MediaStorageFull, MediaTooLarge, MediaTypeMismatch, MediaUnreachable, MessageHasNoMedia
} from "../../domain/Media.ts"
import { IdempotencyConflict, MessageNotFound } from "../../domain/Message.ts"
import { MessageNotChangeable } from "../../domain/MessageChange.ts"
import { ScheduleInvalid, ScheduleNotChangeable, ScheduleNotFound, TooManySchedules } from "../../domain/Schedule.ts"
import { StorageUnavailable } from "../../domain/Storage.ts"
import { TooManyWebhooks, WebhookDisabled, WebhookNotFound, WebhookNotVerified, WebhookUrlRefused } from "../../domain/Webhook.ts"
import { DeliveryEventGone, DeliveryNotFound } from "../../domain/WebhookDelivery.ts"
import { CannotInherit, LastAdministrator, OwnAccount, UserExists, UserHasDevices, UserNotFound } from "../../domain/User.ts"
import { CurrentPasswordWrong, RegistrationClosed } from "../auth/Accounts.ts"
import { InternalError, InvalidJson, PayloadTooLarge, RateLimited, UnsupportedMediaType } from "../edge/RequestErrors.ts"
import * as Envelope from "../Envelope.ts"

/** Every error that an endpoint may declare, in its public shape. */
export const unauthorized = Envelope.failure(Unauthorized)
export const forbidden = Envelope.failure(Forbidden)
export const insufficientScope = Envelope.failure(InsufficientScope)
export const invalidCredentials = Envelope.failure(InvalidCredentials)
export const tooManyAttempts = Envelope.failure(TooManyAttempts)
export const registrationClosed = Envelope.failure(RegistrationClosed)
export const currentPasswordWrong = Envelope.failure(CurrentPasswordWrong)
export const userExists = Envelope.failure(UserExists)
export const userNotFound = Envelope.failure(UserNotFound)
export const lastAdministrator = Envelope.failure(LastAdministrator)
export const ownAccount = Envelope.failure(OwnAccount)
export const cannotInherit = Envelope.failure(CannotInherit)
export const userHasDevices = Envelope.failure(UserHasDevices)
export const apiKeyNotFound = Envelope.failure(ApiKeyNotFound)
export const tooManyApiKeys = Envelope.failure(TooManyApiKeys)
export const deviceNotFound = Envelope.failure(DeviceNotFound)
export const deviceExists = Envelope.failure(DeviceExists)
export const deviceAlreadyPaired = Envelope.failure(DeviceAlreadyPaired)
export const deviceBusy = Envelope.failure(DeviceBusy)
export const deviceElsewhere = Envelope.failure(DeviceElsewhere)
export const deviceNotConnected = Envelope.failure(DeviceNotConnected)
export const whatsAppUnanswered = Envelope.failure(WhatsAppUnanswered)
export const statisticsPeriodInvalid = Envelope.failure(StatisticsPeriodInvalid)
export const groupNotFound = Envelope.failure(GroupNotFound)
export const notGroupMember = Envelope.failure(NotGroupMember)
export const notGroupAdmin = Envelope.failure(NotGroupAdmin)
export const groupPictureInvalid = Envelope.failure(GroupPictureInvalid)
export const groupRefused = Envelope.failure(GroupRefused)
export const participantRefused = Envelope.failure(ParticipantRefused)
export const inviteNotFound = Envelope.failure(InviteNotFound)
export const notPairing = Envelope.failure(NotPairing)
export const pairingFailed = Envelope.failure(PairingFailed)
export const idempotencyConflict = Envelope.failure(IdempotencyConflict)
export const messageNotFound = Envelope.failure(MessageNotFound)
export const messageNotChangeable = Envelope.failure(MessageNotChangeable)
export const jobNotFound = Envelope.failure(JobNotFound)
export const jobNotChangeable = Envelope.failure(JobNotChangeable)
export const jobInvalid = Envelope.failure(JobInvalid)
export const scheduleInvalid = Envelope.failure(ScheduleInvalid)
export const scheduleNotFound = Envelope.failure(ScheduleNotFound)
export const scheduleNotChangeable = Envelope.failure(ScheduleNotChangeable)
export const tooManySchedules = Envelope.failure(TooManySchedules)
export const webhookNotFound = Envelope.failure(WebhookNotFound)
export const tooManyWebhooks = Envelope.failure(TooManyWebhooks)
export const webhookUrlRefused = Envelope.failure(WebhookUrlRefused)
export const webhookNotVerified = Envelope.failure(WebhookNotVerified)
export const webhookDisabled = Envelope.failure(WebhookDisabled)
export const deliveryNotFound = Envelope.failure(DeliveryNotFound)
export const deliveryEventGone = Envelope.failure(DeliveryEventGone)
export const messageHasNoMedia = Envelope.failure(MessageHasNoMedia)
export const mediaNotFound = Envelope.failure(MediaNotFound)
export const mediaNotStored = Envelope.failure(MediaNotStored)
export const mediaTooLarge = Envelope.failure(MediaTooLarge)
export const mediaTypeMismatch = Envelope.failure(MediaTypeMismatch)
export const mediaUnreachable = Envelope.failure(MediaUnreachable)
export const mediaStorageFull = Envelope.failure(MediaStorageFull)
export const invalidMultipart = Envelope.failure(InvalidMultipart)
export const storageUnavailable = Envelope.failure(StorageUnavailable)

/** What any endpoint may answer. */
export const everywhere = Schema.Union(
  Envelope.validation,
  storageUnavailable,
  Envelope.failure(InvalidJson),
  Envelope.failure(PayloadTooLarge),
  Envelope.failure(UnsupportedMediaType),
  Envelope.failure(RateLimited),
  Envelope.failure(InternalError)
)
