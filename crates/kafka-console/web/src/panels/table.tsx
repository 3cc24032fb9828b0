/**
 * A table that sorts, searches, and draws only the rows in sight.
 *
 * Widths follow from the columns' units, not from what stands in them, so that live updates and scrolling
 * move nothing. Names wrap; a table wider than its place scrolls inside its box with the names held in view.
 */

import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import type { Cell, Column, TablePanel } from "../api";
import { ToneIcon } from "../parts/icons";
import { Num } from "../parts/num";
import { NoHit } from "../parts/search";
import { useWidth } from "../parts/width";
import { forRow } from "../promql";
import { useShell } from "../state/context";
import { columnWidths } from "./table_widths";
import { cellNumber, filterRows, isMeasured, type Row, slice, sortRows, topOf, toRows } from "./table_rows";

/** Up to so many rows are drawn at once, without a box of their own. */
const ALL_AT_ONCE = 60;
const USUAL_ROW_PX = 33;
/** Before the box has been measured. */
const USUAL_VIEW_PX = 640;

export const ROW_EVENT = "console-row";

export function Table({ panel }: { panel: TablePanel }): JSX.Element {
  const { view, setSort } = useShell();
  const chosen = view.sort[panel.id];
  const chosenColumn = panel.columns.findIndex((column) => column.key === chosen?.column);
  const sorted =
    chosen === undefined || chosenColumn === -1
      ? panel.sort
      : { column: chosenColumn, descending: chosen.descending };

  const unit = panel.columns[sorted.column]?.unit;

  const all = useMemo(() => toRows(panel.rows), [panel.rows]);
  const rows = useMemo(() => {
    const found = filterRows(all, view.search);
    // The server's own order breaks ties by what matters next: it is kept as it came.
    return chosenColumn === -1 ? found : sortRows(found, sorted.column, sorted.descending, unit);
  }, [all, view.search, chosenColumn, sorted.column, sorted.descending, unit]);

  const [hold, available] = useWidth();
  const widths = useMemo(() => columnWidths(panel, available), [panel, available]);
  const box = useRef<HTMLDivElement>(null);
  const drawn = useDrawnRows(box, rows);
  useRowKeys(box, rows, drawn.scrollTo);

  const sortBy = (index: number, column: Column): void => {
    const isText = column.unit === "text";
    const descending = index === sorted.column ? !sorted.descending : !isText;
    setSort(panel.id, { column: column.key, descending });
  };

  if (rows.length === 0 && view.search.trim() !== "") {
    return <NoHit />;
  }
  if (all.length === 0) {
    return <p class="empty">{panel.empty}</p>;
  }
  return (
    <>
      <div ref={hold}>
        <div
          ref={box}
          class={`table-box${drawn.windowed ? " table-windowed" : ""}`}
          tabIndex={0}
          role="group"
          aria-label={`Rows of ${panel.title}`}
          data-rows={panel.id}
          onScroll={drawn.onScroll}
        >
          <table
            class="table"
            style={{ minWidth: px(widths.reduce((sum, wide) => sum + wide, 0)) }}
            aria-rowcount={rows.length + 1}
          >
            <colgroup>
              {panel.columns.map((column, index) => (
                // The first column, of names, takes what the others leave.
                <col key={column.key} style={index === 0 ? {} : { width: px(widths[index] ?? 0) }} />
              ))}
            </colgroup>
            <thead>
              <tr aria-rowindex={1}>
                {panel.columns.map((column, index) => (
                  <HeadCell
                    key={column.key}
                    column={column}
                    way={index === sorted.column ? (sorted.descending ? "descending" : "ascending") : "none"}
                    onSort={() => {
                      sortBy(index, column);
                    }}
                  />
                ))}
              </tr>
            </thead>
            <tbody>
              <Space height={drawn.above} columns={panel.columns.length} />
              {rows.slice(drawn.first, drawn.end).map((row, offset) => (
                <BodyRow key={row.key} row={row} index={drawn.first + offset} columns={panel.columns} />
              ))}
              <Space height={drawn.below} columns={panel.columns.length} />
            </tbody>
          </table>
        </div>
      </div>
      <Foot shown={rows.length} all={all.length} leftOut={panel.left_out} search={view.search} />
    </>
  );
}

