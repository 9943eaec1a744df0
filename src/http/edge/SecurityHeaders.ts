import { HttpServerResponse } from "@effect/platform"

const everywhere = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
  "permissions-policy": "camera=(), geolocation=(), microphone=()"
}
const nothing = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
// the page of the documentation carries its script and styles in itself, and in the script WebAssembly
const documentation = "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; " +
  "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'"

/** On every answer. An answer may be seen by its caller alone, unless it says otherwise. */
export const withSecurityHeaders = (
  response: HttpServerResponse.HttpServerResponse,
  { isSecure, path }: { readonly isSecure: boolean; readonly path: string }
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.setHeaders(response, {
    ...everywhere,
    "content-security-policy": path === "/docs" ? documentation : nothing,
    ...(response.headers["cache-control"] === undefined && { "cache-control": "no-store" }),
    ...(isSecure && { "strict-transport-security": "max-age=31536000; includeSubDomains" })
  })
