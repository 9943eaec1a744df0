/** Values over time with a straight line through them, by least squares. */
export class Trend {
  readonly #points: ReadonlyArray<readonly [hours: number, value: number]>

  constructor(points: ReadonlyArray<readonly [hours: number, value: number]>) {
    this.#points = points
  }

  get first(): number {
    return this.#points[0]?.[1] ?? Number.NaN
  }

  get last(): number {
    return this.#points.at(-1)?.[1] ?? Number.NaN
  }

  /** an hour */
  get slope(): number {
    const [hours, values] = this.#means
    return this.#sum(([hour, value]) => (hour - hours) * (value - values)) / this.#spread
  }

  /** The standard error of the slope: how much of it may be chance. */
  get error(): number {
    const [hours, values] = this.#means
    const { slope } = this
    const rest = this.#sum(([hour, value]) => (value - values - slope * (hour - hours)) ** 2)
    return Math.sqrt(rest / Math.max(1, this.#points.length - 2) / this.#spread)
  }

  get #means(): readonly [hours: number, values: number] {
    const count = this.#points.length
    return [this.#sum(([hour]) => hour) / count, this.#sum(([, value]) => value) / count]
  }

  get #spread(): number {
    const [hours] = this.#means
    return this.#sum(([hour]) => (hour - hours) ** 2)
  }

  #sum(of: (point: readonly [number, number]) => number): number {
    return this.#points.reduce((sum, point) => sum + of(point), 0)
  }
}
