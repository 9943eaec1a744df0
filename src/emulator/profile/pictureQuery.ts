import { GroupRefusal } from "../groups/GroupRefusal.ts"
import type { Groups } from "../groups/Groups.ts"
import { bytesOf, child, node } from "../protocol/node.ts"
import { type Answer, notFound, type Query } from "../queries/Query.ts"
import type { Picture, Pictures } from "./Pictures.ts"

const NOT_AUTHORIZED: Answer = { error: { code: 401, text: "not-authorized" } }

const shown = (picture: Picture | undefined, type: string | undefined): Answer =>
  picture
    ? {
      content: [node("picture", { id: picture.id, type: type ?? "preview", url: picture.url, direct_path: picture.directPath })]
    }
    : notFound

const changed = async (setting: Promise<Picture | undefined>): Promise<Answer> => {
  try {
    const picture = await setting
    return { content: picture ? [node("picture", { id: picture.id })] : [] }
  } catch (error) {
    if (error instanceof GroupRefusal) return { error: { code: error.code, text: error.message } }
    throw error
  }
}

/** The namespace `w:profile:picture`. */
export const pictureQuery = (pictures: Pictures, groups: Groups): Query => ({ companion, directory, iq }) => {
  const { target, type } = iq.attrs
  const asked = child(iq, "picture")
  const by = companion.account
  const group = groups.find(target)
  if (type === "set") {
    const image = bytesOf(asked)
    if (group) return changed(pictures.setOf(group, by, image))
    return target === undefined ? changed(pictures.set(by, image)) : NOT_AUTHORIZED
  }
  if (group) return group.has(by) ? shown(pictures.of(group), asked?.attrs.type) : NOT_AUTHORIZED
  const account = target === undefined ? by : directory.byJid(target)
  if (!account) return notFound
  const hidden = account !== by && account.privacy.get("profile") === "none"
  return hidden || account.blocks(by) ? NOT_AUTHORIZED : shown(pictures.of(account), asked?.attrs.type)
}
