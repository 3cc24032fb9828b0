/** The query behind a whole panel, for a dashboard of one's own: its numbers have one each. */

import type { JSX } from "preact";

import type { Panel } from "../api";
import { useShell } from "../state/context";

export function PanelQuery({ panel }: { panel: Panel }): JSX.Element | null {
  const { ask } = useShell();
  if (panel.kind === "table" || panel.kind === "map" || panel.promql === "") {
    return null;
  }
  const { title, unit, promql, help } = panel;
  return (
    <button
      type="button"
      class="chip"
      aria-label={`PromQL of ${title}`}
      onClick={(event) => {
        ask({ title, value: undefined, unit, promql, help, anchor: event.currentTarget });
      }}
    >
      PromQL
    </button>
  );
}
