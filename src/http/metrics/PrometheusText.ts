import { type MetricKey, type MetricPair, MetricState, Option } from "effect"

/** One line of the text format besides its name: `{label="value"} 1`. */
export interface Sample {
  readonly suffix?: string
  readonly labels: ReadonlyArray<readonly [string, string]>
  readonly value: number
}

/** A metric with all its label sets, under one name. */
export interface Family {
  readonly name: string
  readonly help: string
  readonly type: "counter" | "gauge" | "histogram" | "summary"
  readonly samples: ReadonlyArray<Sample>
}

/** Prometheus' text format, version 0.0.4. */
export const prometheusText = (families: Iterable<Family>): string => {
  const lines: Array<string> = []
  for (const { help, name, samples, type } of families) {
    if (help !== "") lines.push(`# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`)
    lines.push(`# TYPE ${name} ${type}`)
    for (const { labels, suffix = "", value } of samples) {
      const shown = labels.map(([label, text]) => `${nameOf(label)}="${escaped(text)}"`).join(",")
      lines.push(`${name}${suffix}${shown === "" ? "" : `{${shown}}`} ${numberOf(value)}`)
    }
  }
  return `${lines.join("\n")}\n`
}

/** The metrics of Effect's registry. */
export const families = (pairs: Iterable<MetricPair.MetricPair.Untyped>): ReadonlyArray<Family> => {
  const found = new Map<string, { readonly family: Family; readonly samples: Array<Sample> }>()
  for (const { metricKey, metricState } of pairs) {
    const type = typeOf(metricState)
    if (type === undefined) continue
    const name = nameOf(metricKey.name)
    const entry = found.get(name) ?? newFamily(name, metricKey, type)
    found.set(name, entry)
    if (entry.family.type === type) entry.samples.push(...samplesOf(metricState, labelsOf(metricKey)))
  }
  return [...found.values()].map(({ family }) => family)
}

const newFamily = (name: string, key: MetricKey.MetricKey.Untyped, type: Family["type"]) => {
  const samples: Array<Sample> = []
  return { family: { name, help: Option.getOrElse(key.description, () => ""), type, samples }, samples }
}

const typeOf = (state: MetricState.MetricState.Untyped): Family["type"] | undefined => {
  if (MetricState.isCounterState(state) || MetricState.isFrequencyState(state)) return "counter"
  if (MetricState.isGaugeState(state)) return "gauge"
  if (MetricState.isHistogramState(state)) return "histogram"
  return MetricState.isSummaryState(state) ? "summary" : undefined
}

type Labels = Sample["labels"]

const samplesOf = (state: MetricState.MetricState.Untyped, labels: Labels): ReadonlyArray<Sample> => {
  if (MetricState.isCounterState(state)) return [{ labels, value: Number(state.count) }]
  if (MetricState.isGaugeState(state)) return [{ labels, value: Number(state.value) }]
  if (MetricState.isFrequencyState(state)) {
    return [...state.occurrences].map(([key, value]) => ({ labels: [...labels, ["key", key]], value }))
  }
  if (MetricState.isHistogramState(state)) {
    const finite = state.buckets.filter(([boundary]) => Number.isFinite(boundary))
    return [
      ...finite.map(([boundary, count]): Sample => ({ suffix: "_bucket", labels: [...labels, ["le", numberOf(boundary)]], value: count })),
      { suffix: "_bucket", labels: [...labels, ["le", "+Inf"]], value: state.count },
      ...totals(state, labels)
    ]
  }
  if (MetricState.isSummaryState(state)) {
    return [
      ...state.quantiles.map(([quantile, value]): Sample => ({
        labels: [...labels, ["quantile", numberOf(quantile)]],
        value: Option.getOrElse(value, () => Number.NaN)
      })),
      ...totals(state, labels)
    ]
  }
  return []
}

const totals = (state: { readonly sum: number; readonly count: number }, labels: Labels): ReadonlyArray<Sample> => [
  { suffix: "_sum", labels, value: state.sum },
  { suffix: "_count", labels, value: state.count }
]

/** `time_unit` is Effect's own note about a timer. */
const labelsOf = (key: MetricKey.MetricKey.Untyped): Labels =>
  key.tags.filter((tag) => tag.key !== "time_unit").map((tag) => [tag.key, tag.value] as const)

const nameOf = (name: string): string => name.replaceAll(/[^A-Za-z0-9_:]/g, "_").replace(/^(?=\d)/, "_")
const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\"", "\\\"").replaceAll("\n", "\\n")
const numberOf = (value: number): string =>
  Number.isNaN(value) ? "NaN" : value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : String(value)
