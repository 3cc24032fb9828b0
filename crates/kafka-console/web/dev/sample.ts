/**
 * Pages of a company that does not exist: for looking at the front end without a server, and for its tests.
 */

import type { MapNode, MapPanel, Page, Pages, Panel, TablePanel } from "../src/api.ts";
import { bars, chance, column, lines, table, tile, weight } from "./builders.ts";
import { APIS, CLIENTS, GROUPS, HOSTILE, SOFTWARE, TOPICS } from "./names.ts";

export const PAGES: Pages = {
  pages: [
    { name: "map", title: "Map", help: "Who writes what, and who reads it" },
    { name: "topics", title: "Topics", help: "Rates, latency and errors of each topic" },
    { name: "clients", title: "Clients", help: "What each client id does" },
    { name: "groups", title: "Groups", help: "Lag, rebalances and errors of groups" },
    { name: "requests", title: "Requests", help: "APIs, versions, latency and throttling" },
    { name: "readiness", title: "Kafka 4 readiness", help: "Who uses what Kafka 4 refuses" },
    { name: "health", title: "Health", help: "Proxies, releases and limits" },
  ],
  ranges: ["5m", "15m", "30m", "1h"],
  windows: ["30s", "1m", "5m", "15m"],
  reporters: [
    { name: "source-proxy", title: "Clients' side", help: "" },
    { name: "destination", title: "Brokers' side", help: "" },
  ],
  defaults: { range: "15m", window: "1m", reporter: "source-proxy" },
  release: "0.1.0",
};

function names(count: number): string[] {
  const more = Array.from(
    { length: Math.max(0, count - TOPICS.length - HOSTILE.length) },
    (_, index) => `team-${String(index % 40)}.stream-${String(index)}`,
  );
  return [...TOPICS, ...HOSTILE, ...more].slice(0, count);
}

function topicRows(count: number, wobble: number): TablePanel["rows"] {
  return names(count)
    .map((name): TablePanel["rows"][number] => {
      const rate = weight(name) * (1 + 0.05 * Math.sin(wobble + name.length));
      const errors = chance(name, "errors") > 0.85 ? chance(name, "share") * 4 : 0;
      const lag = Math.floor(10 ** (chance(name, "lag") * 5));
      return [
        name,
        rate,
        rate / 310,
        rate * (1 + chance(name, "fan") * 3),
        rate / 140,
        0.001 + chance(name, "p") * 0.02,
        0.01 + chance(name, "p99") * 0.3,
        errors,
        lag,
        ["lz4", "zstd", "none", "snappy"][Math.floor(chance(name, "c") * 4)] ?? "none",
      ];
    })
    .sort((a, b) => Number(b[1]) - Number(a[1]));
}

