let last = 0
/** A phone number that nobody has. */
export const newNumber = () => `62812${String(++last).padStart(8, "0")}`
