// Writes down every message that mentions an order, as one line of JSON. PLUGINS=./docs/examples/order-notes.js
import { appendFile } from "node:fs/promises"

export default ({ Config }) => ({
  // names the cursor in the database: keep it, or the plugin begins anew
  name: "order-notes",
  // without this: all events
  events: ["message.received", "message.sent"],
  // where a plugin begins that this database does not know: "now" or "oldest"
  beginning: "now",
  // read at the start; a wrong or missing value stops it with a line that names the variable
  config: Config.all({
    file: Config.nonEmptyString("ORDER_NOTES_FILE"),
    word: Config.nonEmptyString("ORDER_NOTES_WORD").pipe(Config.withDefault("order"))
  }),

  start: ({ config, count, log }) => {
    log("notes go to a file", { file: config.file })
    return {
      // One event after the other in each chat. An event that rejects comes again until it does not, and may come twice after
      // a crash: `event.id` tells whether it has been here before.
      handle: async (event, signal) => {
        const { chat, content } = event.data
        if (typeof content !== "string" || !content.toLowerCase().includes(config.word)) return
        const note = { id: event.id, at: event.timestamp, device: event.deviceId, chat: chat.jid, content }
        await appendFile(config.file, `${JSON.stringify(note)}\n`, { signal })
        count("notes")
      },
      // at the stop of the service
      stop: () => log("no more notes")
    }
  }
})
