import { phoneOf } from "./phoneOf.ts"
import { type Call, type Route, text, textIf, texts } from "./Route.ts"

const about = (call: Call) => call.params.id ?? ""

/** What a person does about a message that is there. */
export const messageRoutes: ReadonlyArray<Route> = [
  ["POST", "/phones/:phone/messages/:id/reply", async (call) => {
    const mentions = call.body.mentions === undefined ? [] : texts(call.body, "mentions")
    return { id: await phoneOf(call).messages.reply(about(call), text(call.body, "text"), { mentions }) }
  }],
  ["POST", "/phones/:phone/messages/:id/react", async (call) => ({
    id: await phoneOf(call).messages.react(about(call), textIf(call.body, "emoji") ?? "")
  })],
  ["POST", "/phones/:phone/messages/:id/edit", async (call) => ({
    id: await phoneOf(call).messages.edit(about(call), text(call.body, "text"))
  })],
  ["POST", "/phones/:phone/messages/:id/revoke", async (call) => ({
    id: await phoneOf(call).messages.revoke(about(call))
  })],
  ["POST", "/phones/:phone/messages/:id/vote", async (call) => ({
    id: await phoneOf(call).messages.vote(about(call), ...texts(call.body, "options"))
  })],
  ["POST", "/phones/:phone/messages/:id/forward", async (call) => ({
    id: await phoneOf(call).messages.forward(about(call), text(call.body, "to"))
  })]
]
