/** How wide the columns of a table are: by what they can hold, so that live updates move nothing. */

import type { Cell, Column, TablePanel, Unit } from "../api";
import { text } from "../format";
import { textWidth as pixels } from "../parts/text_width";
import { cellText, isMeasured } from "./table_rows";

const WIDTHS: Readonly<Record<Unit, number>> = {
  bytes_per_second: 104,
  records_per_second: 90,
  requests_per_second: 90,
  errors_per_second: 90,
  batches_per_second: 90,
  per_second: 90,
  seconds: 84,
  records: 80,
  bytes: 92,
  count: 72,
  share: 76,
  time: 108, // of the date, which stands in a line of its own when it is not today's
  text: 84,
};

const NAMES_MIN = 190;
const TEXT_MAX = 300;
/** What texts shrink to where there is little room. */
const TEXT_MIN = 150;
const CHARACTER = 7.3;
const PADDING = 26;
/** Up to this width two tables stand beside each other. */
const NARROW_MAX = 500;

/**
 * In pixels; that of the first column is the least that it gets.
 *
 * Where `available` pixels are not enough, texts give way and wrap; where there are more, long texts get half
 * of them.
 */
export function columnWidths(panel: TablePanel, available: number): number[] {
  const wanted = panel.columns.map((column, index) => {
    if (index === 0) {
      return column.unit === "text" ? NAMES_MIN : numberWidth(panel, column, index);
    }
    return column.unit === "text" ? textWidth(panel, column, index) : numberWidth(panel, column, index);
  });
  const room = available - sum(wanted);
  if (available === 0 || room === 0) {
    return wanted;
  }
  const most = wanted.map((width, index) =>
    index > 0 && width >= TEXT_MAX ? textWidth(panel, panel.columns[index], index, Infinity) : width,
  );
  const least = wanted.map((width, index) =>
    panel.columns[index]?.unit === "text"
      ? Math.min(width, Math.max(TEXT_MIN, wordWidth(panel, index)))
      : width,
  );
  if (sum(least) > available) {
    return wanted; // it scrolls all the same: then with room for its texts
  }
  const bound = room > 0 ? most : least;
  const stretch = sum(bound) - sum(wanted);
  const share = stretch === 0 ? 0 : Math.min(1, (room > 0 ? room / 2 : room) / stretch);
  return wanted.map((width, index) => Math.floor(width + ((bound[index] ?? width) - width) * share));
}

export function isNarrow(panel: TablePanel): boolean {
  return sum(columnWidths(panel, 0)) <= NARROW_MAX;
}

function sum(widths: number[]): number {
  return widths.reduce((all, width) => all + width, 0);
}

/** As wide as its numbers can become, and as the longest word of its title. */
function numberWidth(panel: TablePanel, column: Column, index: number): number {
  const own = panel.rows.map((row) => {
    const cell = row[index];
    return isMeasured(cell) ? WIDTHS[cell.unit] + signWidth(cell) : 0;
  });
  return Math.ceil(Math.max(WIDTHS[column.unit], titleWidth(column), ...own));
}

/** As wide as its longest text, up to where texts wrap. */
function textWidth(panel: TablePanel, column: Column | undefined, index: number, max = TEXT_MAX): number {
  let longest = 0;
  for (const row of panel.rows) {
    longest = Math.max(longest, pixels(words(row[index])) + signWidth(row[index]));
  }
  return Math.ceil(Math.max(WIDTHS.text, titleWidth(column), Math.min(max, longest + PADDING)));
}

/** What the longest word of a column's texts needs, names aside: those may break anywhere. */
function wordWidth(panel: TablePanel, index: number): number {
  if (index === 0) {
    return 0;
  }
  let longest = 0;
  for (const row of panel.rows) {
    for (const word of words(row[index]).split(BREAKS)) {
      longest = Math.max(longest, pixels(word) + signWidth(row[index]));
    }
  }
  return longest + PADDING;
}

/** Where a text may wrap: not between a number and its unit. */
const BREAKS = /[ \t\n]+/;

/** What a cell shows. */
function words(cell: Cell | undefined): string {
  return isMeasured(cell) ? text(cell.value, cell.unit) : cellText(cell);
}

/** What stands before a text that is good or bad. */
function signWidth(cell: Cell | undefined): number {
  return typeof cell === "object" && cell !== null && cell.tone !== "plain" ? 20 : 0;
}

function titleWidth(column: Column | undefined): number {
  const longest = Math.max(0, ...(column?.title ?? "").split(/\s+/).map((word) => word.length));
  return 32 + longest * CHARACTER;
}
