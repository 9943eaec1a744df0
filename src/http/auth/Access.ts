import type { ApiKeyScope } from "../../domain/ApiKey.ts"

export interface AccessRule {
  /** `user`: also administrators; a user only what is his own */
  readonly who: "public" | "user" | "admin"
  /** what an API key needs beside its owner's rights; null: people only */
  readonly scope: ApiKeyScope | null
  /** the endpoint itself keeps to the devices of a key that is bound to some; others of its kind refuse such a key */
  readonly keepsToDevices?: true
}

const open: AccessRule = { who: "public", scope: null }
const user = (scope: ApiKeyScope | null): AccessRule => ({ who: "user", scope })
const admin = (scope: ApiKeyScope | null): AccessRule => ({ who: "admin", scope })
const withinDevices = (rule: AccessRule): AccessRule => ({ ...rule, keepsToDevices: true })

/** Who may ask what. An endpoint that is missing here is for administrators in person. */
export const access: Readonly<Record<string, AccessRule>> = {
  "POST /api/auth/register": open,
  "POST /api/auth/login": open,
  "POST /api/auth/refresh-token": open,
  "GET /api/auth/profile": withinDevices(user("read")),
  "PUT /api/auth/profile": user(null),
  "GET /api/api-keys": user(null),
  "POST /api/api-keys": user(null),
  "DELETE /api/api-keys/:apiKeyId": user(null),
  "POST /api/whatsapp-multi-device/devices": admin("manage"),
  "GET /api/whatsapp-multi-device/devices": withinDevices(user("read")),
  "GET /api/whatsapp-multi-device/devices/connected": withinDevices(user("read")),
  "GET /api/whatsapp-multi-device/devices/connected/detail": withinDevices(user("read")),
  "GET /api/whatsapp-multi-device/devices/:deviceId": user("read"),
  "GET /api/whatsapp-multi-device/devices/:deviceId/status": user("read"),
  "POST /api/whatsapp-multi-device/devices/:deviceId/connect": user("manage"),
  "DELETE /api/whatsapp-multi-device/devices/:deviceId/disconnect": user("manage"),
  "DELETE /api/whatsapp-multi-device/devices/:deviceId": admin("manage"),
  "POST /api/whatsapp-multi-device/devices/:deviceId/cancel-and-wipe": admin("manage"),
  "DELETE /api/whatsapp-multi-device/devices/:deviceId/session": admin("manage"),
  "GET /api/whatsapp-multi-device/devices/:deviceId/qr": user("read"),
  "GET /api/whatsapp-multi-device/devices/:deviceId/qr-image": user("read"),
  "GET /api/whatsapp-multi-device/devices/:deviceId/qr-base64": user("read"),
  "POST /api/whatsapp-multi-device/devices/:deviceId/pairing-code": admin("manage"),
  "POST /api/whatsapp-multi-device/devices/:deviceId/send-message": user("send"),
  "POST /api/whatsapp-multi-device/devices/:deviceId/send-location": user("send"),
  "POST /api/whatsapp-multi-device/devices/:deviceId/send-contact": user("send"),
  "POST /api/whatsapp-multi-device/devices/:deviceId/send-poll": user("send"),
  "POST /api/whatsapp-multi-device/devices/:deviceId/send-reaction": user("send"),
  "PUT /api/whatsapp-multi-device/devices/:deviceId/messages/:messageId": user("send"),
  "DELETE /api/whatsapp-multi-device/devices/:deviceId/messages/:messageId": user("send"),
  "POST /api/whatsapp-multi-device/devices/:deviceId/messages/:messageId/forward": user("send"),
  "POST /api/whatsapp-multi-device/devices/:deviceId/send-media": user("send"),
  "POST /api/whatsapp-multi-device/devices/:deviceId/groups/:groupId/send-media": admin("send"),
  "POST /api/whatsapp-multi-device/devices/:deviceId/media": user("send"),
  "GET /api/whatsapp-multi-device/devices/:deviceId/messages/:messageId/media": user("read"),
  "POST /api/whatsapp-multi-device/devices/:deviceId/messages/:messageId/media": user("read"),
  "POST /api/whatsapp-multi-device/devices/:deviceId/chats/:jid/read": user("send"),
  "POST /api/whatsapp-multi-device/devices/:deviceId/chats/:jid/typing": user("send"),
  "GET /api/whatsapp-multi-device/devices/:deviceId/contacts": user("read"),
  "POST /api/whatsapp-multi-device/devices/:deviceId/contacts/check": user("read"),
  "GET /api/whatsapp-multi-device/devices/:deviceId/contacts/:jid/profile-picture": user("read"),
  "GET /api/whatsapp-multi-device/devices/:deviceId/contacts/:jid/about": user("read"),
  "GET /api/whatsapp-multi-device/devices/:deviceId/chat-history/:jid": user("read"),
  "GET /api/whatsapp-multi-device/devices/:deviceId/group-chat-history/:groupId": user("read"),
  "GET /api/whatsapp-multi-device/devices/:deviceId/daily-chat-list": user("read"),
  "GET /api/whatsapp-multi-device/devices/:deviceId/messages/search": user("read"),
  "GET /api/whatsapp-multi-device/devices/:deviceId/statistics": admin("read"),
  "GET /api/whatsapp-multi-device/devices/:deviceId/statistics/daily": admin("read"),
  "GET /api/whatsapp/status": withinDevices(user("read")),
  "POST /api/whatsapp/connect": withinDevices(user("manage")),
  "POST /api/whatsapp/regenerate-qr": withinDevices(user("manage")),
  "POST /api/whatsapp/disconnect": withinDevices(user("manage")),
  "POST /api/whatsapp/send-message": withinDevices(user("send")),
  "GET /api/whatsapp/messages": withinDevices(user("read")),
  "GET /api/whatsapp/contacts": withinDevices(user("read")),
  "GET /api/events": withinDevices(user("read")),
  "POST /api/events/ticket": withinDevices(user("read")),
  "GET /api/admin/users": admin("read"),
  "POST /api/admin/users": admin(null),
  "GET /api/admin/users/:userId": admin("read"),
  "PUT /api/admin/users/:userId": admin(null),
  "DELETE /api/admin/users/:userId": admin(null),
  "GET /api/admin/users/:userId/api-keys": admin(null),
  "POST /api/admin/users/:userId/api-keys": admin(null),
  "DELETE /api/admin/users/:userId/api-keys/:apiKeyId": admin(null),
  "GET /api/admin/devices": admin("read"),
  "GET /api/admin/messages": admin("read"),
  "GET /api/admin/contacts": admin("read"),
  "GET /api/admin/stats": admin("read"),
  "GET /api/admin/audit": admin("read"),
  "GET /api/health": open,
  "GET /health/live": open,
  "GET /health/ready": open,
  "GET /metrics": open
}