function HeadCell({
  column,
  way,
  onSort,
}: {
  column: Column;
  way: "ascending" | "descending" | "none";
  onSort: () => void;
}): JSX.Element {
  return (
    <th scope="col" aria-sort={way} class={column.unit === "text" ? "col-text" : "col-number"}>
      <button type="button" class="sort" title={column.help} onClick={onSort}>
        {column.title}
        <span class={`sort-mark sort-${way}`} aria-hidden="true" />
      </button>
    </th>
  );
}

function BodyRow({ row, index, columns }: { row: Row; index: number; columns: Column[] }): JSX.Element {
  return (
    <tr tabIndex={-1} data-row={index} data-key={row.key} aria-rowindex={index + 2}>
      {columns.map((column, place) => {
        const cell = row.cells[place] ?? null;
        const content = <CellContent cell={cell} column={column} row={row} />;
        const shared = {
          "data-column": column.key,
          "data-value": cellNumber(cell)?.toString(),
          class: column.unit === "text" ? "cell-text" : "cell-number",
        };
        return place === 0 ? (
          <th key={column.key} scope="row" {...shared}>
            {content}
          </th>
        ) : (
          <td key={column.key} {...shared}>
            {content}
          </td>
        );
      })}
    </tr>
  );
}

function CellContent({ cell, column, row }: { cell: Cell; column: Column; row: Row }): JSX.Element {
  const { href } = useShell();
  if (cell === null || typeof cell === "number") {
    if (cell === null && column.unit === "text") {
      return <span class="nothing">–</span>;
    }
    return (
      <Num
        value={cell}
        unit={column.unit}
        title={row.cells[0] === cell ? column.title : `${column.title}, ${row.name}`}
        promql={column.promql === null ? null : forRow(column.promql, row.texts)}
        help={column.help}
      />
    );
  }
  if (isMeasured(cell)) {
    return (
      <span class={`name tone-${cell.tone}`}>
        <ToneIcon tone={cell.tone} />
        {cell.tone === "plain" ? null : <span class="visually-hidden">{cell.tone}: </span>}
        <Num
          value={cell.value}
          unit={cell.unit}
          title={`${column.title}, ${row.name}`}
          promql={cell.promql}
          help={column.help}
        />
      </span>
    );
  }
  const tone = typeof cell === "object" ? cell.tone : "plain";
  const text = typeof cell === "object" ? cell.text : cell;
  const name = <bdi>{text}</bdi>;
  return (
    <span class={`name tone-${tone}${isReserved(text) ? " reserved" : ""}`}>
      <ToneIcon tone={tone} />
      {column.link === null ? name : <a href={href(column.link, text)}>{name}</a>}
    </span>
  );
}

/** The filter's own words for what has no name: `__other__`, `__none__`, `__unresolved__`. */
function isReserved(text: string): boolean {
  return text === "__other__" || text === "__none__" || text === "__unresolved__";
}

function Space({ height, columns }: { height: number; columns: number }): JSX.Element | null {
  return height === 0 ? null : (
    <tr class="space" aria-hidden="true">
      <td colSpan={columns} style={{ height: px(height) }} />
    </tr>
  );
}

function Foot(props: { shown: number; all: number; leftOut: number; search: string }): JSX.Element | null {
  const { shown, all, leftOut, search } = props;
  const rest = leftOut === 0 ? "" : ` ${String(leftOut)} more are not shown: search for them by name.`;
  if (search.trim() !== "") {
    return (
      <p class="foot">
        {shown} of {all} rows have “<bdi>{search.trim()}</bdi>”.{rest}
      </p>
    );
  }
  return all > ALL_AT_ONCE || leftOut > 0 ? (
    <p class="foot">
      {all} rows.{rest}
    </p>
  ) : null;
}

