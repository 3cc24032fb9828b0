import { act, fireEvent, screen, within } from "@testing-library/preact";
import type uPlot from "uplot";
import type { Options } from "uplot";
import { beforeEach, describe, expect, it, vi } from "vitest";

import { HOSTILE } from "../dev/names";
import { samplePage } from "../dev/sample";
import type { BarsPanel, HeatPanel, LinesPanel, TablePanel } from "../src/api";
import { Bars } from "../src/panels/bars";
import { Heat } from "../src/panels/heat";
import { Lines } from "../src/panels/lines";
import { PanelQuery } from "../src/parts/panel_query";
import { Tiles } from "../src/parts/tiles";
import { show } from "./help";

/** What the chart was given: jsdom has no canvas to draw on. */
const charts = vi.hoisted(
  (): { options: unknown; data: unknown[][]; sets: unknown[][][]; gone: boolean }[] => [],
);
vi.mock("uplot", () => ({
  default: class FakeChart {
    own: (typeof charts)[number];
    data: unknown[][];
    width = 0;
    cursor = { idx: null };
    constructor(options: unknown, data: unknown[][]) {
      this.data = data;
      this.own = { options, data, sets: [], gone: false };
      charts.push(this.own);
    }
    setData(data: unknown[][]): void {
      this.own.sets.push(data);
    }
    setSeries(): void {
      return;
    }
    setSize(): void {
      return;
    }
    destroy(): void {
      this.own.gone = true;
    }
  },
}));
beforeEach(() => {
  charts.length = 0;
});

/** Moves the newest chart's cursor. */
function point(idx: number): void {
  const options = charts.at(-1)?.options as Options;
  options.hooks?.setCursor?.[0]?.({ cursor: { left: 1, idx } } as unknown as uPlot);
}

function panel<Kind extends "lines" | "bars" | "heat">(
  page: string,
  kind: Kind,
): Extract<LinesPanel | BarsPanel | HeatPanel, { kind: Kind }> {
  const found = samplePage(page, null, 1_800_000_000, 20).panels.find((candidate) => candidate.kind === kind);
  return found as Extract<LinesPanel | BarsPanel | HeatPanel, { kind: Kind }>;
}

describe("lines", () => {
  const small: LinesPanel = {
    ...panel("requests", "lines"),
    times: [1, 2, 3],
    stacked: false,
    left_out: 12,
    lines: [
      { name: "first", points: [1, 2, 3], promql: "first_query" },
      { name: "second", points: [10, null, 30], promql: "" },
    ],
  };

  it("are listed with their newest values, and with what is not drawn", () => {
    show(<Lines panel={small} />);
    const legend = screen.getByRole("list", { name: `Lines of ${small.title}` });
    expect(
      within(legend)
        .getAllByRole("listitem")
        .map((entry) => entry.dataset["value"]),
    ).toEqual(["3", "30"]);
    expect(screen.getByText("Not drawn: 12 smaller lines.")).toBeTruthy();
    expect(screen.getByRole("img").getAttribute("aria-label")).toContain("second: 30");
  });

  it("are stacked when asked, and hidden when pressed", () => {
    show(<Lines panel={small} />);
    expect(charts.at(-1)?.data).toEqual([
      [1, 2, 3],
      [1, 2, 3],
      [10, null, 30],
    ]);
    fireEvent.click(screen.getByRole("button", { name: "Stacked" }));
    expect(charts.at(-1)?.data).toEqual([
      [1, 2, 3],
      [1, 2, 3],
      [11, null, 33],
    ]);
    fireEvent.click(screen.getByRole("button", { name: "first" }));
    expect(charts.at(-1)?.sets.at(-1)).toEqual([
      [1, 2, 3],
      [null, null, null],
      [10, null, 30],
    ]);
    expect(screen.getByRole("button", { name: "first" }).getAttribute("aria-pressed")).toBe("false");
  });

  it("take new points without a new chart, and other lines with one", () => {
    const { again, unmount } = show(<Lines panel={small} />);
    again(<Lines panel={{ ...small, times: [2, 3, 4] }} />);
    expect(charts).toHaveLength(1);
    expect(charts[0]?.sets.at(-1)?.[0]).toEqual([2, 3, 4]);
    again(<Lines panel={{ ...small, lines: [{ name: "third", points: [7, 8, 9], promql: "" }] }} />);
    expect(charts).toHaveLength(2);
    expect(charts[0]?.gone).toBe(true);
    unmount();
    expect(charts[1]?.gone).toBe(true);
  });

  it("keep their chart, colours and places when the server has them in another order", () => {
    const { again, container } = show(<Lines panel={small} />);
    const [first, second] = small.lines;
    const third = { name: "third", points: [7, 8, 9], promql: "" };
    const names = (): (string | null)[] =>
      [...container.querySelectorAll(".legend-name bdi")].map((name) => name.textContent);
    again(<Lines panel={{ ...small, lines: [second, first].filter((line) => line !== undefined) }} />);
    expect(names()).toEqual(["first", "second"]);
    again(<Lines panel={{ ...small, lines: [third, second].filter((line) => line !== undefined) }} />);
    expect(names()).toEqual(["third", "second"]);
    expect(charts).toHaveLength(1);
    expect(charts[0]?.sets.at(-1)).toEqual([
      [1, 2, 3],
      [7, 8, 9],
      [10, null, 30],
    ]);
  });

  it("say when the last one is the smaller ones together", () => {
    show(<Lines panel={{ ...small, summed: true }} />);
    expect(screen.getByText("The last line is 12 smaller lines together.")).toBeTruthy();
  });

  it("have a query each, and of an earlier point say that it is one", () => {
    const { asked, container } = show(<Lines panel={small} />);
    const value = (): Element | null => container.querySelector('[data-line="first"] button.num');
    expect(container.querySelector('[data-line="second"] button.num')).toBeNull();
    fireEvent.click(value() ?? container);
    expect(asked[0]).toMatchObject({ promql: "first_query", value: 3, past: false });
    void act(() => {
      point(1);
    });
    fireEvent.click(value() ?? container);
    expect(asked[1]).toMatchObject({ promql: "first_query", value: 2, past: true });
    void act(() => {
      point(2);
    });
    fireEvent.click(value() ?? container);
    expect(asked[2]).toMatchObject({ value: 3, past: false });
  });

  it("say so when the range has none", () => {
    show(<Lines panel={{ ...small, lines: [], times: [] }} />);
    expect(screen.getByText(/Nothing in this range/)).toBeTruthy();
    expect(charts).toHaveLength(0);
  });

  it("have names of strangers as text", () => {
    const { container } = show(
      <Lines panel={{ ...small, lines: HOSTILE.map((name) => ({ name, points: [1, 2, 3], promql: "" })) }} />,
    );
    expect(container.querySelector("img:not([role]), script")).toBeNull();
    expect([...container.querySelectorAll(".legend-name bdi")].map((name) => name.textContent)).toEqual(
      HOSTILE,
    );
  });
});

