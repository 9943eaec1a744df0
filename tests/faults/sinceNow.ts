/** A stopwatch: milliseconds since it was made. */
export const sinceNow = () => {
  const from = performance.now()
  return () => performance.now() - from
}
