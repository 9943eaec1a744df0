import { HttpApiBuilder } from "@effect/platform"
import { DateTime, Effect } from "effect"
import type { PluginStatus } from "../../plugins/Plugin.ts"
import { Plugins } from "../../plugins/Plugins.ts"
import { Api } from "../Api.ts"

const shown = ({ passed, trouble, ...status }: PluginStatus) => ({
  ...status,
  passed: passed ?? null,
  trouble: trouble === undefined ? null : { since: DateTime.unsafeMake(trouble.since), message: trouble.message }
})

export const layer = HttpApiBuilder.group(Api, "plugins", (handlers) =>
  Effect.map(Plugins, (plugins) => handlers.handle("list", () => Effect.map(plugins.status, (all) => ({ items: all.map(shown) })))))
