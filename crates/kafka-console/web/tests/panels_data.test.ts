import { describe, expect, it } from "vitest";

import { samplePage } from "../dev/sample";
import type { Bar, Cell, Column, Line, LinesPanel, TablePanel } from "../src/api";
import { place, trim } from "../src/panels/bars_data";
import { heatBounds, heatStep } from "../src/panels/heat_scale";
import {
  binarySplits,
  keepPlaces,
  keptLines,
  latest,
  stack,
  summary,
  timeSplits,
} from "../src/panels/lines_data";
import { lineColour, lineDash } from "../src/panels/palette";
import { textWidth } from "../src/parts/text_width";
import { columnWidths, isNarrow } from "../src/panels/table_widths";

describe("places of lines", () => {
  const lines = (...names: string[]): Line[] => names.map((name) => ({ name, points: [], promql: "" }));
  const kept = (before: string[], ...now: string[]): string[] =>
    keepPlaces(before, lines(...now)).map((line) => line.name);

  it("are those of the server at first, and then those that they had", () => {
    expect(kept([], "a", "b", "c")).toEqual(["a", "b", "c"]);
    expect(kept(["a", "b", "c"], "c", "a", "b")).toEqual(["a", "b", "c"]);
  });

  it("go to newcomers when lines are gone, and close up when there are fewer", () => {
    expect(kept(["a", "b", "c"], "d", "c", "a")).toEqual(["a", "d", "c"]);
    expect(kept(["a", "b", "c"], "c", "a")).toEqual(["a", "c"]);
    expect(kept(["a"], "x", "a", "y")).toEqual(["a", "x", "y"]);
  });
});

describe("the line of all others", () => {
  it("stays the last, whatever comes and goes", () => {
    const panel = samplePage("topics", null, 1).panels[1] as LinesPanel;
    const line = (name: string): Line => ({ name, points: [], promql: "" });
    const now = { ...panel, summed: true, lines: ["c", "x", "13 others"].map(line) };
    expect(keptLines(["c", "b", "12 others"], now).map(({ name }) => name)).toEqual(["c", "x", "13 others"]);
    const alone = { ...panel, summed: false, lines: ["x", "b"].map(line) };
    expect(keptLines(["b", "c"], alone).map(({ name }) => name)).toEqual(["b", "x"]);
  });
});

describe("a column of times", () => {
  it("has room for a date, and its time below it", () => {
    const panel = samplePage("readiness", null, 1).panels[0] as TablePanel;
    const since = panel.columns.findIndex((column) => column.unit === "time");
    const wanted = textWidth("2026-05-16");
    expect(since).toBeGreaterThan(0);
    expect(columnWidths(panel, 0)[since]).toBeGreaterThan(wanted + 26);
  });
});

describe("widths of cells with a unit of their own", () => {
  it("follow from the units and not from the numbers", () => {
    const panel = samplePage("topics", null, 1, 3).panels[0] as TablePanel;
    const width = (value: number): number | undefined =>
      columnWidths({ ...panel, rows: [["t", { value, unit: "time", promql: "", tone: "plain" }]] }, 0)[1];
    expect(width(1)).toBe(width(1_800_000_000));
    expect(width(1)).toBeGreaterThan(columnWidths(panel, 0)[1] ?? 0);
  });
});

describe("lines", () => {
  it("stand on each other, and a gap carries nothing", () => {
    expect(
      stack([
        [1, null, 3],
        [10, 20, null],
        [100, 200, 300],
      ]),
    ).toEqual([
      [1, null, 3],
      [11, 20, null],
      [111, 220, 303],
    ]);
  });

  it("have their newest value, and no older one in its place", () => {
    expect(latest([1, 2])).toBe(2);
    expect(latest([1, null])).toBeNull();
    expect(latest([])).toBeNull();
  });

  it("say in words what they draw", () => {
    const panel = {
      title: "Lag",
      lines: [
        { name: "a", points: [1, 2] },
        { name: "b", points: [null] },
      ],
    } as LinesPanel;
    expect(summary(panel, (value) => String(value))).toBe("Lag. Latest values: a: 2; b: null.");
  });

  it("differ by colour or dash", () => {
    for (const dark of [true, false]) {
      const looks = Array.from(
        { length: 8 },
        (_, index) => `${lineColour(index, dark)} ${lineDash(index).join()}`,
      );
      expect(new Set(looks).size).toBe(8);
    }
    expect(new Set([0, 1, 2, 3].map((index) => lineDash(index).join())).size).toBe(4);
  });

  it("have axes of whole KiB and MiB", () => {
    expect(binarySplits(0, 5000)).toEqual([0, 1024, 2048, 3072, 4096]);
    expect(binarySplits(0, 3)).toEqual([0, 1, 2, 3]);
  });

  it("have axes of round times", () => {
    expect(timeSplits(0, 0.34)).toEqual([0, 0.1, 0.2, 0.3]);
    expect(timeSplits(0, 42)).toEqual([0, 10, 20, 30, 40]);
    expect(timeSplits(0, 420)).toEqual([0, 120, 240, 360]);
    expect(timeSplits(0, 9000)).toEqual([0, 1800, 3600, 5400, 7200, 9000]);
    expect(timeSplits(0, 0).length).toBeLessThan(8);
  });
});

