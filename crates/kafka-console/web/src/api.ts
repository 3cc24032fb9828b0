/**
 * What the server sends: the contract between `src/views.rs` and this front end, name for name.
 *
 * A page is data. Nothing here, and nothing that renders it, knows a metric: every number comes with the
 * PromQL that gives the same, and which panels a page has is the server's choice.
 */

export type Unit =
  | "bytes_per_second"
  | "records_per_second"
  | "requests_per_second"
  | "errors_per_second"
  | "batches_per_second"
  | "per_second"
  | "seconds"
  | "records"
  | "bytes"
  | "count"
  | "share"
  | "time"
  | "text";

export type Tone = "plain" | "good" | "warning" | "error";

export interface Page {
  name: string;
  title: string;
  key: string | null;
  /** Seconds since the epoch: when the server made this page. */
  at: number;
  window_seconds: number;
  range_seconds: number;
  reporter: string;
  source: SourceState;
  notes: Note[];
  tiles: Tile[];
  panels: Panel[];
}

export interface SourceState {
  kind: "direct" | "prometheus";
  state: "ok" | "starting" | "empty" | "stale" | "unreachable";
  message: string | null;
  remedy: string | null;
  scrape_seconds: number;
  age_seconds: number | null;
  /** Where people reach Prometheus, when it is configured as public. */
  prometheus_url: string | null;
}

export interface Note {
  tone: "info" | "warning" | "error";
  text: string;
  remedy: string | null;
}

export interface Tile {
  title: string;
  value: number | null;
  unit: Unit;
  promql: string;
  tone: Tone;
  help: string;
}

interface PanelHead {
  id: string;
  title: string;
  help: string;
}

export type Panel = TablePanel | LinesPanel | HeatPanel | BarsPanel | MapPanel;

export interface ToneCell {
  text: string;
  tone: Tone;
}

/** A number with a unit and a query of its own. */
export interface MeasuredCell {
  value: number | null;
  unit: Unit;
  /** Empty where no query gives it. */
  promql: string;
  tone: Tone;
}

export type Cell = number | string | null | ToneCell | MeasuredCell;

export type LinkTarget = "topic" | "client" | "group";

export interface Column {
  key: string;
  title: string;
  unit: Unit;
  help: string;
  /**
   * `$row` stands for the text of the row's first cell, `$row2` of the second, `$row3` of the third; the front
   * end escapes each.
   */
  promql: string | null;
  link: LinkTarget | null;
}

export interface TablePanel extends PanelHead {
  kind: "table";
  columns: Column[];
  rows: Cell[][];
  /** Rows that the server did not send. */
  left_out: number;
  /** What to say when there are no rows. */
  empty: string;
  sort: { column: number; descending: boolean };
}

export interface LinesPanel extends PanelHead {
  kind: "lines";
  unit: Unit;
  promql: string;
  stacked: boolean;
  /** Seconds since the epoch. */
  times: number[];
  lines: Line[];
  left_out: number;
  /** Whether the last line is the `left_out` ones together; else they are not drawn. */
  summed: boolean;
}

export interface Line {
  name: string;
  points: (number | null)[];
  /** Of this line alone; empty where none gives it. */
  promql: string;
}

export interface HeatPanel extends PanelHead {
  kind: "heat";
  unit: Unit;
  promql: string;
  /** Gives one cell: `$row` and `$column` stand for the names of its row and column. */
  cell_promql: string;
  row_title: string;
  column_title: string;
  rows: string[];
  columns: string[];
  values: (number | null)[][];
  /** Cells to hatch: versions that brokers of Kafka 4 refuse. */
  marked: boolean[][];
}

export interface BarsPanel extends PanelHead {
  kind: "bars";
  /** Of the x axis. */
  unit: Unit;
  promql: string;
  bars: Bar[];
  marks: { name: "p50" | "p99"; value: number; promql: string }[];
}

export interface Bar {
  label: string;
  up_to: number | null;
  count: number;
  /** Gives this bar's own count. */
  promql: string;
}

export type NodeKind = "client" | "topic" | "group" | "rest";

export interface MapNode {
  /** `client:x`, `topic:y`, `group:z`, `rest:topics`. */
  id: string;
  name: string;
  kind: NodeKind;
  /** What it is, or what the rest stands for. */
  of: Exclude<NodeKind, "rest">;
  /** Null where they are not known: a Fetch does not name its group. */
  bytes_per_second: number | null;
  records_per_second: number | null;
  error_share: number | null;
  lag_records: number | null;
  /** Of the bytes per second; empty where nothing single gives them. */
  promql: string;
  lag_promql: string | null;
  /** Gives the share of errors. */
  error_promql: string | null;
  /** How many were merged into this one; 1 for a node of its own. */
  count: number;
}

export interface MapEdge {
  from: string;
  to: string;
  /** Null to groups. */
  bytes_per_second: number | null;
  records_per_second: number | null;
  /** Of edges to groups. */
  lag_records: number | null;
  /** Gives the bytes, or the lag of a group; empty where an end is a rest. */
  promql: string;
}

export interface MapPanel extends PanelHead {
  kind: "map";
  writers: MapNode[];
  topics: MapNode[];
  /** Reading clients and groups. */
  readers: MapNode[];
  edges: MapEdge[];
  left_out: { writers: number; topics: number; readers: number; bytes_per_second: number };
}

/** The answer of `/api/v1/pages`: what the navigation and the selections of the header offer. */
export interface Pages {
  pages: { name: string; title: string; help: string }[];
  ranges: string[];
  windows: string[];
  reporters: { name: string; title: string; help: string }[];
  defaults: { range: string; window: string; reporter: string };
  release: string;
}

/** The body of every answer that is no success. */
export interface Refusal {
  error: string;
  remedy: string | null;
  /** On a 401: whether a token helps, or only the proxy in front can let someone in. */
  login?: "token" | "proxy";
}
