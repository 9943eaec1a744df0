/** The endpoints that clients of the service were promised: method, path, and who may ask. */
export const promised = `
public POST /api/auth/register
public POST /api/auth/login
public POST /api/auth/refresh-token
user GET /api/auth/profile
user PUT /api/auth/profile
admin POST /api/whatsapp-multi-device/devices
user GET /api/whatsapp-multi-device/devices
user GET /api/whatsapp-multi-device/devices/connected
user GET /api/whatsapp-multi-device/devices/connected/detail
user GET /api/whatsapp-multi-device/devices/:deviceId
user GET /api/whatsapp-multi-device/devices/:deviceId/status
user POST /api/whatsapp-multi-device/devices/:deviceId/connect
user DELETE /api/whatsapp-multi-device/devices/:deviceId/disconnect
admin DELETE /api/whatsapp-multi-device/devices/:deviceId
admin POST /api/whatsapp-multi-device/devices/:deviceId/cancel-and-wipe
admin DELETE /api/whatsapp-multi-device/devices/:deviceId/session
user GET /api/whatsapp-multi-device/devices/:deviceId/qr
user GET /api/whatsapp-multi-device/devices/:deviceId/qr-image
user GET /api/whatsapp-multi-device/devices/:deviceId/qr-base64
admin POST /api/whatsapp-multi-device/devices/:deviceId/pairing-code
user POST /api/whatsapp-multi-device/devices/:deviceId/send-message
user POST /api/whatsapp-multi-device/devices/:deviceId/send-media
user POST /api/whatsapp-multi-device/devices/:deviceId/schedule-message
user GET /api/whatsapp-multi-device/devices/:deviceId/contacts
admin POST /api/whatsapp-multi-device/devices/:deviceId/jobs/send-text
admin POST /api/whatsapp-multi-device/devices/:deviceId/jobs/send-media
user GET /api/whatsapp-multi-device/jobs/:jobId
user POST /api/whatsapp-multi-device/jobs/:jobId/cancel
admin GET /api/whatsapp-multi-device/devices/:deviceId/groups
admin POST /api/whatsapp-multi-device/devices/:deviceId/groups
admin GET /api/whatsapp-multi-device/devices/:deviceId/groups/:groupId/info
admin POST /api/whatsapp-multi-device/devices/:deviceId/send-group-message
admin POST /api/whatsapp-multi-device/devices/:deviceId/groups/:groupId/mention-message
admin POST /api/whatsapp-multi-device/devices/:deviceId/groups/:groupId/send-media
admin POST /api/whatsapp-multi-device/devices/:deviceId/groups/:groupId/jobs/send-media
admin POST /api/whatsapp-multi-device/devices/:deviceId/groups/:groupId/participants
admin DELETE /api/whatsapp-multi-device/devices/:deviceId/groups/:groupId/participants/:participantJid
admin POST /api/whatsapp-multi-device/devices/:deviceId/groups/:groupId/admins
admin DELETE /api/whatsapp-multi-device/devices/:deviceId/groups/:groupId/admins/:adminJid
user GET /api/whatsapp-multi-device/devices/:deviceId/chat-history/:jid
user GET /api/whatsapp-multi-device/devices/:deviceId/group-chat-history/:groupId
user GET /api/whatsapp-multi-device/devices/:deviceId/daily-chat-list
admin GET /api/whatsapp-multi-device/devices/:deviceId/statistics
admin GET /api/whatsapp-multi-device/devices/:deviceId/statistics/daily
user GET /api/events
admin GET /api/admin/users
admin POST /api/admin/users
admin GET /api/admin/users/:userId
admin PUT /api/admin/users/:userId
admin DELETE /api/admin/users/:userId
admin GET /api/admin/devices
admin GET /api/admin/messages
admin GET /api/admin/groups
admin GET /api/admin/contacts
admin GET /api/admin/jobs
admin GET /api/admin/jobs/:jobId
admin POST /api/admin/jobs/:jobId/cancel
admin GET /api/admin/stats
user GET /api/whatsapp/status
user POST /api/whatsapp/connect
user POST /api/whatsapp/regenerate-qr
user POST /api/whatsapp/disconnect
user POST /api/whatsapp/send-message
user GET /api/whatsapp/messages
user GET /api/whatsapp/contacts
public GET /api/health
`.trim().split("\n").map((line) => {
  const [who, method, path] = line.split(" ") as [string, string, string]
  return { who, method, path }
})

/** Those of them that are not there yet. */
export const missing: ReadonlyArray<string> = [
  "POST /api/whatsapp-multi-device/devices/:deviceId/jobs/send-media",
  "POST /api/whatsapp-multi-device/devices/:deviceId/groups/:groupId/jobs/send-media"
]
