/** The rows of a table, without a browser: which of them, in which order, and which part is drawn. */

import type { Cell, MeasuredCell, Unit } from "../api";

export interface Row {
  cells: Cell[];
  /** The same for the same thing in the next page, so that a row keeps its place and height. */
  key: string;
  /** The texts that `$row`, `$row2` and `$row3` in a column's query stand for. */
  texts: string[];
  /** What the row is about: the texts that it begins with. */
  name: string;
}

const COLLATOR = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

export function toRows(rows: Cell[][]): Row[] {
  const seen = new Map<string, number>();
  return rows.map((cells) => {
    const texts = cells.slice(0, 3).map(cellText);
    const named = cells.findIndex((cell) => typeof cell !== "string");
    const name = texts.slice(0, Math.max(1, named)).join(", ");
    const before = seen.get(name) ?? 0;
    seen.set(name, before + 1);
    return { cells, texts, name, key: `${String(before)}:${name}` };
  });
}

/** The words or the bare number of a cell; none of one with a unit of its own. */
export function cellText(cell: Cell | undefined): string {
  if (cell === null || cell === undefined || isMeasured(cell)) {
    return "";
  }
  return typeof cell === "object" ? cell.text : String(cell);
}

export function isMeasured(cell: Cell | undefined): cell is MeasuredCell {
  return typeof cell === "object" && cell !== null && "value" in cell;
}

export function cellNumber(cell: Cell | undefined): number | null {
  const value = isMeasured(cell) ? cell.value : cell;
  return typeof value === "number" && !Number.isNaN(value) ? value : null;
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

/**
 * Sorted by one column; what has no value comes last either way, and equals keep their order.
 *
 * Words in a column of times: "now" is the newest, and all others are before what is known.
 */
export function sortRows(rows: Row[], column: number, descending: boolean, unit: Unit = "text"): Row[] {
  const way = descending ? -1 : 1;
  return rows.toSorted((left, right) => {
    const a = left.cells[column];
    const b = right.cells[column];
    const absent = Number(isAbsent(a)) - Number(isAbsent(b));
    return absent === 0 ? way * compare(a, b, unit) : absent;
  });
}

function isAbsent(cell: Cell | undefined): boolean {
  return cellNumber(cell) === null && (typeof cell === "number" || cellText(cell) === "");
}

function compare(a: Cell | undefined, b: Cell | undefined, unit: Unit): number {
  const [left, right] = [placeOf(a, unit), placeOf(b, unit)];
  if (left !== null && right !== null) {
    return left === right ? 0 : left - right;
  }
  // Numbers among words stand before them.
  return left !== null ? -1 : right !== null ? 1 : COLLATOR.compare(cellText(a), cellText(b));
}

function placeOf(cell: Cell | undefined, unit: Unit): number | null {
  const value = cellNumber(cell);
  if (value !== null || unit !== "time") {
    return value;
  }
  return cellText(cell) === "now" ? Infinity : -Infinity;
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
