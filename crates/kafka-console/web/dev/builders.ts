/** Parts of sample pages: numbers that are the same for the same words, and panels made of them. */

import type { BarsPanel, Column, LinesPanel, TablePanel, Tile, Unit } from "../src/api.ts";

/** A number between 0 and 1 that is the same for the same words. */
export function chance(...words: (string | number)[]): number {
  let hash = 2166136261;
  for (const character of words.join("|")) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16777619);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 2246822507);
  return ((hash ^ (hash >>> 13)) >>> 0) / 4294967296;
}

export function weight(name: string): number {
  return 10 ** (2.5 + 4 * chance(name, "size"));
}

const RATE = (metric: string, labels: string[]): string => {
  const matchers = labels.map((label, index) => `${label}="$row${index === 0 ? "" : String(index + 1)}"`);
  return `sum by (${labels.join(", ")}) (rate(kafka_filter_${metric}_total{reporter=~"source|proxy",${matchers.join(",")}}[1m]))`;
};

export function tile(title: string, value: number | null, unit: Unit, tone: Tile["tone"] = "plain"): Tile {
  return {
    title,
    value,
    unit,
    tone,
    help: `${title}, of all proxies together.`,
    promql: `sum(rate(kafka_filter_${title.toLowerCase().replaceAll(" ", "_")}[1m]))`,
  };
}

/** `labels` are those of the table's first columns, by which the server counts. */
export function column(
  key: string,
  title: string,
  unit: Unit,
  link: Column["link"] = null,
  labels: string[] = ["topic"],
): Column {
  return {
    key,
    title,
    unit,
    help: `${title} in the window`,
    promql: unit === "text" || unit === "time" ? null : RATE(key, labels),
    link,
  };
}

export function table(
  id: string,
  title: string,
  columns: Column[],
  rows: TablePanel["rows"],
  sort = 1,
): TablePanel {
  return {
    kind: "table",
    id,
    title,
    help: "Rates are averages over the window; latency is what clients wait, without their own way to the proxy.",
    columns,
    rows,
    left_out: 0,
    empty:
      "No topics in this range. Produce to one through a proxy with the filter, or choose a longer range.",
    sort: { column: sort, descending: true },
  };
}

export function lines(
  id: string,
  title: string,
  unit: Unit,
  names: string[],
  at: number,
  size: (name: string) => number,
  stacked = false,
): LinesPanel {
  const times = Array.from({ length: 120 }, (_, index) => at - (119 - index) * 7.5);
  return {
    kind: "lines",
    id,
    title,
    unit,
    stacked,
    times,
    left_out: names.length > 8 ? names.length - 8 : 0,
    summed: false,
    help: "One point for each step of the range.",
    promql: `sum by (topic) (rate(kafka_filter_topic_produced_bytes_total{reporter=~"source|proxy"}[1m]))`,
    lines: names.slice(0, 8).map((name, place) => ({
      name,
      promql: `sum by (topic) (rate(kafka_filter_topic_produced_bytes_total{reporter=~"source|proxy",topic="${name}"}[1m]))`,
      points: times.map((time, index) => {
        const wave =
          1 +
          0.35 * Math.sin(time / (90 + 40 * place) + place) +
          0.12 * (chance(name, Math.round(time)) - 0.5);
        return place === 2 && index > 30 && index < 38 ? null : size(name) * wave;
      }),
    })),
  };
}

const BUCKETS = (bound: number): string =>
  `sum(increase(kafka_filter_request_duration_microseconds_bucket{request="Produce",le="${String(bound * 1e6)}"}[15m]))`;

const QUANTILE = (share: number): string =>
  `histogram_quantile(${String(share)}, sum by (le) (increase(kafka_filter_request_duration_microseconds_bucket{request="Produce"}[15m]))) / 1e6`;

export function bars(id: string, title: string, scale: number): BarsPanel {
  const bounds = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
  ];
  const label = (s: number): string =>
    s < 0.001
      ? `${String(Math.round(s * 1e6))} µs`
      : s < 1
        ? `${String(Math.round(s * 1000))} ms`
        : `${String(s)} s`;
  return {
    kind: "bars",
    id,
    title,
    unit: "seconds",
    help: "How long answers took in this range, by the buckets of the histogram.",
    promql: `sum by (le) (increase(kafka_filter_request_duration_microseconds_bucket{request="Produce"}[15m]))`,
    bars: [
      ...bounds.map((bound, index) => ({
        label: label(bound),
        up_to: bound,
        count: Math.round(scale * Math.exp(-((index - 6.2) ** 2) / 5)),
        promql: `${BUCKETS(bound)} - ${BUCKETS(bounds[index - 1] ?? 0)}`,
      })),
      { label: "more", up_to: null, count: 0, promql: "" },
    ],
    marks: [
      { name: "p50", value: 0.0071, promql: QUANTILE(0.5) },
      { name: "p99", value: 0.081, promql: QUANTILE(0.99) },
    ],
  };
}
