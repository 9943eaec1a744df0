/** Settles with the promise, or when the time is over: whichever comes first. Leaves no timer behind. */
export const within = (millis: number, promise: Promise<unknown>): Promise<unknown> => {
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, millis)
  return Promise.race([promise, over]).finally(() => clearTimeout(timer))
}
