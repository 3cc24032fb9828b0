import { describe, expect, it } from "vitest";

import type { Cell } from "../src/api";
import { cellText, filterRows, slice, sortRows, topOf, toRows } from "../src/panels/table_rows";

function names(rows: { cells: Cell[] }[]): string[] {
  return rows.map((row) => cellText(row.cells[0]));
}

describe("sorting", () => {
  const rows = toRows([
    ["topic-10", 5, { text: "b", tone: "good" }],
    ["topic-9", null, null],
    ["Topic-1", 5, { text: "a", tone: "error" }],
    ["other", 70, ""],
  ]);

  it("goes by numbers, with what has none at the end both ways", () => {
    expect(names(sortRows(rows, 1, true))).toEqual(["other", "topic-10", "Topic-1", "topic-9"]);
    expect(names(sortRows(rows, 1, false))).toEqual(["topic-10", "Topic-1", "other", "topic-9"]);
  });

  it("goes by texts as people count", () => {
    expect(names(sortRows(rows, 0, false))).toEqual(["other", "Topic-1", "topic-9", "topic-10"]);
  });

  it("goes by the text of a cell with a tone", () => {
    expect(names(sortRows(rows, 2, false)).slice(0, 2)).toEqual(["Topic-1", "topic-10"]);
  });

  it("leaves what it was given as it was", () => {
    sortRows(rows, 1, true);
    expect(names(rows)).toEqual(["topic-10", "topic-9", "Topic-1", "other"]);
  });
});

describe("sorting of cells that have a unit of their own, and of times", () => {
  const measured = (value: number | null): Cell => ({ value, unit: "records", promql: "", tone: "plain" });

  it("goes by their numbers, with words after them and nothing at the end", () => {
    const rows = toRows([
      ["none", measured(null)],
      ["words", "as many as there are"],
      ["ten", measured(10)],
      ["nine", 9],
    ]);
    expect(names(sortRows(rows, 1, false))).toEqual(["nine", "ten", "words", "none"]);
    expect(names(sortRows(rows, 1, true))).toEqual(["words", "ten", "nine", "none"]);
  });

  it("takes a time before the range for the oldest, and now for the newest", () => {
    const rows = toRows([
      ["late", 1_800_000_100],
      ["old", "before this range"],
      ["never", null],
      ["now", { text: "now", tone: "warning" }],
      ["early", 1_800_000_000],
    ]);
    expect(names(sortRows(rows, 1, false, "time"))).toEqual(["old", "early", "late", "now", "never"]);
    expect(names(sortRows(rows, 1, true, "time"))).toEqual(["now", "late", "early", "old", "never"]);
  });

  it("finds no row by them", () => {
    expect(filterRows(toRows([["a", measured(7)]]), "7")).toEqual([]);
    expect(filterRows(toRows([["a7", measured(1)]]), "7")).toHaveLength(1);
  });
});

describe("the key of a row", () => {
  it("is of all labels that it begins with, so that an update takes no row for another", () => {
    const [a, b]: Cell[][] = [
      ["checkout", "Produce", 3],
      ["checkout", "Fetch", 1],
    ];
    const keys = (...rows: (Cell[] | undefined)[]): string[] =>
      toRows(rows.filter((row) => row !== undefined)).map(({ key }) => key);
    expect(keys(b, a)).toEqual(keys(a, b).toReversed());
    expect(new Set(keys(a, a)).size).toBe(2);
  });
});

describe("searching", () => {
  const rows = toRows([
    ["Payments", 12, { text: "NOT_LEADER", tone: "error" }],
    ["orders", 120, null],
  ]);

  it("finds a part of any text, in any case", () => {
    expect(names(filterRows(rows, " paY "))).toEqual(["Payments"]);
    expect(names(filterRows(rows, "leader"))).toEqual(["Payments"]);
    expect(names(filterRows(rows, ""))).toEqual(["Payments", "orders"]);
  });

  it("does not search numbers, and takes no pattern for one", () => {
    expect(filterRows(rows, "12")).toEqual([]);
    expect(filterRows(rows, ".*")).toEqual([]);
  });
});

describe("keys", () => {
  it("tell rows with the same name apart", () => {
    const keys = toRows([["a"], ["a"], ["b"]]).map((row) => row.key);
    expect(new Set(keys).size).toBe(3);
  });
});

describe("what is drawn", () => {
  const rows = toRows(Array.from({ length: 1000 }, (_, index) => [`topic-${index}`]));
  const heights = new Map<string, number>();

  it("is the rows in sight and a few around them", () => {
    expect(slice(rows, heights, 30, 0, 600, 5)).toEqual({ first: 0, end: 25, above: 0, below: 975 * 30 });
    const middle = slice(rows, heights, 30, 15_000, 600, 5);
    expect(middle).toEqual({ first: 495, end: 525, above: 495 * 30, below: 475 * 30 });
  });

  it("reaches the end, also when the list has become shorter", () => {
    for (const scrolled of [29_400, 1_000_000]) {
      const last = slice(rows, heights, 30, scrolled, 600, 5);
      expect([last.end, last.below]).toEqual([1000, 0]);
      expect(last.first).toBe(975);
    }
    expect(slice([], heights, 30, 500, 600)).toEqual({ first: 0, end: 0, above: 0, below: 0 });
  });

  it("goes by heights as they were measured, and never changes the whole", () => {
    const tall = new Map(rows.slice(0, 10).map((row) => [row.key, 120]));
    for (const scrolled of [0, 300, 1200, 5000, 30_000]) {
      const part = slice(rows, tall, 30, scrolled, 600, 3);
      const drawn = rows.slice(part.first, part.end).reduce((sum, row) => sum + (tall.get(row.key) ?? 30), 0);
      expect(part.above + drawn + part.below).toBe(10 * 120 + 990 * 30);
      expect(part.above).toBeLessThanOrEqual(scrolled);
    }
    expect(topOf(rows, tall, 30, 12)).toBe(10 * 120 + 2 * 30);
  });
});
