import { readFileSync, mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Child, root } from "./Child.ts"

interface Frame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
}
interface Node {
  readonly id: number
  readonly callFrame: Frame
  readonly children?: ReadonlyArray<number>
}
interface Profile {
  readonly nodes: ReadonlyArray<Node>
  readonly samples: ReadonlyArray<number>
  readonly timeDeltas: ReadonlyArray<number>
}

let folder: string | undefined

/** Runs `work` under the process's profiler; answers where its time went, and the file for other tools. */
export const profiled = async (name: string, child: Child, work: () => Promise<unknown>): Promise<string> => {
  folder ??= mkdtempSync(join(tmpdir(), "wa-bench-profiles-"))
  const file = join(folder, `${name}.cpuprofile`)
  await child.ask("startProfile")
  await work()
  await child.ask("saveProfile", { file })
  return `${report(JSON.parse(readFileSync(file, "utf8")) as Profile)}\n${file}`
}

const report = ({ nodes, samples, timeDeltas }: Profile): string => {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node] as const)))
  const self = new Map<Node, number>()
  for (const [index, id] of samples.entries()) {
    const node = byId.get(id)!
    if (node.callFrame.functionName !== "(idle)") self.set(node, (self.get(node) ?? 0) + (timeDeltas[index] ?? 0))
  }
  const groups = new Map<string, number>()
  const functions = new Map<string, number>()
  const ours = new Map<string, number>()
  let total = 0
  for (const [node, time] of self) {
    total += time
    add(groups, groupOf(node.callFrame), time)
    add(functions, nameOf(node.callFrame), time)
    const seen = new Set<string>()
    for (let at: Node | undefined = node; at !== undefined; at = parents.get(at.id)) {
      if (isOurs(at.callFrame)) seen.add(nameOf(at.callFrame))
    }
    for (const name of seen) add(ours, name, time)
  }
  const top = (title: string, times: ReadonlyMap<string, number>, count: number) =>
    [
      title,
      ...[...times].toSorted(([, a], [, b]) => b - a).slice(0, count)
        .map(([name, time]) => `${((100 * time) / total).toFixed(1).padStart(6)} %  ${(time / 1000).toFixed(0).padStart(6)} ms  ${name}`)
    ].join("\n")
  return [
    top("self time by package or room", groups, 25),
    top("self time by function", functions, 30),
    top("our functions with all they call directly", ours, 30)
  ].join("\n\n")
}

const add = (times: Map<string, number>, name: string, time: number) => times.set(name, (times.get(name) ?? 0) + time)

const local = (url: string) => decodeURIComponent(url).replace("file://", "").replace(`${root}/`, "")
const isOurs = ({ url }: Frame) => local(url).startsWith("dist/")

const groupOf = ({ functionName, url }: Frame): string => {
  const path = local(url)
  const inPackage = path.lastIndexOf("node_modules/")
  if (inPackage >= 0) return path.slice(inPackage + 13).split("/").slice(0, path[inPackage + 13] === "@" ? 2 : 1).join("/")
  if (path.startsWith("node:")) return "node"
  if (path.startsWith("dist/")) return path.split("/").slice(0, 2).join("/").replace("dist/", "src/")
  return functionName.startsWith("(") ? functionName : path === "" ? "V8 built-ins" : path
}

const nameOf = (frame: Frame): string => {
  const path = local(frame.url).replace(/^.*node_modules\//, "").replace(/^dist\/(.*)\.js$/, "src/$1")
  const name = frame.functionName === "" ? "(anonymous)" : frame.functionName
  return path === "" ? name : `${name}  ${path}:${frame.lineNumber + 1}`
}
