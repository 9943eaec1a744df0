import type { Audience } from "../profile/PhoneProfile.ts"
import { phoneOf } from "./phoneOf.ts"
import { BadRequest, type Call, flagIf, type Route, text, textIf } from "./Route.ts"

const audienceOf = (body: Call["body"], name: string): Audience | undefined => {
  const value = textIf(body, name)
  if (value === undefined || value === "all" || value === "contacts" || value === "none") return value
  throw new BadRequest(`${name} must be all, contacts or none`)
}

/** Changes what is named in the body, and nothing else; a picture of null takes it away. */
const change = async (call: Call) => {
  const { body } = call
  const phone = phoneOf(call)
  const { profile } = phone
  const [name, about] = [textIf(body, "name"), textIf(body, "about")]
  const audiences = (["profile", "status", "groupadd"] as const).map((what) => [what, audienceOf(body, what)] as const)
  const description = textIf(body, "business")
  const timelock = textIf(body, "timelock")
  if (name !== undefined) phone.name = name
  if (about !== undefined) profile.about = about
  if ("timelock" in body) phone.account.timelock = timelock === undefined ? undefined : new Date(timelock)
  if (description !== undefined) profile.business = { description }
  for (const [what, to] of audiences) if (to !== undefined) profile.show(what, to)
  if ("picture" in body) {
    const base64 = textIf(body, "picture")
    await profile.setPicture(base64 === undefined ? undefined : Buffer.from(base64, "base64"))
  }
  return { name: phone.name, about: profile.about, picture: profile.picture?.url }
}

const remembered = (each: unknown) => {
  if (typeof each !== "object" || each === null) throw new BadRequest("messages must be a list of objects")
  const body = { ...each }
  const [at, from, fromMe, id] = [textIf(body, "at"), textIf(body, "from"), flagIf(body, "fromMe"), textIf(body, "id")]
  return {
    content: text(body, "text"),
    ...(at === undefined ? {} : { at: new Date(at) }),
    ...(from === undefined ? {} : { from }),
    ...(fromMe === undefined ? {} : { fromMe }),
    ...(id === undefined ? {} : { id })
  }
}

const remember = (call: Call) => {
  const { body } = call
  if (!Array.isArray(body.messages)) throw new BadRequest("messages must be a list of objects")
  const [full, inline] = [flagIf(body, "full"), flagIf(body, "inline")]
  phoneOf(call).remember(text(body, "chat"), body.messages.map(remembered), {
    ...(full === undefined ? {} : { full }),
    ...(inline === undefined ? {} : { inline })
  })
  return {}
}

/** What a person shows of themselves, and what their phone remembers. */
export const personRoutes: ReadonlyArray<Route> = [
  ["PATCH", "/phones/:phone", change],
  ["POST", "/phones/:phone/groups/:jid/picture", async (call) => {
    const base64 = textIf(call.body, "picture")
    const image = base64 === undefined ? undefined : Buffer.from(base64, "base64")
    return { url: (await phoneOf(call).profile.setGroupPicture(call.params.jid ?? "", image))?.url }
  }],
  ["POST", "/phones/:phone/block", (call) => {
    phoneOf(call).profile.block(text(call.body, "phone"))
    return {}
  }],
  ["POST", "/phones/:phone/unblock", (call) => {
    phoneOf(call).profile.unblock(text(call.body, "phone"))
    return {}
  }],
  ["POST", "/phones/:phone/presence", (call) => {
    const type = text(call.body, "type")
    if (type !== "available" && type !== "unavailable") throw new BadRequest("type must be available or unavailable")
    const lastSeen = textIf(call.body, "lastSeen")
    phoneOf(call).presence(type, lastSeen === undefined ? undefined : new Date(lastSeen))
    return {}
  }],
  ["POST", "/phones/:phone/chatstate", (call) => {
    const state = text(call.body, "state")
    if (state !== "composing" && state !== "recording" && state !== "paused") {
      throw new BadRequest("state must be composing, recording or paused")
    }
    phoneOf(call).chatstate(text(call.body, "to"), state)
    return {}
  }],
  ["POST", "/phones/:phone/history", remember]
]
