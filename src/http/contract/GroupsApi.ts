import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import { pictureBounds } from "../../domain/Group.ts"
import * as Envelope from "../Envelope.ts"
import { AuthorizedForDevice } from "./Authorization.ts"
import { DevicePath } from "./DevicesApi.ts"
import {
  deviceBusy, deviceElsewhere, deviceNotConnected, groupNotFound, groupPictureInvalid, groupRefused, invalidMultipart, inviteNotFound,
  mediaNotFound, mediaNotStored, mediaStorageFull, mediaTooLarge, mediaUnreachable, messageHasNoMedia, messageNotFound, notGroupAdmin,
  notGroupMember, participantRefused, whatsAppUnanswered
} from "./Failures.ts"
import {
  AdminPath, CreateBody, CreatedGroup, DescriptionBody, GroupInfo, GroupPath, GroupView, InviteLink, JoinBody, Joined, JoinRequests, Left,
  NameBody, ParticipantPath, PeopleBody, Results, SettingsBody
} from "./GroupBodies.ts"
import { PictureBody } from "./MediaBody.ts"
import { Flag, limitOf, pageOf, RowId } from "./Paging.ts"

const perPerson = "WhatsApp answers for each person: `done`, `invite_required` (with an invitation), `not_found`, `recently_left`, " +
  "`already_member`, `not_allowed` or `refused`. Numbers may be written in any form."