function mapPanel(wobble: number): MapPanel {
  const node = (
    kind: MapNode["of"],
    name: string,
    bytes: number | null,
    extra: Partial<MapNode> = {},
  ): MapNode => ({
    id: `${kind}:${name}`,
    name,
    kind,
    of: kind,
    bytes_per_second: bytes,
    records_per_second: bytes === null ? null : bytes / 300,
    error_share: 0,
    lag_records: null,
    count: 1,
    promql:
      bytes === null ? "" : `sum(rate(kafka_filter_client_produced_bytes_total{client_id="${name}"}[1m]))`,
    lag_promql: null,
    error_promql: null,
    ...extra,
  });
  const topics = TOPICS.slice(0, 14);
  const edges: MapPanel["edges"] = [];
  const add = (from: string, to: string, bytes: number | null, lag: number | null = null): void => {
    const query =
      bytes === null
        ? `sum(kafka_filter_group_lag_records{group="x",topic="y"})`
        : `sum(rate(kafka_filter_client_produced_bytes_total{client_id="x",topic="y"}[1m]))`;
    edges.push({
      from,
      to,
      bytes_per_second: bytes,
      records_per_second: bytes === null ? null : bytes / 300,
      lag_records: lag,
      promql: from.startsWith("rest:") || to.startsWith("rest:") ? "" : query,
    });
  };
  topics.forEach((topic, index) => {
    const bytes = weight(topic) * (1 + 0.1 * Math.sin(wobble + index));
    add(`client:${CLIENTS[index % 11] ?? ""}`, `topic:${topic}`, bytes);
    if (chance(topic, "two") > 0.6) {
      add(`client:${CLIENTS[(index + 3) % 11] ?? ""}`, `topic:${topic}`, bytes / 4);
    }
    add(`topic:${topic}`, `client:${CLIENTS[11 + (index % 7)] ?? ""}`, bytes * 1.1);
    if (chance(topic, "fan") > 0.5) {
      add(`topic:${topic}`, `client:data-lake-sink`, bytes * 1.1);
    }
    add(`topic:${topic}`, `group:${GROUPS[index % 6] ?? ""}`, null, Math.floor(chance(topic, "lag") * 9000));
  });
  add("rest:writers", "rest:topics", 410_000);
  add("rest:topics", "rest:readers", 380_000);
  add("rest:topics", "rest:groups", null, 5210);
  const sum = (id: string): number =>
    edges.reduce(
      (all, edge) => all + (edge.from === id || edge.to === id ? (edge.bytes_per_second ?? 0) : 0),
      0,
    );
  const readers = [...new Set(edges.filter((edge) => edge.from.startsWith("topic:")).map((edge) => edge.to))];
  const writers = [...new Set(edges.filter((edge) => edge.to.startsWith("topic:")).map((edge) => edge.from))];
  const made = (id: string): MapNode => {
    const [kind, name] = [id.slice(0, id.indexOf(":")), id.slice(id.indexOf(":") + 1)];
    const share =
      {
        "fraud-scores": 0.12,
        "payments.settled": 0.021,
        "payment-service": 0.03,
        "inventory-updates": 0.004,
        inventory: 0.004,
        "fraud-detector": 0.11,
      }[name] ?? 0;
    const lag = kind === "group" ? Math.floor(10 ** (chance(name, "lag") * 5.4)) : null;
    return node(kind as MapNode["of"], name, kind === "group" ? null : sum(id), {
      error_share: kind === "group" ? null : share,
      lag_records: lag,
      lag_promql: lag === null ? null : `sum(kafka_filter_group_lag_records{group="${name}"})`,
    });
  };
  const rest = (id: string, of: MapNode["of"], name: string, count: number): MapNode => ({
    ...node(of, name, of === "group" ? null : 395_000),
    id,
    kind: "rest",
    lag_records: of === "group" ? 5210 : null,
    error_share: null,
    count,
    promql: "",
  });
  return {
    kind: "map",
    id: "map",
    title: "Who talks to which topic",
    help: "Ribbons are as wide as the bytes each second. A Fetch does not name its group: the bytes are at the clients that read, and a group shows how far it is behind.",
    writers: [...writers.map(made), rest("rest:writers", "client", "31 other writers", 31)],
    topics: [
      ...topics.map((topic) => made(`topic:${topic}`)),
      rest("rest:topics", "topic", "183 other topics", 183),
    ],
    readers: [
      ...readers.map(made),
      rest("rest:readers", "client", "22 other readers", 22),
      rest("rest:groups", "group", "12 other groups", 12),
    ],
    edges,
    left_out: { writers: 31, topics: 183, readers: 34, bytes_per_second: 410_000 },
  };
}

/** What the server would answer for a page; `count` is how many topics there are. */
export function samplePage(name: string, key: string | null, at: number, count = 1000): Page {
  const wobble = at / 9;
  const title = PAGES.pages.find((page) => page.name === name)?.title ?? key ?? name;
  const page: Page = {
    name,
    title,
    key,
    at,
    window_seconds: 60,
    range_seconds: 900,
    reporter: "source-proxy",
    notes: [],
    tiles: [],
    panels: [],
    source: {
      kind: "direct",
      state: "ok",
      message: null,
      remedy: null,
      scrape_seconds: 10,
      age_seconds: 2,
      prometheus_url: "http://127.0.0.1:9090",
    },
  };
  page.tiles = [
    tile("Written", 8.4e6 * (1 + 0.03 * Math.sin(wobble)), "bytes_per_second"),
    tile("Read", 2.31e7, "bytes_per_second"),
    tile("Requests", 18_240, "requests_per_second"),
    tile("Errors", 0.84, "errors_per_second", "warning"),
    tile("p99 of Produce", 0.0312, "seconds"),
    tile("Largest lag", 48_211, "records", "error"),
    tile("Topics", 197, "count"),
  ];
  page.panels = panels(name, at, count, wobble);
  if (name === "health") {
    page.notes = [
      {
        tone: "warning",
        text: "The label client_id has reached its cap on 2 proxies: 41,000 events are counted as __other__.",
        remedy: "Raise labels.client_id.values_max, or rewrite the names with labels.client_id.rewrite.",
      },
    ];
  }
  return page;
}

