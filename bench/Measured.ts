import type { Child } from "./Child.ts"

export interface Round {
  /** milliseconds of CPU */
  readonly cpu: number
  /** milliseconds */
  readonly delayP99: number
}

/** What `work` costs the process, from quiet to quiet. */
export const measured = async (child: Child, work: () => Promise<unknown>): Promise<Round> => {
  await child.quiet()
  const before = await child.figures()
  await work()
  // before the loop is quiet again: an idle loop has no delay
  const { delayP99 } = await child.figures()
  await child.quiet()
  const after = await child.figures()
  return { cpu: after.cpu - before.cpu, delayP99 }
}

/** The middle of several measurements, and how far they lie apart. */
export class Spread {
  readonly #sorted: ReadonlyArray<number>

  constructor(values: ReadonlyArray<number>) {
    this.#sorted = values.toSorted((a, b) => a - b)
  }

  get median(): number {
    const middle = (this.#sorted.length - 1) / 2
    return (this.#at(Math.floor(middle)) + this.#at(Math.ceil(middle))) / 2
  }

  get min(): number {
    return this.#at(0)
  }

  get max(): number {
    return this.#at(this.#sorted.length - 1)
  }

  #at(index: number): number {
    return this.#sorted[index] ?? Number.NaN
  }
}

/** The same work done `rounds` times by each, in turns. */
export const inTurns = async (rounds: number, bare: () => Promise<Round>, service: () => Promise<Round>) => {
  const results = { bare: [] as Array<Round>, service: [] as Array<Round> }
  for (let round = 0; round < rounds; round++) {
    results.bare.push(await bare())
    results.service.push(await service())
  }
  return results
}
