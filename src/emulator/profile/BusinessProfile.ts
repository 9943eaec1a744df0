import type { Account } from "../Account.ts"
import type { Node } from "../protocol/codec.ts"
import { node } from "../protocol/node.ts"

/** What a business says of itself. */
export interface BusinessProfile {
  readonly description: string
  readonly address?: string
  readonly email?: string
  readonly website?: string
  readonly category?: string
}

const line = (tag: string, text: string | undefined): ReadonlyArray<Node> =>
  text === undefined ? [] : [node(tag, {}, Buffer.from(text))]

export const businessNode = (jid: string | undefined, account: Account | undefined): Node => {
  const business = account?.business
  if (!business) return node("profile", { jid })
  const category = business.category === undefined
    ? []
    : [node("categories", {}, [node("category", { id: "1" }, Buffer.from(business.category))])]
  return node("profile", { jid }, [
    ...line("description", business.description),
    ...line("address", business.address),
    ...line("email", business.email),
    ...line("website", business.website),
    ...category
  ])
}
