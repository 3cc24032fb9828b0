import { fireEvent, screen, within } from "@testing-library/preact";
import { describe, expect, it } from "vitest";

import { HOSTILE } from "../dev/names";
import { samplePage } from "../dev/sample";
import type { MapPanel } from "../src/api";
import { FlowMap } from "../src/panels/map";
import { show } from "./help";

function sample(): MapPanel {
  return samplePage("map", null, 1_800_000_000).panels[0] as MapPanel;
}

describe("the map", () => {
  it("has each thing as a link in a list, for the keyboard and for who does not see it", () => {
    show(<FlowMap panel={sample()} />, "/map?range=1h");
    const topics = screen.getByRole("list", { name: "Topics" });
    expect(within(topics).getByRole("link", { name: "orders" }).getAttribute("href")).toBe(
      "/topics/orders?range=1h",
    );
    const readers = screen.getByRole("list", { name: "Readers and groups" });
    expect(
      within(readers)
        .getByRole("link", { name: /data-lake$/ })
        .getAttribute("href"),
    ).toBe("/groups/data-lake?range=1h");
    expect(within(topics).getByRole("link", { name: "183 other topics" }).getAttribute("href")).toBe(
      "/topics?range=1h",
    );
  });

  it("says its flows in words", () => {
    const panel = sample();
    show(<FlowMap panel={panel} />);
    const words = screen.getByRole("table", { name: `Flows of ${panel.title}` });
    expect(within(words).getAllByRole("row")).toHaveLength(panel.edges.length + 1);
  });

  it("shows errors and lag in numbers, not by colour alone", () => {
    const { container } = show(<FlowMap panel={sample()} />);
    const errors = container.querySelector('[data-node="topic:fraud-scores"] .badge');
    expect(errors?.textContent).toMatch(/12\s*%\s*errors/);
    expect(container.querySelector('[data-node="group:data-lake"]')?.textContent).toMatch(/lag \d/);
  });

  it("lights up what belongs to the box that is pointed at or has the focus", () => {
    const { container } = show(<FlowMap panel={sample()} />);
    const box = container.querySelector('[data-node="topic:orders"]');
    fireEvent.mouseEnter(box ?? container);
    const lit = [...container.querySelectorAll(".ribbon.lit")].map(
      (ribbon) => ribbon.getAttribute("data-edge") ?? "",
    );
    expect(lit.length).toBeGreaterThan(1);
    expect(lit.every((id) => id.includes("topic:orders"))).toBe(true);
    expect(container.querySelector(".map-readout")?.textContent).toContain("orders");
  });

  it("opens the query of a box and of a ribbon", () => {
    const { container, asked } = show(<FlowMap panel={sample()} />);
    fireEvent.click(container.querySelector('[data-node="topic:orders"] button') ?? container);
    fireEvent.click(container.querySelector(".ribbon:not(.dashed)") ?? container);
    expect(asked).toHaveLength(2);
    expect(asked[1]?.title).toMatch(/^\u2068client \S+\u2069 → \u2068topic \S+\u2069$/);
    expect(
      asked.every((question) => question.promql.startsWith("sum(") && typeof question.value === "number"),
    ).toBe(true);
  });

  it("gives groups their lag and no bytes, also those that are drawn together", () => {
    const { asked, container } = show(<FlowMap panel={sample()} />);
    const rest = container.querySelector<HTMLElement>('[data-node="rest:groups"]');
    expect(rest?.textContent).toMatch(/^12 other groupslag 5\.21\sk$/);
    expect(rest?.querySelector("a")?.getAttribute("href")).toBe("/groups");
    fireEvent.mouseEnter(container.querySelector('[data-node="group:data-lake"]') ?? container);
    const readout = container.querySelector(".map-readout")?.textContent;
    expect(readout).toMatch(/^group data-lakelag [\d.]+\s(k\s)?records/);
    expect(readout).not.toContain("B/s");
    fireEvent.click(container.querySelector('[data-edge$="group:data-lake"]') ?? container);
    expect(asked[0]).toMatchObject({ unit: "records", promql: expect.stringContaining("lag") as string });
    expect(asked[0]?.value).toBeTypeOf("number");
  });

  it("asks nothing of a ribbon that no query gives", () => {
    const { asked, container } = show(<FlowMap panel={sample()} />);
    const ribbon = container.querySelector('[data-edge="rest:writers|rest:topics"]');
    expect(ribbon?.classList.contains("silent")).toBe(true);
    fireEvent.click(ribbon ?? container);
    expect(asked).toEqual([]);
  });

  it("names what it left out", () => {
    show(<FlowMap panel={sample()} />);
    expect(screen.getByText(/31 writing clients, 183 topics, 34 readers are drawn together/)).toBeTruthy();
  });

  it("is a table for who prefers one", () => {
    const panel = sample();
    show(<FlowMap panel={panel} />);
    fireEvent.click(screen.getByRole("button", { name: "Table" }));
    expect(screen.getByRole("columnheader", { name: "From" })).toBeTruthy();
    expect(screen.queryByRole("list", { name: "Topics" })).toBeNull();
  });

  it("has the flows of most bytes first in its table, and those of no bytes last", () => {
    show(<FlowMap panel={sample()} />);
    fireEvent.click(screen.getByRole("button", { name: "Table" }));
    const bytes = [...document.querySelectorAll("[data-column=bytes]")].map((cell) =>
      Number(cell.getAttribute("data-value") ?? -1),
    );
    expect(bytes.length).toBeGreaterThan(10);
    expect(bytes).toEqual(bytes.toSorted((a, b) => b - a));
  });

  it("says in its table what each end is, and has the query of each flow", () => {
    const panel = sample();
    // Few enough that all are drawn.
    panel.edges = [...panel.edges.slice(0, 4), ...panel.edges.slice(-3)];
    const { asked } = show(<FlowMap panel={panel} />);
    fireEvent.click(screen.getByRole("button", { name: "Table" }));
    const row = (from: RegExp, to: string): HTMLElement => {
      const found = screen
        .getAllByRole("row", { name: from })
        .find((one) => one.querySelector("[data-column=to]")?.textContent === to);
      if (found === undefined) {
        throw new Error(`no row to ${to}`);
      }
      return found;
    };
    const lag = row(/^topic orders/, "group fraud-detector-v3");
    expect(lag.querySelector("[data-column=bytes]")?.textContent).toBe("–");
    fireEvent.click(lag.querySelector("[data-column=lag] button") ?? lag);
    const bytes = row(/^client checkout/, "topic orders");
    fireEvent.click(bytes.querySelector("[data-column=bytes] button") ?? bytes);
    expect(asked.map(({ unit }) => unit)).toEqual(["records", "bytes_per_second"]);
    expect(asked[0]?.promql).toContain("group_lag");
    const rest = row(/^31 other writers/, "183 other topics");
    expect(rest.querySelector("button")).toBeNull();
    expect(rest.querySelector("[data-column=bytes]")?.getAttribute("data-value")).toBe("410000");
  });

  it("says what to do when nothing flows", () => {
    show(<FlowMap panel={{ ...sample(), writers: [], topics: [], readers: [], edges: [] }} />);
    expect(screen.getByText(/No traffic in this window/)).toBeTruthy();
  });

  it("does not deny traffic that a search has hidden", () => {
    show(
      <FlowMap panel={{ ...sample(), writers: [], topics: [], readers: [], edges: [] }} />,
      "/map?search=nix",
    );
    expect(screen.getByText(/Nothing here has/).textContent).toContain("“nix”");
    expect(screen.queryByText(/No traffic/)).toBeNull();
  });

  it("shows names of strangers as text", () => {
    const panel = sample();
    panel.topics = panel.topics.map((topic, index) => ({
      ...topic,
      name: HOSTILE[index % HOSTILE.length] ?? "",
    }));
    const { container } = show(<FlowMap panel={panel} />);
    expect(container.querySelector("img, script")).toBeNull();
    for (const name of HOSTILE) {
      expect(within(screen.getByRole("list", { name: "Topics" })).getAllByText(name).length).toBeGreaterThan(
        0,
      );
    }
  });
});
