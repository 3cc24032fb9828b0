import { fireEvent, screen, within } from "@testing-library/preact";
import { describe, expect, it } from "vitest";

import { HOSTILE } from "../dev/names";
import { samplePage } from "../dev/sample";
import type { TablePanel } from "../src/api";
import { ROW_EVENT, Table } from "../src/panels/table";
import { show } from "./help";

function topics(count: number): TablePanel {
  const panel = samplePage("topics", null, 1_800_000_000, count).panels[0];
  if (panel?.kind !== "table") {
    throw new Error("the sample has no table");
  }
  return panel;
}

function firstCells(): string[] {
  return [...document.querySelectorAll("tbody th")].map((cell) => cell.textContent);
}

describe("a table", () => {
  it("is a table to a screen reader: heads, names, order, and how many rows there are", () => {
    show(<Table panel={topics(10)} />);
    expect(screen.getAllByRole("columnheader")).toHaveLength(10);
    expect(screen.getByRole("columnheader", { name: "Written" }).getAttribute("aria-sort")).toBe(
      "descending",
    );
    expect(screen.getByRole("columnheader", { name: "Topic" }).getAttribute("aria-sort")).toBe("none");
    expect(screen.getAllByRole("rowheader")).toHaveLength(10);
    expect(screen.getByRole("table").getAttribute("aria-rowcount")).toBe("11");
  });

  it("keeps the server's order until a head is pressed, and then sorts by the address", () => {
    const panel = topics(12);
    const { sorted } = show(<Table panel={panel} />);
    expect(firstCells()).toEqual(panel.rows.map((row) => row[0]));
    fireEvent.click(within(screen.getByRole("columnheader", { name: "Lag" })).getByRole("button"));
    fireEvent.click(within(screen.getByRole("columnheader", { name: "Topic" })).getByRole("button"));
    fireEvent.click(within(screen.getByRole("columnheader", { name: "Written" })).getByRole("button"));
    expect(sorted).toEqual([
      ["topics", { column: "lag", descending: true }],
      ["topics", { column: "topic", descending: false }],
      ["topics", { column: "written", descending: false }],
    ]);
  });

  it("is sorted as the address says", () => {
    show(<Table panel={topics(12)} />, "/topics?sort=topics:topic:a");
    expect(firstCells()).toEqual(
      [...firstCells()].sort(new Intl.Collator("en", { sensitivity: "base" }).compare),
    );
    expect(screen.getByRole("columnheader", { name: "Topic" }).getAttribute("aria-sort")).toBe("ascending");
  });

  it("shows what a search finds, and says how much that is", () => {
    show(<Table panel={topics(40)} />, "/topics?search=PAYMENTS");
    expect(firstCells().sort()).toEqual(["payments.authorized", "payments.settled"]);
    expect(screen.getByText(/rows have/).textContent).toBe("2 of 40 rows have “PAYMENTS”.");
    expect(screen.queryByRole("status")).toBeNull();
  });

  it.each([0, 12])("says that a search finds nothing, and not that there is nothing, of %d rows", (count) => {
    const empty = "Nobody has spoken.";
    const { container } = show(<Table panel={{ ...topics(count), empty }} />, "/topics?search=%3Cb%3Enix");
    expect(container.textContent).toBe("Nothing here has “<b>nix”. Clear the search");
    expect(container.querySelector("bdi")?.textContent).toBe("<b>nix");
    expect(screen.getByRole("button", { name: "Clear the search" })).toBeTruthy();
  });

  it("draws only rows in sight of a thousand, and those that are scrolled to", () => {
    const panel = topics(1000);
    show(<Table panel={panel} />);
    expect(firstCells().length).toBeLessThan(60);
    expect(firstCells()[0]).toBe(panel.rows[0]?.[0]);
    const box = screen.getByRole("group");
    box.scrollTop = 20_000;
    fireEvent.scroll(box);
    expect(firstCells().length).toBeLessThan(60);
    const first = document.querySelector("tbody tr[data-row]");
    expect(Number(first?.getAttribute("data-row"))).toBeGreaterThan(500);
    expect(first?.getAttribute("aria-rowindex")).toBe(String(Number(first?.getAttribute("data-row")) + 2));
    expect(screen.getByRole("table").getAttribute("aria-rowcount")).toBe("1001");
  });

  it("moves the focus by rows, and opens one with Enter", () => {
    show(<Table panel={topics(5)} />);
    const box = screen.getByRole("group");
    const step = (by: number): void => {
      box.dispatchEvent(new CustomEvent(ROW_EVENT, { detail: by }));
    };
    step(1);
    step(1);
    expect(document.activeElement?.getAttribute("data-row")).toBe("1");
    step(-1);
    step(-1);
    expect(document.activeElement?.getAttribute("data-row")).toBe("0");
    let opened = "";
    document.addEventListener(
      "click",
      (event) => {
        opened = (event.target as HTMLAnchorElement).getAttribute("href") ?? "";
        event.preventDefault();
      },
      { once: true },
    );
    fireEvent.keyDown(document.activeElement ?? box, { key: "Enter" });
    expect(opened).toMatch(/^\/topics\/./);
  });

  it("shows a number with a unit, a query and a tone of its own", () => {
    const panel = topics(1);
    const [name, value] = panel.columns;
    if (name === undefined || value === undefined) {
      throw new Error("the sample has two columns");
    }
    const columns = [name, { ...value, unit: "text" as const, promql: null }];
    const rows: TablePanel["rows"] = [
      ["full", { value: 0.5, unit: "share", promql: "half", tone: "warning" }],
      ["held", { value: null, unit: "bytes", promql: "", tone: "plain" }],
    ];
    const { asked, container } = show(<Table panel={{ ...panel, columns, rows }} />);
    const [full, held] = [...container.querySelectorAll("tbody td")];
    expect(full?.textContent).toBe("warning: 50 %");
    expect(full?.getAttribute("data-value")).toBe("0.5");
    expect(held?.textContent).toBe("–");
    expect(held?.querySelector("button")).toBeNull();
    fireEvent.click(full?.querySelector("button") ?? container);
    expect(asked[0]).toMatchObject({ value: 0.5, unit: "share", promql: "half" });
  });

  it("has a query for each row that names all that the row is about", () => {
    const panel = samplePage("readiness", null, 1_800_000_000).panels[0] as TablePanel;
    const { asked, container } = show(<Table panel={panel} />);
    fireEvent.click(container.querySelector("[data-column=in_range] button") ?? container);
    expect(asked[0]?.promql).toContain(
      '{reporter=~"source|proxy",client_id="web-gateway",request="Produce",',
    );
    expect(asked[0]?.promql).toContain('api_version="0"}');
    expect(asked[0]?.title).toBe("In this range, web-gateway, Produce, 0");
  });

  it("says what to do when there is nothing", () => {
    show(<Table panel={{ ...topics(1), rows: [] }} />);
    expect(screen.getByText(/Produce to one through a proxy/)).toBeTruthy();
    expect(screen.queryByRole("table")).toBeNull();
  });

  it("names the rows that were not sent", () => {
    show(<Table panel={{ ...topics(3), left_out: 4211 }} />);
    expect(screen.getByText(/4211 more are not shown/)).toBeTruthy();
  });
});

