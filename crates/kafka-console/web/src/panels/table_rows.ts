/** The rows of a table, without a browser: which of them, in which order, and which part is drawn. */

import type { Cell } from "../api";

export interface Row {
  cells: Cell[];
  /** The same for the same thing in the next page, so that a row keeps its place and height. */
  key: string;
  /** The label value that `$row` in a column's query stands for. */
  name: string;
}

const COLLATOR = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

export function toRows(rows: Cell[][]): Row[] {
  const seen = new Map<string, number>();
  return rows.map((cells) => {
    const name = cellText(cells[0]);
    const before = seen.get(name) ?? 0;
    seen.set(name, before + 1);
    return { cells, name, key: `${String(before)}:${name}` };
  });
}

export function cellText(cell: Cell | undefined): string {
  if (cell === null || cell === undefined) {
    return "";
  }
  return typeof cell === "object" ? cell.text : String(cell);
}

/** Rows with the words in one of their texts, upper and lower case alike. Numbers are not searched. */
export function filterRows(rows: Row[], search: string): Row[] {
  const wanted = search.trim().toLowerCase();
  if (wanted === "") {
    return rows;
  }
  return rows.filter((row) =>
    row.cells.some((cell) => typeof cell !== "number" && cellText(cell).toLowerCase().includes(wanted)),
  );
}

/** Sorted by one column; what has no value comes last either way, and equals keep their order. */
export function sortRows(rows: Row[], column: number, descending: boolean): Row[] {
  const way = descending ? -1 : 1;
  return rows.toSorted((left, right) => {
    const a = left.cells[column];
    const b = right.cells[column];
    const absent = Number(isAbsent(a)) - Number(isAbsent(b));
    return absent === 0 ? way * compare(a, b) : absent;
  });
}

function isAbsent(cell: Cell | undefined): boolean {
  return (
    cell === null || cell === undefined || cell === "" || (typeof cell === "number" && Number.isNaN(cell))
  );
}

function compare(a: Cell | undefined, b: Cell | undefined): number {
  if (typeof a === "number" && typeof b === "number") {
    return a - b;
  }
  return COLLATOR.compare(cellText(a), cellText(b));
}

/** The part of the rows that is drawn, and the empty space above and below it. */
export interface Slice {
  first: number;
  /** One after the last. */
  end: number;
  above: number;
  below: number;
}

/**
 * Which rows a window of `viewport` pixels at `scrolled` shows, with `spare` rows more on either side.
 *
 * Rows have the heights that were measured; one that was never drawn is taken to be `usual` pixels high.
 */
export function slice(
  rows: Row[],
  heights: ReadonlyMap<string, number>,
  usual: number,
  scrolled: number,
  viewport: number,
  spare = 8,
): Slice {
  const tops: number[] = [];
  let total = 0;
  for (const row of rows) {
    tops.push(total);
    total += heights.get(row.key) ?? usual;
  }
  // A list that became shorter may be scrolled beyond its end.
  const from = Math.max(0, Math.min(scrolled, total - viewport));
  let first = tops.findIndex((top, index) => (tops[index + 1] ?? total) > from || top >= from);
  first = Math.max(0, (first === -1 ? rows.length : first) - spare);
  let end = first;
  while (end < rows.length && (tops[end] ?? total) < from + viewport) {
    end += 1;
  }
  end = Math.min(rows.length, end + spare);
  const above = tops[first] ?? total;
  const drawnTo = end < rows.length ? (tops[end] ?? total) : total;
  return { first, end, above, below: total - drawnTo };
}

/** Where a row begins: what to scroll to when the keyboard goes there. */
export function topOf(
  rows: Row[],
  heights: ReadonlyMap<string, number>,
  usual: number,
  index: number,
): number {
  return rows.slice(0, index).reduce((sum, row) => sum + (heights.get(row.key) ?? usual), 0);
}
