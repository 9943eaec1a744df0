/**
 * Whether what is said to us gets anywhere. A socket on which frames come in and questions are answered may still be deaf:
 * messages wait behind one whose handling never ends.
 */
export const makeHearing = (now: () => number) => {
  let waiting = 0
  let lastHandled = now()
  return {
    /** `handled` settles when the message has been dealt with, well or not. */
    message: (handled: Promise<unknown>): void => {
      if (waiting++ === 0) lastHandled = now()
      const settled = () => {
        waiting--
        lastHandled = now()
      }
      handled.then(settled, settled)
    },
    /** For how many milliseconds messages have waited and none was dealt with; 0 if none waits. */
    deafFor: (): number => (waiting === 0 ? 0 : now() - lastHandled)
  }
}
