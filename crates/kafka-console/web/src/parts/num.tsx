/** A number with its unit; activated, it shows the query that gives it. */

import type { JSX } from "preact";

import type { Unit } from "../api";
import { exact, format } from "../format";
import { useShell } from "../state/context";

export interface NumProps {
  value: number | null;
  unit: Unit;
  /** What the number is, for the popover. */
  title: string;
  /** Null or empty: no query gives this number alone, and it is not a button. */
  promql: string | null;
  /** Whether it is a value of an earlier time, which the query does not give now. */
  past?: boolean;
  help?: string;
  /** Without the time of a rate, where a legend says it once for all: `1.2 k` for `1.2 k/s`. */
  bare?: boolean;
}

export function Num(props: NumProps): JSX.Element {
  const { value, unit, title, promql, past = false, help = "", bare = false } = props;
  const { ask } = useShell();
  const formatted = format(value, unit);
  const unitText = bare ? formatted.unit.replace(/\/s$/, "") : formatted.unit;
  const inside = (
    <>
      <span class="n">{formatted.number}</span>
      {unitText === "" ? null : (
        <span class="u">
          {bare ? "" : " "}
          {unitText}
        </span>
      )}
    </>
  );
  if (promql === null || promql === "") {
    return (
      <span class={`num num-${unit}`} title={exact(value, unit)}>
        {inside}
      </span>
    );
  }
  return (
    <button
      type="button"
      class={`num num-${unit}`}
      title={exact(value, unit)}
      onClick={(event) => {
        ask({ title, value, unit, promql, past, help, anchor: event.currentTarget });
      }}
    >
      {inside}
    </button>
  );
}
