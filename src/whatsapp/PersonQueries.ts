import type { WASocket } from "@whiskeysockets/baileys"
import { DateTime, Effect, Option, Predicate, Schema } from "effect"
import type { Connection, QueryFailed } from "./Connection.ts"

type Ask = <A>(query: string, run: () => Promise<A>) => Effect.Effect<A, QueryFailed>

/** WhatsApp's answers to "may I see it": there is none, or not for us. */
const hidden = new Set<unknown>([401, 403, 404])
const isHidden = ({ cause }: QueryFailed) => Predicate.hasProperty(cause, "data") && hidden.has(cause.data)

const StatusAnswer = Schema.Struct({
  status: Schema.Struct({ status: Schema.NullOr(Schema.String), setAt: Schema.ValidDateFromSelf })
})
const isStatusAnswer = Schema.is(StatusAnswer)

/** What people show of themselves. */
export const makePersonQueries = (sock: WASocket, ask: Ask): Pick<Connection, "about" | "profilePicture"> => ({
  profilePicture: Effect.fn("WhatsApp.profilePicture")((jid, size) =>
    ask("profile-picture", () => sock.profilePictureUrl(jid, size)).pipe(
      Effect.map((url) => Option.fromNullable(url)),
      Effect.catchIf(isHidden, () => Effect.succeedNone)
    )
  ),
  about: Effect.fn("WhatsApp.about")((jid) =>
    ask("about", () => sock.fetchStatus(jid)).pipe(
      Effect.map((answer) => {
        const told: unknown = answer?.[0]
        if (!isStatusAnswer(told) || !told.status.status) return { about: null, setAt: null }
        const { setAt, status } = told.status
        return { about: status, setAt: setAt.getTime() === 0 ? null : DateTime.unsafeFromDate(setAt) }
      }),
      Effect.catchIf(isHidden, () => Effect.succeed({ about: null, setAt: null }))
    )
  )
})
