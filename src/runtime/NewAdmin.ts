import { randomBytes } from "node:crypto"

export const newPassword = () => randomBytes(15).toString("base64url")

/** `budi.s@example.com` → `budi.s`; what a username may not hold is left out. */
export const usernameOf = (email: string) => {
  const name = email.slice(0, email.indexOf("@")).replaceAll(/[^A-Za-z0-9._-]/g, "").replace(/^[^A-Za-z0-9]+/, "")
  return name.length >= 3 ? name.slice(0, 50) : "admin"
}