describe("a heat map", () => {
  it("has a step for each order of magnitude below the largest", () => {
    expect([null, 0, -1].map((value) => heatStep(value, 1000))).toEqual([0, 0, 0]);
    const steps = [0.0001, 0.05, 0.5, 5, 50, 500, 1000].map((value) => heatStep(value, 1000));
    expect(steps).toEqual([1, 1, 2, 3, 4, 5, 5]);
    expect(heatBounds(1000)).toEqual([0.01, 0.1, 1, 10, 100]);
    expect(heatStep(3, 0)).toBe(0);
  });
});

describe("a distribution", () => {
  const bars: Bar[] = [
    { label: "1", up_to: 1, count: 0 },
    { label: "2", up_to: 2, count: 0 },
    { label: "4", up_to: 4, count: 10 },
    { label: "8", up_to: 8, count: 5 },
    { label: "16", up_to: 16, count: 0 },
    { label: "more", up_to: null, count: 0 },
  ].map((bar) => ({ ...bar, promql: "" }));

  it("leaves out empty ends but for one bar", () => {
    const span = trim(bars);
    expect(span.bars.map((bar) => bar.label)).toEqual(["2", "4", "8", "16"]);
    expect(span.from).toBe(1);
    expect(trim(bars.slice(0, 2)).bars).toEqual([]);
  });

  it("places a value among its bars", () => {
    const span = trim(bars);
    expect(place(span, 2)).toBe(1 / 4);
    expect(place(span, 3)).toBe(1.5 / 4);
    expect(place(span, 8)).toBe(3 / 4);
    expect(place(span, 0)).toBe(0);
    expect(place(span, 99)).toBe(1);
    expect(place({ bars: [{ label: "more", up_to: null, count: 2, promql: "" }], from: 0 }, 5)).toBe(0);
    expect(place({ bars: [], from: 0 }, 5)).toBeNull();
  });
});

describe("widths of a table", () => {
  const column = (unit: Column["unit"]): Column => ({
    key: unit,
    title: "T",
    unit,
    help: "",
    promql: null,
    link: null,
  });
  const table = (columns: Column[], rows: Cell[][]): TablePanel => ({
    kind: "table",
    id: "t",
    title: "T",
    help: "",
    columns,
    rows,
    left_out: 0,
    empty: "",
    sort: { column: 0, descending: false },
  });

  it("do not depend on numbers", () => {
    const columns = [column("text"), column("bytes_per_second")];
    expect(columnWidths(table(columns, [["a", 1]]), 900)).toEqual(
      columnWidths(table(columns, [["a", 1e15]]), 900),
    );
  });

  it("fit where texts can give way, and give long texts room where there is some", () => {
    const panel = table([column("text"), column("text"), column("count")], [["a", "why ".repeat(60), 1]]);
    const sum = (available: number): number =>
      columnWidths(panel, available).reduce((all, width) => all + width, 0);
    expect(sum(500)).toBeLessThanOrEqual(500);
    expect(columnWidths(panel, 1400)[1]).toBeGreaterThan(columnWidths(panel, 600)[1] ?? 0);
    expect(sum(1400)).toBeLessThanOrEqual(1400);
  });

  it("know which tables are small", () => {
    expect(isNarrow(table([column("text"), column("count")], []))).toBe(true);
    const topics = samplePage("topics", null, 1, 20).panels[0];
    expect(topics?.kind === "table" && isNarrow(topics)).toBe(false);
  });
});
