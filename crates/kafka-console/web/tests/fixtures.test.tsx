/** Pages that the server's own tests have written are drawn whole: the contract holds on both sides. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it, vi } from "vitest";

import type { Page, Panel } from "../src/api";
import { PageView } from "../src/page";
import { isMeasured } from "../src/panels/table_rows";
import { SourceBanner } from "../src/parts/notes";
import { sentence } from "../src/sentence";
import { show } from "./help";

vi.mock("uplot", () => ({
  default: class {
    setData(): void {
      return;
    }
    destroy(): void {
      return;
    }
  },
}));

const FOLDER = join(import.meta.dirname, "../src/fixtures");
const NAMES = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));

function fixture(name: string): Page {
  return JSON.parse(readFileSync(join(FOLDER, name), "utf8")) as Page;
}

/** How many numbers a panel shows, each of which has to say what it is. */
function numbers(panel: Panel): number {
  switch (panel.kind) {
    case "table":
      return panel.rows
        .slice(0, 60)
        .flat()
        .filter((cell) => typeof cell === "number" || isMeasured(cell)).length;
    case "lines":
      return panel.times.length === 0 ? 0 : panel.lines.length;
    case "heat":
      return panel.values.flat().filter((value) => value !== null).length;
    case "bars":
      return panel.bars.some((bar) => bar.count > 0) ? panel.marks.length : 0;
    case "map":
      return panel.writers.length + panel.topics.length + panel.readers.length;
  }
}

describe("pages of the server", () => {
  it("are there", () => {
    expect(NAMES.length).toBeGreaterThan(9);
  });

  it.each(NAMES)("%s is drawn, and each of its numbers opens its query", (name) => {
    const page = fixture(name);
    const { container } = show(<PageView page={page} />, `/${page.name}`);
    for (const panel of page.panels) {
      const drawn = container.querySelector(`[data-panel="${panel.id}"]`);
      expect(drawn, panel.id).not.toBeNull();
      expect(drawn?.querySelectorAll(".num").length, panel.id).toBeGreaterThanOrEqual(numbers(panel));
      expect(drawn?.textContent).not.toMatch(/newer release|undefined|NaN|\[object/);
    }
    expect(container.querySelectorAll("[data-tile]")).toHaveLength(page.tiles.length);
    expect(container.querySelector("img, script, iframe")).toBeNull();
    // Counts of the console's own (targets, proxies) are no metric; all else is a button.
    const silent = [...container.querySelectorAll("span.num")].filter(
      (number) => number.closest('[data-panel="proxies"], .node-rest, .map') === null,
    );
    const withQuery = page.tiles.filter((tile) => tile.promql !== "");
    expect(container.querySelectorAll("[data-tile] button.num")).toHaveLength(withQuery.length);
    for (const number of silent) {
      const column = number.closest("[data-column]")?.getAttribute("data-column");
      const panel = page.panels.find(
        (one) => one.id === number.closest("[data-panel]")?.getAttribute("data-panel"),
      );
      const asked = panel?.kind === "table" ? panel.columns.find((one) => one.key === column)?.promql : "";
      expect(asked ?? "", `${panel?.id ?? "a tile"} ${column ?? ""}`).toBe("");
    }
  });

  it.each(NAMES)("%s says how its source is", (name) => {
    const page = fixture(name);
    const { container } = show(<SourceBanner page={page} />);
    expect(container.querySelector("[role=status]")?.getAttribute("data-state")).toBe(page.source.state);
    if (page.source.message !== null && page.panels.length > 0) {
      expect(container.textContent).toContain(sentence(page.source.message));
    }
  });
});

describe("a sentence", () => {
  it("has a capital and an end", () => {
    expect(
      ["no proxy answers", "Done.", "why?", "  ", "--proxy is missing", "see https://x/"].map(sentence),
    ).toEqual(["No proxy answers.", "Done.", "Why?", "", "--proxy is missing.", "See https://x/."]);
    expect(sentence(null)).toBe("");
  });
});
