/** A page as the server made it: its notes, tiles and panels, or why there are none. */

import type { JSX } from "preact";

import type { Page, Panel } from "./api";
import { Bars } from "./panels/bars";
import { Heat } from "./panels/heat";
import { Lines } from "./panels/lines";
import { FlowMap } from "./panels/map";
import { Table } from "./panels/table";
import { isNarrow } from "./panels/table_widths";
import { Help } from "./parts/help_text";
import { Notes } from "./parts/notes";
import { PanelQuery } from "./parts/panel_query";
import { Tiles } from "./parts/tiles";
import { sentence } from "./sentence";
import { isBare } from "./state/feed";

export function PageView({ page }: { page: Page }): JSX.Element {
  const wide = widePanels(page.panels);
  return (
    <>
      <Notes notes={page.notes} />
      <Tiles tiles={page.tiles} />
      {isBare(page) ? <Bare page={page} /> : null}
      <div class="panels">
        {page.panels.map((panel) => (
          // A panel has state of its own (hidden lines, scrolled rows): it belongs to one thing.
          <PanelView
            key={`${page.name}/${page.key ?? ""}/${panel.id}`}
            panel={panel}
            wide={wide.has(panel)}
          />
        ))}
      </div>
    </>
  );
}

function PanelView({ panel, wide }: { panel: Panel; wide: boolean }): JSX.Element {
  return (
    <section
      class={`panel panel-${panel.kind}${wide ? " panel-wide" : ""}`}
      data-panel={panel.id}
      aria-label={panel.title}
    >
      <header class="panel-head">
        <h2>{panel.title}</h2>
        <PanelQuery panel={panel} />
        <Help text={panel.help} about={panel.title} />
      </header>
      <PanelBody panel={panel} />
    </section>
  );
}

function PanelBody({ panel }: { panel: Panel }): JSX.Element {
  switch (panel.kind) {
    case "table":
      return <Table panel={panel} />;
    case "lines":
      return <Lines panel={panel} />;
    case "heat":
      return <Heat panel={panel} />;
    case "bars":
      return <Bars panel={panel} />;
    case "map":
      return <FlowMap panel={panel} />;
    default:
      return <p class="empty">This panel is of a newer release than this page: load the page anew.</p>;
  }
}

/** Charts and small tables stand two in a row; one without a neighbour takes the whole width. */
function widePanels(panels: Panel[]): ReadonlySet<Panel> {
  const wide = new Set<Panel>();
  let open: Panel | null = null;
  for (const panel of panels) {
    if (isHalf(panel)) {
      open = open === null ? panel : null;
      continue;
    }
    wide.add(panel);
    if (open !== null) {
      wide.add(open);
      open = null;
    }
  }
  return open === null ? wide : wide.add(open);
}

function isHalf(panel: Panel): boolean {
  return panel.kind === "lines" || panel.kind === "bars" || (panel.kind === "table" && isNarrow(panel));
}

function Bare({ page }: { page: Page }): JSX.Element {
  const { state, message, remedy } = page.source;
  const title = {
    ok: "Nothing to show here yet",
    starting: "Waiting for the first numbers",
    empty: "No metric of the filter yet",
    stale: "No fresh numbers",
    unreachable: "The source cannot be reached",
  }[state];
  return (
    <div class="bare" data-bare={state}>
      <h2>{title}</h2>
      <p>{sentence(message) || "Numbers appear as soon as Kafka traffic passes a proxy with the filter."}</p>
      {remedy === null ? null : <p class="bare-remedy">{sentence(remedy)}</p>}
    </div>
  );
}