/** Groups, and what a device does in them. */
export const GroupsApi = HttpApiGroup.make("groups")
  .add(
    HttpApiEndpoint.get("list", "/devices/:deviceId/groups")
      .setPath(DevicePath)
      .setUrlParams(Schema.Struct({
        search: Schema.optional(Schema.String.pipe(Schema.maxLength(100))),
        all: Schema.optionalWith(Flag, { default: () => false }),
        after: Schema.optional(RowId),
        limit: limitOf(500, 100)
      }))
      .addSuccess(Envelope.success(pageOf(GroupView)))
      .annotateContext(OpenApi.annotations({
        summary: "The groups of a device",
        description: "By name; `search` finds parts of it, and `nextCursor` is the `after` of the next page. Without `all` only those that the " +
          "device is in."
      }))
  )
  .add(
    HttpApiEndpoint.post("create", "/devices/:deviceId/groups")
      .setPath(DevicePath)
      .setPayload(CreateBody)
      .addSuccess(Envelope.success(CreatedGroup, { status: 201 }))
      .addError(deviceNotConnected).addError(deviceElsewhere).addError(deviceBusy)
      .addError(whatsAppUnanswered).addError(groupRefused).addError(groupNotFound)
      .annotateContext(OpenApi.annotations({
        summary: "Create a group",
        description: `${perPerson} Who could not be added is not in the group; one with \`invite_required\` can be sent the invitation.`
      }))
  )
  .add(
    HttpApiEndpoint.post("join", "/devices/:deviceId/groups/join")
      .setPath(DevicePath)
      .setPayload(JoinBody)
      .addSuccess(Envelope.success(Joined))
      .addError(deviceNotConnected).addError(deviceElsewhere).addError(deviceBusy)
      .addError(whatsAppUnanswered).addError(groupRefused).addError(inviteNotFound)
      .annotateContext(OpenApi.annotations({
        summary: "Join a group by its invite link",
        description: "`waiting_for_approval`: an administrator has to let the device in."
      }))
  )
  .add(
    HttpApiEndpoint.get("info", "/devices/:deviceId/groups/:groupId/info")
      .setPath(GroupPath)
      .setUrlParams(Schema.Struct({ refresh: Schema.optionalWith(Flag, { default: () => false }) }))
      .addSuccess(Envelope.success(GroupInfo))
      .addError(deviceNotConnected).addError(deviceElsewhere).addError(deviceBusy)
      .addError(whatsAppUnanswered).addError(groupRefused).addError(groupNotFound)
      .addError(notGroupMember).addError(notGroupAdmin)
      .annotateContext(OpenApi.annotations({
        summary: "A group with its participants",
        description: "As it is stored, which notifications keep up to date; WhatsApp is asked if that is more than half an hour old and the " +
          "device is connected, and in any case with `refresh=true`."
      }))
  )
  .add(
    HttpApiEndpoint.post("add", "/devices/:deviceId/groups/:groupId/participants")
      .setPath(GroupPath)
      .setPayload(PeopleBody)
      .addSuccess(Envelope.success(Results))
      .addError(deviceNotConnected).addError(deviceElsewhere).addError(deviceBusy)
      .addError(whatsAppUnanswered).addError(groupRefused).addError(groupNotFound)
      .addError(notGroupMember).addError(notGroupAdmin)
      .annotateContext(OpenApi.annotations({
        summary: "Add people to a group",
        description: perPerson
      }))
  )
  .add(
    HttpApiEndpoint.del("remove", "/devices/:deviceId/groups/:groupId/participants/:participantJid")
      .setPath(ParticipantPath)
      .addSuccess(Envelope.success(Results))
      .addError(deviceNotConnected).addError(deviceElsewhere).addError(deviceBusy)
      .addError(whatsAppUnanswered).addError(groupRefused).addError(groupNotFound)
      .addError(notGroupMember).addError(notGroupAdmin).addError(participantRefused)
      .annotateContext(OpenApi.annotations({
        summary: "Remove somebody from a group",
        description: "WhatsApp takes it from administrators of the group alone."
      }))
  )
  .add(
    HttpApiEndpoint.post("promote", "/devices/:deviceId/groups/:groupId/admins")
      .setPath(GroupPath)
      .setPayload(PeopleBody)
      .addSuccess(Envelope.success(Results))
      .addError(deviceNotConnected).addError(deviceElsewhere).addError(deviceBusy)
      .addError(whatsAppUnanswered).addError(groupRefused).addError(groupNotFound)
      .addError(notGroupMember).addError(notGroupAdmin)
      .annotateContext(OpenApi.annotations({
        summary: "Make people administrators",
        description: perPerson
      }))
  )
  .add(
    HttpApiEndpoint.del("demote", "/devices/:deviceId/groups/:groupId/admins/:adminJid")
      .setPath(AdminPath)
      .addSuccess(Envelope.success(Results))
      .addError(deviceNotConnected).addError(deviceElsewhere).addError(deviceBusy)
      .addError(whatsAppUnanswered).addError(groupRefused).addError(groupNotFound)
      .addError(notGroupMember).addError(notGroupAdmin).addError(participantRefused)
      .annotateContext(OpenApi.annotations({ summary: "Take an administrator's rights", description: "He stays in the group." }))
  )
  .add(
    HttpApiEndpoint.put("rename", "/devices/:deviceId/groups/:groupId/subject")
      .setPath(GroupPath)
      .setPayload(NameBody)
      .addSuccess(Envelope.success(GroupInfo))
      .addError(deviceNotConnected).addError(deviceElsewhere).addError(deviceBusy)
      .addError(whatsAppUnanswered).addError(groupRefused).addError(groupNotFound)
      .addError(notGroupMember).addError(notGroupAdmin)
      .annotateContext(OpenApi.annotations({
        summary: "Rename a group",
        description: "Where the group is `locked`, only its administrators can."
      }))
  )
  .add(
    HttpApiEndpoint.put("describe", "/devices/:deviceId/groups/:groupId/description")
      .setPath(GroupPath)
      .setPayload(DescriptionBody)
      .addSuccess(Envelope.success(GroupInfo))
      .addError(deviceNotConnected).addError(deviceElsewhere).addError(deviceBusy)
      .addError(whatsAppUnanswered).addError(groupRefused).addError(groupNotFound)
      .addError(notGroupMember).addError(notGroupAdmin)
      .annotateContext(OpenApi.annotations({
        summary: "Change a group's description",
        description: "Null or an empty text takes it away."
      }))
  )
  .add(
    HttpApiEndpoint.put("set", "/devices/:deviceId/groups/:groupId/settings")
      .setPath(GroupPath)
      .setPayload(SettingsBody)
      .addSuccess(Envelope.success(GroupInfo))
      .addError(deviceNotConnected).addError(deviceElsewhere).addError(deviceBusy)
      .addError(whatsAppUnanswered).addError(groupRefused).addError(groupNotFound)
      .addError(notGroupMember).addError(notGroupAdmin)
      .annotateContext(OpenApi.annotations({
        summary: "Change a group's settings",
        description: "`announcement`: only administrators write; `locked`: only they change name, picture and description; `joinApproval`: they let " +
          "in who comes by the link; `memberAddMode`: who may add others. WhatsApp takes them one by one, in this order."
      }))
  )
  .add(
    HttpApiEndpoint.put("setPicture", "/devices/:deviceId/groups/:groupId/picture")
      .setPath(GroupPath).setPayload(PictureBody)
      .addSuccess(Envelope.success(GroupInfo))
      .addError(deviceNotConnected).addError(deviceElsewhere).addError(deviceBusy)
      .addError(whatsAppUnanswered).addError(groupRefused).addError(groupNotFound)
      .addError(notGroupMember).addError(notGroupAdmin).addError(groupPictureInvalid)
      .addError(messageNotFound).addError(messageHasNoMedia).addError(mediaNotStored).addError(mediaNotFound)
      .addError(mediaTooLarge).addError(mediaUnreachable).addError(mediaStorageFull).addError(invalidMultipart)
      .annotateContext(OpenApi.annotations({
        summary: "Set a group's picture",
        description: `An image of at least ${pictureBounds.smallest} pixels a side, as a form with the image in \`file\`, or as JSON with its ` +
          "`url`, `mediaId` or `sourceMessageId`. WhatsApp gets its middle as a square JPEG of at most " +
          `${pictureBounds.largest} pixels a side; one that is that already is sent as it is.`
      }))
  )
  .add(
    HttpApiEndpoint.del("removePicture", "/devices/:deviceId/groups/:groupId/picture")
      .setPath(GroupPath)
      .addSuccess(Envelope.success(GroupInfo))
      .addError(deviceNotConnected).addError(deviceElsewhere).addError(deviceBusy)
      .addError(whatsAppUnanswered).addError(groupRefused).addError(groupNotFound)
      .addError(notGroupMember).addError(notGroupAdmin)
      .annotateContext(OpenApi.annotations({
        summary: "Remove a group's picture",
        description: "Where the group is `locked`, only its administrators can."
      }))
  )
  .add(
    HttpApiEndpoint.post("leave", "/devices/:deviceId/groups/:groupId/leave")
      .setPath(GroupPath)
      .addSuccess(Envelope.success(Left))
      .addError(deviceNotConnected).addError(deviceElsewhere).addError(deviceBusy)
      .addError(whatsAppUnanswered).addError(groupRefused).addError(groupNotFound)
      .addError(notGroupMember).addError(notGroupAdmin)
      .annotateContext(OpenApi.annotations({
        summary: "Leave a group",
        description: "Its history stays; coming back takes an invitation."
      }))
  )
  .add(
    HttpApiEndpoint.get("invite", "/devices/:deviceId/groups/:groupId/invite")
      .setPath(GroupPath)
      .addSuccess(Envelope.success(InviteLink))
      .addError(deviceNotConnected).addError(deviceElsewhere).addError(deviceBusy)
      .addError(whatsAppUnanswered).addError(groupRefused).addError(groupNotFound)
      .addError(notGroupMember).addError(notGroupAdmin)
      .annotateContext(OpenApi.annotations({
        summary: "A group's invite link",
        description: "WhatsApp tells it to administrators of the group alone."
      }))
  )
  .add(
    HttpApiEndpoint.del("revokeInvite", "/devices/:deviceId/groups/:groupId/invite")
      .setPath(GroupPath)
      .addSuccess(Envelope.success(InviteLink))
      .addError(deviceNotConnected).addError(deviceElsewhere).addError(deviceBusy)
      .addError(whatsAppUnanswered).addError(groupRefused).addError(groupNotFound)
      .addError(notGroupMember).addError(notGroupAdmin)
      .annotateContext(OpenApi.annotations({
        summary: "Revoke a group's invite link",
        description: "The answer is the new one."
      }))
  )
  .add(
    HttpApiEndpoint.get("joinRequests", "/devices/:deviceId/groups/:groupId/join-requests")
      .setPath(GroupPath)
      .addSuccess(Envelope.success(JoinRequests))
      .addError(deviceNotConnected).addError(deviceElsewhere).addError(deviceBusy)
      .addError(whatsAppUnanswered).addError(groupRefused).addError(groupNotFound)
      .addError(notGroupMember).addError(notGroupAdmin)
      .annotateContext(OpenApi.annotations({
        summary: "Who asks to be let in",
        description: "Where the group has `joinApproval`; told to its administrators."
      }))
  )
  .add(
    HttpApiEndpoint.post("approve", "/devices/:deviceId/groups/:groupId/join-requests/approve")
      .setPath(GroupPath)
      .setPayload(PeopleBody)
      .addSuccess(Envelope.success(Results))
      .addError(deviceNotConnected).addError(deviceElsewhere).addError(deviceBusy)
      .addError(whatsAppUnanswered).addError(groupRefused).addError(groupNotFound)
      .addError(notGroupMember).addError(notGroupAdmin)
      .annotateContext(OpenApi.annotations({
        summary: "Let people in",
        description: perPerson
      }))
  )
  .add(
    HttpApiEndpoint.post("reject", "/devices/:deviceId/groups/:groupId/join-requests/reject")
      .setPath(GroupPath)
      .setPayload(PeopleBody)
      .addSuccess(Envelope.success(Results))
      .addError(deviceNotConnected).addError(deviceElsewhere).addError(deviceBusy)
      .addError(whatsAppUnanswered).addError(groupRefused).addError(groupNotFound)
      .addError(notGroupMember).addError(notGroupAdmin)
      .annotateContext(OpenApi.annotations({
        summary: "Turn people away",
        description: perPerson
      }))
  )
  .middleware(AuthorizedForDevice)
  .prefix("/api/whatsapp-multi-device")
  .annotateContext(OpenApi.annotations({ title: "Groups", description: "Groups and their members." }))