describe("names chosen by strangers", () => {
  const panel: TablePanel = {
    ...topics(1),
    rows: HOSTILE.map((name) => [name, 1, 2, 3, 4, 5, 6, 7, 8, { text: name, tone: "error" as const }]),
  };

  it("are text, whole, and apart from the text around them", () => {
    const { container } = show(<Table panel={panel} />);
    expect(firstCells()).toEqual(HOSTILE);
    expect(container.querySelector("img, script, iframe")).toBeNull();
    for (const cell of container.querySelectorAll("tbody th")) {
      expect(cell.querySelector("bdi")?.textContent).toBe(cell.textContent);
    }
  });

  it("make addresses of this console alone", () => {
    const { container } = show(<Table panel={panel} />);
    for (const link of container.querySelectorAll("a")) {
      expect(new URL(link.href).origin).toBe(window.location.origin);
      expect(link.getAttribute("href")).toMatch(/^\/topics\//);
    }
  });

  it("stay inside the query of their number", () => {
    const { asked, container } = show(<Table panel={panel} />);
    const button = container.querySelectorAll<HTMLElement>("tbody tr")[1]?.querySelector("button");
    fireEvent.click(button ?? container);
    expect(asked[0]?.promql).toContain('topic="\\"}) or vector(1) # \' \\\\ $& ${topic}"}');
    expect(asked[0]).toMatchObject({ value: 1, unit: "bytes_per_second" });
  });
});