function px(value: number): string {
  return `${String(value)}px`;
}

interface Drawn {
  windowed: boolean;
  first: number;
  end: number;
  above: number;
  below: number;
  onScroll: () => void;
  scrollTo: (index: number) => void;
}

/** Draws what is in sight of `box`, with row heights as they turn out to be. */
function useDrawnRows(box: { current: HTMLDivElement | null }, rows: Row[]): Drawn {
  const windowed = rows.length > ALL_AT_ONCE;
  const heights = useRef(new Map<string, number>());
  const [scrolled, setScrolled] = useState(0);
  const [measured, setMeasured] = useState(0);
  const viewport = box.current?.clientHeight ?? 0;
  const part = windowed
    ? slice(rows, heights.current, USUAL_ROW_PX, scrolled, viewport === 0 ? USUAL_VIEW_PX : viewport)
    : { first: 0, end: rows.length, above: 0, below: 0 };

  // After each drawing, because each may show rows that were never measured; it ends when all heights are
  // known.
  // eslint-disable-next-line react-hooks/exhaustive-deps
  useLayoutEffect(() => {
    if (!windowed || box.current === null) {
      return;
    }
    let changed = false;
    for (const line of box.current.querySelectorAll<HTMLElement>("tr[data-key]")) {
      const key = line.dataset["key"] ?? "";
      const height = line.offsetHeight;
      if (height > 0 && (heights.current.get(key) ?? USUAL_ROW_PX) !== height) {
        heights.current.set(key, height);
        changed = true;
      }
    }
    if (changed) {
      setMeasured(measured + 1);
    }
  });

  return {
    ...part,
    windowed,
    onScroll: () => {
      if (windowed && box.current !== null) {
        setScrolled(box.current.scrollTop);
      }
    },
    scrollTo: (index) => {
      if (!windowed || box.current === null) {
        return;
      }
      const top = topOf(rows, heights.current, USUAL_ROW_PX, index);
      const view = box.current.clientHeight - 2 * USUAL_ROW_PX;
      if (top < box.current.scrollTop || top > box.current.scrollTop + view) {
        box.current.scrollTop = Math.max(0, top - view / 2);
        setScrolled(box.current.scrollTop);
      }
    },
  };
}

/** `j`, `k` and Enter: the page sends steps, the table moves the focus from row to row. */
function useRowKeys(
  box: { current: HTMLDivElement | null },
  rows: Row[],
  scrollTo: (index: number) => void,
): void {
  const wanted = useRef<number | null>(null);
  useEffect(() => {
    const element = box.current;
    if (element === null) {
      return undefined;
    }
    const step = (event: Event): void => {
      const by = event instanceof CustomEvent ? Number(event.detail) : 0;
      const line = document.activeElement?.closest<HTMLElement>("tr[data-row]");
      const at =
        line !== null && line !== undefined && element.contains(line) ? Number(line.dataset["row"]) : -1;
      const next = Math.min(rows.length - 1, Math.max(0, at + by));
      wanted.current = next;
      scrollTo(next);
      focusRow(element, next);
    };
    const open = (event: KeyboardEvent): void => {
      if (event.key === "Enter" && event.target instanceof HTMLTableRowElement) {
        event.target.querySelector("a")?.click();
      }
    };
    element.addEventListener(ROW_EVENT, step);
    element.addEventListener("keydown", open);
    return () => {
      element.removeEventListener(ROW_EVENT, step);
      element.removeEventListener("keydown", open);
    };
  }, [box, rows, scrollTo]);
  // A row that was out of sight is drawn first, and focused then.
  useLayoutEffect(() => {
    if (wanted.current !== null && box.current !== null && focusRow(box.current, wanted.current)) {
      wanted.current = null;
    }
  });
}

function focusRow(box: HTMLElement, index: number): boolean {
  const line = box.querySelector<HTMLElement>(`tr[data-row="${String(index)}"]`);
  line?.focus({ preventScroll: false });
  return line !== null;
}
