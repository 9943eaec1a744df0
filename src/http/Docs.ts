import { HttpApiScalar } from "@effect/platform"
import { Api } from "./Api.ts"

/** The contract for people at `/docs`: one page with its script in itself, which needs nothing from the internet. */
export const layer = HttpApiScalar.layerHttpLayerRouter({
  api: Api,
  path: "/docs",
  scalar: { withDefaultFonts: false }
})
