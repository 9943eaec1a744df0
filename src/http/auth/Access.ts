/** `user`: also administrators; a user only what is his own. */
export type Access = "public" | "user" | "admin"

/** Who may ask what. An endpoint that is missing here is for administrators. */
export const access: Readonly<Record<string, Access>> = {
  "POST /api/auth/register": "public",
  "POST /api/auth/login": "public",
  "POST /api/auth/refresh-token": "public",
  "GET /api/auth/profile": "user",
  "PUT /api/auth/profile": "user",
  "POST /api/whatsapp-multi-device/devices": "admin",
  "GET /api/whatsapp-multi-device/devices": "user",
  "GET /api/whatsapp-multi-device/devices/connected": "user",
  "GET /api/whatsapp-multi-device/devices/connected/detail": "user",
  "GET /api/whatsapp-multi-device/devices/:deviceId": "user",
  "GET /api/whatsapp-multi-device/devices/:deviceId/status": "user",
  "POST /api/whatsapp-multi-device/devices/:deviceId/connect": "user",
  "DELETE /api/whatsapp-multi-device/devices/:deviceId/disconnect": "user",
  "DELETE /api/whatsapp-multi-device/devices/:deviceId": "admin",
  "POST /api/whatsapp-multi-device/devices/:deviceId/cancel-and-wipe": "admin",
  "DELETE /api/whatsapp-multi-device/devices/:deviceId/session": "admin",
  "GET /api/whatsapp-multi-device/devices/:deviceId/qr": "user",
  "GET /api/whatsapp-multi-device/devices/:deviceId/qr-image": "user",
  "GET /api/whatsapp-multi-device/devices/:deviceId/qr-base64": "user",
  "POST /api/whatsapp-multi-device/devices/:deviceId/pairing-code": "admin",
  "POST /api/whatsapp-multi-device/devices/:deviceId/send-message": "user",
  "GET /api/whatsapp-multi-device/devices/:deviceId/contacts": "user",
  "GET /api/whatsapp-multi-device/devices/:deviceId/chat-history/:jid": "user",
  "GET /api/events": "user",
  "GET /api/health": "public",
  "GET /health/live": "public",
  "GET /health/ready": "public",
  "GET /metrics": "public"
}
