import { freePort, startBuilt, until } from "./process.ts"

/** The emulator as a process of its own, steered through its HTTP control API. */
export const startEmulatorProcess = async () => {
  const [port, controlPort] = [await freePort(), await freePort()]
  const built = startBuilt(["emulator", "--port", String(port), "--control-port", String(controlPort)], {})
  const control = `http://127.0.0.1:${controlPort}`
  const ask = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(control + path, {
      method,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`)
    return text === "" ? undefined : JSON.parse(text)
  }
  const state = await until("the emulator", () => ask("GET", "/")).catch((error: unknown) => {
    throw new Error(`the emulator did not start:\n${built.output()}`, { cause: error })
  })
  return {
    environment: {
      WA_SOCKET_URL: String(state.url),
      WA_NOISE_ROOT_KEY: String(state.noiseRootKey),
      WA_MEDIA_CA: String(state.mediaCa)
    },
    ask,
    end: () => built.end("SIGTERM")
  }
}
export type EmulatorProcess = Awaited<ReturnType<typeof startEmulatorProcess>>
