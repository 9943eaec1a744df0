import type { MediaServer } from "../media/MediaServer.ts"
import { child, node } from "../protocol/node.ts"
import type { Query } from "./Query.ts"

const MAX_LENGTH = 2 ** 31

/** Where media go, and with what to put them there. */
export const mediaConn = (server: MediaServer): Query => ({ iq }) =>
  child(iq, "media_conn")
    ? {
      content: [
        node("media_conn", { auth: server.auth, ttl: "300", auth_ttl: "300", max_buckets: "12" }, [
          node("host", { hostname: server.host, maxContentLengthBytes: String(MAX_LENGTH) })
        ])
      ]
    }
    : undefined
