// Loaded before the service (`NODE_OPTIONS=--import`): at each SIGUSR2 the clock of the wall moves by an hour, as when somebody sets it.
const RealDate = Date
let moved = 0

globalThis.Date = class Date extends RealDate {
  constructor(...parts) {
    if (parts.length === 0) super(RealDate.now() + moved)
    else super(...parts)
  }
  static now() {
    return RealDate.now() + moved
  }
}
process.on("SIGUSR2", () => {
  moved = moved === 0 ? 3_600_000 : 0
})
