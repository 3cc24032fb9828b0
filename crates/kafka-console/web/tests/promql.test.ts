import { describe, expect, it } from "vitest";

import { HOSTILE } from "../dev/names";
import { escapeValue, forCell, forRow, prometheusLink } from "../src/promql";

const TEMPLATE = 'sum by (topic) (rate(kafka_filter_topic_produced_bytes_total{topic="$row"}[1m]))';

/** Reads a double-quoted PromQL string as Prometheus does, and gives its value and what follows it. */
function unquote(query: string): { value: string; rest: string } {
  let value = "";
  let at = query.indexOf('"') + 1;
  while (at < query.length && query[at] !== '"') {
    if (query[at] !== "\\") {
      value += query[at] ?? "";
      at += 1;
      continue;
    }
    const next = query[at + 1] ?? "";
    if (next === "x") {
      value += String.fromCharCode(Number.parseInt(query.slice(at + 2, at + 4), 16));
      at += 4;
    } else {
      value += { n: "\n", r: "\r", t: "\t" }[next] ?? next;
      at += 2;
    }
  }
  return { value, rest: query.slice(at + 1) };
}

describe("a row's query", () => {
  it("has the row's label value", () => {
    expect(forRow(TEMPLATE, ["orders"])).toContain('{topic="orders"}');
  });

  it.each([
    ['a"b', String.raw`a\"b`],
    ["a\\", String.raw`a\\`],
    ["a\nb", String.raw`a\nb`],
    ["a\u0007b", String.raw`a\x07b`],
    ["a\u007fb", String.raw`a\x7fb`],
    ["$&", "$&"],
    ["$row", "$row"],
    ["שלום", "שלום"],
  ])("escapes %j", (value, expected) => {
    expect(escapeValue(value)).toBe(expected);
  });

  it("cannot be left by any name", () => {
    const names = [
      ...HOSTILE,
      '"} or vector(1) #',
      '\\"} or vector(1) #',
      "\\\\",
      "$row$row",
      "`'`",
      "\u0000",
      "x".repeat(249),
    ];
    for (const name of names) {
      const { value, rest } = unquote(forRow(TEMPLATE, [name]));
      expect(value).toBe(name);
      expect(rest).toBe("}[1m]))");
    }
  });

  it("stays as it is without a row in it", () => {
    expect(forRow("sum(up)", ['"'])).toBe("sum(up)");
  });

  it("has the texts of up to three cells, none of which is a pattern", () => {
    const query = 'x{a="$row", b="$row2", c="$row3"}';
    expect(forRow(query, ["one", 'two"', "3"])).toBe('x{a="one", b="two\\"", c="3"}');
    expect(forRow(query, ["$row2", "$row3$row", "$column"])).toBe('x{a="$row2", b="$row3$row", c="$column"}');
  });
});

describe("a cell's query", () => {
  it("has the names of its row and column", () => {
    const query = 'x{a="$row", b="$column"}';
    expect(forCell(query, "Fetch", "4")).toBe('x{a="Fetch", b="4"}');
    expect(forCell(query, "$column", '"')).toBe('x{a="$column", b="\\""}');
  });
});

describe("the link to Prometheus", () => {
  it("has the query and keeps the path of the address", () => {
    const link = new URL(prometheusLink("https://metrics.example/prometheus/", 'up{job="a b&c"}') ?? "");
    expect(link.origin + link.pathname).toBe("https://metrics.example/prometheus/graph");
    expect(link.searchParams.get("g0.expr")).toBe('up{job="a b&c"}');
  });

  it.each(["javascript:alert(1)//", "data:text/html,x", "not an address", "//other", "file:///etc/passwd"])(
    "is none for %s",
    (base) => {
      expect(prometheusLink(base, "up")).toBeNull();
    },
  );

  it("is none without an address or a query", () => {
    expect(prometheusLink(null, "up")).toBeNull();
    expect(prometheusLink("https://metrics.example", "")).toBeNull();
  });
});