function panels(name: string, at: number, count: number, wobble: number): Panel[] {
  const rate = (topic: string): number => weight(topic);
  switch (name) {
    case "map":
      return [mapPanel(wobble)];
    case "topics":
      return [
        table(
          "topics",
          "Topics",
          [
            column("topic", "Topic", "text", "topic"),
            column("written", "Written", "bytes_per_second"),
            column("records", "Records", "records_per_second"),
            column("read", "Read", "bytes_per_second"),
            column("read_records", "Records read", "records_per_second"),
            column("p50", "p50", "seconds"),
            column("p99", "p99", "seconds"),
            column("errors", "Errors", "errors_per_second"),
            column("lag", "Lag", "records"),
            column("compression", "Compression", "text"),
          ],
          topicRows(count, wobble),
        ),
        lines("written", "Written, by topic", "bytes_per_second", TOPICS, at, rate, true),
        lines(
          "latency",
          "Produce latency, p99",
          "seconds",
          TOPICS.slice(0, 4),
          at,
          (topic) => 0.01 + chance(topic, "l") * 0.05,
        ),
      ];
    case "topic":
    case "client":
    case "group":
      return [
        lines("rates", "Written and read", "bytes_per_second", ["written", "read"], at, (way) =>
          way === "read" ? 3.1e6 : 1.2e6,
        ),
        lines("latency", "Latency of Produce", "seconds", ["p50", "p99"], at, (way) =>
          way === "p50" ? 0.004 : 0.041,
        ),
        table(
          "writers",
          "Who writes",
          [
            column("client", "Client", "text", "client"),
            column("bytes", "Bytes", "bytes_per_second"),
            column("records", "Records", "records_per_second"),
            column("share", "Share", "share"),
          ],
          CLIENTS.slice(0, 4).map((client, index) => [
            client,
            9e5 / (index + 1),
            3000 / (index + 1),
            0.48 / (index + 1),
          ]),
        ),
        table(
          "errors",
          "Errors in this range",
          [
            column("error", "Error", "text"),
            column("request", "Request", "text"),
            column("count", "Count", "count"),
          ],
          [
            [{ text: "NOT_LEADER_OR_FOLLOWER", tone: "warning" }, "Produce", 214],
            [{ text: "REQUEST_TIMED_OUT", tone: "error" }, "Produce", 12],
          ],
          2,
        ),
        bars("age", "Age of records when they are read", 82_000),
      ];
    case "clients":
      return [
        table(
          "clients",
          "Clients",
          [
            column("client", "Client", "text", "client"),
            column("written", "Written", "bytes_per_second"),
            column("read", "Read", "bytes_per_second"),
            column("requests", "Requests", "requests_per_second"),
            column("errors", "Errors", "errors_per_second"),
            column("library", "Library", "text"),
            column("ready", "Kafka 4", "text"),
          ],
          [...CLIENTS, ...HOSTILE].map((client) => [
            client,
            weight(client),
            weight(`${client}r`) * 2,
            chance(client, "q") * 900,
            chance(client, "e") > 0.8 ? 0.4 : 0,
            SOFTWARE[Math.floor(chance(client, "s") * 5)] ?? "",
            chance(client, "k") > 0.8
              ? { text: "not ready", tone: "error" }
              : { text: "ready", tone: "good" },
          ]),
        ),
      ];
    case "groups":
      return [
        table(
          "groups",
          "Groups",
          [
            column("group", "Group", "text", "group"),
            column("lag", "Lag", "records"),
            column("behind", "Behind", "seconds"),
            column("rebalances", "Rebalances", "count"),
            column("join", "Join p99", "seconds"),
            column("errors", "Errors", "errors_per_second"),
            column("state", "State", "text"),
          ],
          GROUPS.map((group) => [
            group,
            Math.floor(10 ** (chance(group, "lag") * 5)),
            chance(group, "b") * 400,
            Math.floor(chance(group, "r") * 5),
            chance(group, "j") * 4,
            0,
            chance(group, "r") > 0.7
              ? { text: "rebalancing", tone: "warning" }
              : { text: "steady", tone: "good" },
          ]),
        ),
        lines(
          "lag",
          "Lag, by group",
          "records",
          GROUPS,
          at,
          (group) => 10 ** (2 + chance(group, "lag") * 2.5),
        ),
      ];
    case "requests":
      return [
        {
          kind: "heat",
          id: "versions",
          title: "Requests by API and version",
          help: "Requests each second. Hatched: versions that brokers of Kafka 4 refuse.",
          unit: "requests_per_second",
          promql: `sum by (request, api_version) (rate(kafka_filter_requests_total[1m]))`,
          cell_promql: `sum by (request, api_version) (rate(kafka_filter_requests_total{request="$row", api_version="$column"}[1m]))`,
          row_title: "API",
          column_title: "version",
          rows: APIS,
          columns: Array.from({ length: 18 }, (_, index) => String(index)),
          values: APIS.map((api) =>
            Array.from({ length: 18 }, (_, v) =>
              chance(api, v) > 0.72 ? 10 ** (chance(api, v, 1) * 4.2 - 0.5) : null,
            ),
          ),
          marked: APIS.map((api) =>
            Array.from({ length: 18 }, (_, v) => v < 1 + Math.floor(chance(api, "floor") * 4)),
          ),
        },
        bars("produce", "Latency of Produce", 120_000),
        bars("fetch", "Latency of FetchConsumer", 51_000),
        lines(
          "errors",
          "Errors, by name",
          "errors_per_second",
          ["NOT_LEADER_OR_FOLLOWER", "REBALANCE_IN_PROGRESS", "THROTTLING_QUOTA_EXCEEDED"],
          at,
          (error) => error.length / 40,
        ),
      ];
    case "readiness":
      return readiness(at);
    default:
      return [
        table(
          "proxies",
          "Proxies",
          [
            column("proxy", "Proxy", "text"),
            column("state", "State", "text"),
            column("age", "Age", "seconds"),
            column("series", "Series", "count"),
            column("release", "Filter", "text"),
            column("kafka", "Kafka tables", "text"),
          ],
          Array.from({ length: 8 }, (_, index) => [
            `10.12.4.${String(10 + index)}:15090`,
            index === 5
              ? { text: "unreachable: connection refused", tone: "error" }
              : { text: "up", tone: "good" },
            index === 5 ? 214 : 3.2,
            index === 5 ? null : 4211 + index * 17,
            "0.1.0",
            "4.1.0",
          ]),
          2,
        ),
        lines(
          "opaque",
          "Connections not decoded, by reason",
          "per_second",
          ["tls", "not_kafka", "malformed"],
          at,
          (reason) => reason.length / 30,
          true,
        ),
        table(
          "absent",
          "Where the filter is missing",
          [column("proxy", "Proxy", "text"), column("why", "Why", "text")],
          [],
          0,
        ),
      ];
  }
}