describe("a heat map", () => {
  it("is a table with its numbers, and says which versions Kafka 4 refuses", () => {
    const heat = panel("requests", "heat");
    heat.rows = ["Produce"];
    heat.columns = ["2", "9"];
    heat.values = [[5, null]];
    heat.marked = [[true, false]];
    const { asked } = show(<Heat panel={heat} />);
    const row = screen.getByRole("row", { name: /Produce/ });
    const cells = within(row).getAllByRole("cell");
    expect(cells[0]?.textContent).toContain("5");
    expect(cells[0]?.textContent).toContain("refused by Kafka 4");
    expect(cells[0]?.classList.contains("marked")).toBe(true);
    expect(cells[1]?.textContent).toBe("");
    fireEvent.click(within(row).getByRole("button"));
    expect(asked[0]).toMatchObject({ value: 5, title: "Produce, version 2" });
    expect(asked[0]?.promql).toContain('{request="Produce", api_version="2"}');
  });
});

describe("a heat map without rows", () => {
  const heat = { ...panel("requests", "heat"), rows: [], values: [], marked: [] };

  it("says that there are no requests", () => {
    show(<Heat panel={heat} />);
    expect(screen.getByText("No requests in this range.")).toBeTruthy();
  });

  it("says of a search only that it finds nothing", () => {
    const { container } = show(<Heat panel={heat} />, "/requests?search=nix");
    expect(container.textContent).toContain("Nothing here has “nix”.");
    expect(container.textContent).not.toContain("No requests");
  });
});

describe("a distribution", () => {
  it("has a bar for each bucket that a screen reader reads, and marks with numbers", () => {
    const { asked } = show(<Bars panel={panel("requests", "bars")} />);
    const bar = screen.getByRole("button", { name: /^10 ms: [\d.]+\sk, [\d.]+\s%$/ });
    fireEvent.click(bar);
    expect(asked[0]).toMatchObject({ unit: "count" });
    expect(asked[0]?.promql).toMatch(/le="10000".* - .*le="5000"/);
    expect(screen.getByText("p99").closest("[data-mark]")?.getAttribute("data-value")).toBe("0.081");
  });

  it("has no button for a bar without a query", () => {
    const bars = panel("requests", "bars");
    bars.bars = bars.bars.map((bar) => ({ ...bar, promql: "" }));
    const { container } = show(<Bars panel={bars} />);
    expect(container.querySelector("button.bar")).toBeNull();
    expect(container.querySelector('[data-bar="10 ms"]')?.textContent).toContain("10 ms: ");
  });

  it("says when nothing was measured", () => {
    show(
      <Bars
        panel={{ ...panel("requests", "bars"), bars: [{ label: "1 s", up_to: 1, count: 0, promql: "" }] }}
      />,
    );
    expect(screen.getByText(/Nothing was measured/)).toBeTruthy();
  });
});

describe("the query of a whole panel", () => {
  it("is there for a chart, without a number that it would give", () => {
    const chart = panel("requests", "bars");
    const { asked } = show(<PanelQuery panel={chart} />);
    fireEvent.click(screen.getByRole("button", { name: `PromQL of ${chart.title}` }));
    expect(asked[0]).toMatchObject({ value: undefined, promql: chart.promql, title: chart.title });
  });

  it("is not there for a table, whose numbers have one each", () => {
    const { container } = show(<PanelQuery panel={samplePage("topics", null, 1).panels[0] as TablePanel} />);
    expect(container.textContent).toBe("");
  });
});

describe("tiles", () => {
  it("say their tone in words, and open their query", () => {
    const { asked } = show(<Tiles tiles={samplePage("topics", null, 1).tiles} />);
    const errors = document.querySelector<HTMLElement>('[data-tile="Errors"]');
    expect(errors?.textContent).toContain("(warning)");
    fireEvent.click(within(errors ?? document.body).getByRole("button"));
    expect(asked[0]).toMatchObject({ title: "Errors", value: 0.84 });
  });

  it("show a dash for what is not known", () => {
    const tile = samplePage("topics", null, 1)
      .tiles.slice(0, 1)
      .map((one) => ({ ...one, value: null }));
    show(<Tiles tiles={tile} />);
    expect(screen.getByRole("listitem").textContent).toContain("–");
    expect(screen.getByRole("listitem").dataset["value"]).toBe("");
  });
});
