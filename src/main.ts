#!/usr/bin/env node
// Loaded alone and first: on an old Node the rest may not even parse.
const oldest = 24
if (Number(process.versions.node.split(".")[0]) < oldest) {
  process.stderr.write(
    `WhatsApp Service needs Node ${oldest} or later and this is ${process.version}: below it every open socket slows the whole process down.\n`
  )
  process.exit(1)
}
// Node 24 cuts small buffers out of pieces of 64 KiB. A device holds keys and secrets of 32 bytes from hundreds of moments: each
// would keep a whole piece alive. This is what earlier versions had.
Buffer.poolSize = 8192
const { runCommandLine } = await import("./runtime/CommandLine.ts")
runCommandLine(process.argv.slice(2))