function readiness(at: number): Panel[] {
  const by = ["client_id", "request", "api_version"];
  const refused = table(
    "refused",
    "Who speaks what Kafka 4 refuses",
    [
      column("client_id", "Client", "text", "client"),
      column("request", "Request", "text"),
      column("api_version", "Version", "text"),
      column("in_range", "In this range", "count", null, by),
      column("now", "Now", "requests_per_second", null, by),
      column("since", "Since", "time"),
      column("last", "Last seen", "time"),
      column("remedy", "What to do", "text"),
    ],
    CLIENTS.slice(3, 9).map((client, index) => [
      client,
      APIS[index] ?? "",
      String(index % 3),
      920 - index * 140,
      index === 0 ? 0 : 3.2 / index,
      index % 2 === 0 ? "before this range" : at - 600 + index * 90,
      index === 0 ? at - 300 : { text: "now", tone: "warning" },
      "Find the client by its address in Envoy's access log, and upgrade its library: the table below has the least release of each.",
    ]),
    3,
  );
  const software = table(
    "software",
    "Libraries that were seen",
    [
      column("software", "Library", "text"),
      column("software_version", "Version", "text"),
      column("connections", "Connections", "count", null, ["software", "software_version"]),
      column("kafka_4", "With Kafka 4", "text"),
    ],
    SOFTWARE.map((told, index) => [
      ...(told.split(" ") as [string, string]),
      90 - index * 11,
      index === 1 ? { text: "upgrade to 3.7 or newer", tone: "warning" } : { text: "works", tone: "good" },
    ]),
    2,
  );
  return [
    { ...refused, empty: "Nobody has spoken a version that brokers of Kafka 4 refuse within this range." },
    { ...software, empty: "No client has told its library in this range." },
  ];
}
