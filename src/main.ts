#!/usr/bin/env node
// Loaded alone and first: on an old Node the rest may not even parse.
const oldest = 24
if (Number(process.versions.node.split(".")[0]) < oldest) {
  process.stderr.write(
    `WhatsApp Service needs Node ${oldest} or later and this is ${process.version}: below it every open socket slows the whole process down.\n`
  )
  process.exit(1)
}
const { runCommandLine } = await import("./runtime/CommandLine.ts")
runCommandLine(process.argv.slice(2))
