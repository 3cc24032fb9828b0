/** A table whose cells are tinted by their size; a marked cell is hatched and says why in its legend. */

import type { JSX } from "preact";

import type { HeatPanel } from "../api";
import { text } from "../format";
import { Num } from "../parts/num";
import { NoHit } from "../parts/search";
import { forCell } from "../promql";
import { useShell } from "../state/context";
import { heatBounds, heatStep } from "./heat_scale";

export function Heat({ panel }: { panel: HeatPanel }): JSX.Element {
  const { view } = useShell();
  if (panel.rows.length === 0 || panel.columns.length === 0) {
    return view.search.trim() !== "" ? <NoHit /> : <p class="empty">No requests in this range.</p>;
  }
  const max = Math.max(0, ...panel.values.flat().map((value) => value ?? 0));
  const anyMarked = panel.marked.some((row) => row.includes(true));
  return (
    <>
      <div class="table-box" tabIndex={0} role="group" aria-label={`Cells of ${panel.title}`}>
        <table class="heat">
          <thead>
            <tr>
              <th scope="col" class="heat-corner">
                {panel.row_title} <span class="heat-by">by {panel.column_title}</span>
              </th>
              {panel.columns.map((column) => (
                <th key={column} scope="col" class="heat-column">
                  <bdi>{column}</bdi>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {panel.rows.map((row, y) => (
              <tr key={row}>
                <th scope="row">
                  <bdi>{row}</bdi>
                </th>
                {panel.columns.map((column, x) => {
                  const value = panel.values[y]?.[x] ?? null;
                  const marked = panel.marked[y]?.[x] ?? false;
                  return (
                    <td
                      key={column}
                      class={`heat-cell heat-${String(heatStep(value, max))}${marked ? " marked" : ""}`}
                      data-value={value === null ? undefined : String(value)}
                      data-cell={`${row}|${column}`}
                    >
                      {value === null ? (
                        <span class="nothing">{marked ? "·" : ""}</span>
                      ) : (
                        <Num
                          value={value}
                          unit={panel.unit}
                          title={`${row}, ${panel.column_title} ${column}`}
                          promql={forCell(panel.cell_promql, row, column)}
                          bare
                          help={panel.help}
                        />
                      )}
                      {marked && value !== null ? (
                        <span class="visually-hidden"> refused by Kafka 4</span>
                      ) : null}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div class="scale">
        <span>less</span>
        {heatBounds(max).map((bound, index) => (
          <span
            key={index}
            class={`scale-step heat-${String(index + 1)}`}
            title={`from ${text(bound, panel.unit)}`}
          />
        ))}
        <span>more, up to {text(max, panel.unit)}; each tint is ten times the one before</span>
        {anyMarked ? (
          <span class="scale-mark">
            <span class="scale-step heat-0 marked" /> refused by Kafka 4
          </span>
        ) : null}
      </div>
    </>
  );
}
