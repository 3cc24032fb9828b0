/**
 * Who talks to which topic: writers, topics and readers in three columns, and ribbons as wide as what flows.
 *
 * Boxes are lists of links and buttons, so that the keyboard and a screen reader reach all of them; ribbons
 * are a drawing, and the table of flows says the same in words.
 */

import type { JSX } from "preact";
import { useMemo, useRef, useState } from "preact/hooks";

import type { MapNode, MapPanel } from "../api";
import { Icon } from "../parts/icons";
import { Num } from "../parts/num";
import { NoHit } from "../parts/search";
import { useWidth } from "../parts/width";
import { type Shell, useShell } from "../state/context";
import {
  type Box,
  connected,
  errorStep,
  hasErrors,
  keepOrder,
  key,
  type Layout,
  layout,
  type Order,
  type Ribbon,
  SIDES,
  type Side,
} from "./map_layout";
import { flowTable, FlowWords, LeftOut, MapLegend, naming, Readout } from "./map_words";
import { Table } from "./table";

const TITLES: Readonly<Record<Side, string>> = {
  writers: "Writing clients",
  topics: "Topics",
  readers: "Readers and groups",
};

/** The tables that show what the map has left out. */
const REST_PAGES: Readonly<Record<MapNode["of"], string>> = {
  client: "clients",
  topic: "topics",
  group: "groups",
};

export function FlowMap({ panel }: { panel: MapPanel }): JSX.Element {
  const shell = useShell();
  const [hold, width] = useWidth();
  const [asTable, setAsTable] = useState(false);
  const [pointed, setPointed] = useState<string | null>(null);
  const order = useRef<Order | null>(null);
  order.current = keepOrder(order.current, panel);
  const before = useRef<Layout | null>(null);
  const drawn = useMemo(
    () => layout(panel, width, order.current ?? keepOrder(null, panel), before.current),
    [panel, width],
  );
  before.current = drawn;
  const named = useMemo(() => naming(panel), [panel]);
  const lit = useMemo(() => litBy(panel, pointed, shell.view.search), [panel, pointed, shell.view.search]);

  if (panel.writers.length + panel.topics.length + panel.readers.length === 0) {
    return shell.view.search.trim() !== "" ? (
      <NoHit />
    ) : (
      <p class="empty">
        No traffic in this window. The map draws what writes and reads now: a longer window reaches further
        back.
      </p>
    );
  }
  return (
    <div class="map" ref={hold}>
      <div class="map-bar">
        <MapLegend layout={drawn} />
        <div class="segmented" role="group" aria-label="Show as">
          {[false, true].map((table) => (
            <button
              key={String(table)}
              type="button"
              aria-pressed={asTable === table}
              onClick={() => {
                setAsTable(table);
              }}
            >
              {table ? "Table" : "Map"}
            </button>
          ))}
        </div>
      </div>
      {asTable ? (
        <Table panel={flowTable(panel)} />
      ) : (
        <>
          <Readout panel={panel} id={pointed} />
          <div class="map-scroll">
            <div class="map-columns" style={{ width: `${String(drawn.width)}px` }} aria-hidden="true">
              {drawn.columns.map(({ side, x, width: wide }) => (
                <div
                  key={side}
                  class="map-column-title"
                  style={{ left: `${String(x)}px`, width: `${String(wide)}px` }}
                >
                  {TITLES[side]} <span class="count">{counted(panel[side])}</span>
                </div>
              ))}
            </div>
            <div
              class={`map-plot${lit === null ? "" : " map-lit"}`}
              style={{ width: `${String(drawn.width)}px`, height: `${String(drawn.height + 4)}px` }}
              onMouseLeave={() => {
                setPointed(null);
              }}
            >
              <svg width={drawn.width} height={drawn.height} aria-hidden="true">
                {drawn.ribbons.map((ribbon) => (
                  <RibbonPath
                    key={ribbon.id}
                    ribbon={ribbon}
                    title={`${isolated(named(ribbon.edge.from))} → ${isolated(named(ribbon.edge.to))}`}
                    lit={lit?.has(ribbon.id) ?? false}
                    point={setPointed}
                  />
                ))}
              </svg>
              {drawn.columns.map(({ side }) => (
                <ul key={side} class="map-list" aria-label={TITLES[side]}>
                  {drawn.boxes
                    .filter((box) => box.side === side)
                    .map((box) => (
                      <NodeBox
                        key={box.node.id}
                        box={box}
                        lit={lit?.has(key(side, box.node.id)) ?? false}
                        point={setPointed}
                        help={panel.help}
                      />
                    ))}
                </ul>
              ))}
            </div>
          </div>
          <FlowWords panel={panel} />
        </>
      )}
      <LeftOut panel={panel} />
    </div>
  );
}

function RibbonPath({
  ribbon,
  title,
  lit,
  point,
}: {
  ribbon: Ribbon;
  title: string;
  lit: boolean;
  point: (id: string | null) => void;
}): JSX.Element {
  const { ask } = useShell();
  const { edge } = ribbon;
  const step = ribbon.errorShare === null ? "unknown" : errorStep(ribbon.errorShare);
  const open = (anchor: Element): void => {
    ask({
      title: ribbon.dashed ? `Lag: ${title}` : title,
      value: ribbon.dashed ? edge.lag_records : edge.bytes_per_second,
      unit: ribbon.dashed ? "records" : "bytes_per_second",
      promql: edge.promql,
      help: "",
      anchor,
    });
  };
  return (
    <path
      d={ribbon.path}
      class={`ribbon flow-${String(step)}${ribbon.dashed ? " dashed" : ""}${lit ? " lit" : ""}${edge.promql === "" ? " silent" : ""}`}
      stroke-width={ribbon.width}
      data-edge={ribbon.id}
      data-value={String(edge.bytes_per_second ?? "")}
      onMouseEnter={() => {
        point(ribbon.id);
      }}
      onClick={(event) => {
        // No query gives what flows to a rest.
        if (edge.promql !== "") {
          open(event.currentTarget);
        }
      }}
    />
  );
}

interface BoxProps {
  box: Box;
  lit: boolean;
  help: string;
  point: (id: string | null) => void;
}

function NodeBox({ box, lit, point, help }: BoxProps): JSX.Element {
  const shell = useShell();
  const { node } = box;
  const share = node.error_share ?? 0;
  const isGroup = node.of === "group";
  return (
    <li
      class={`node node-${node.kind}${lit ? " lit" : ""}`}
      data-node={node.id}
      data-value={String(node.bytes_per_second ?? "")}
      style={{
        left: `${String(box.x)}px`,
        top: `${String(box.y)}px`,
        width: `${String(box.width)}px`,
        height: `${String(box.height)}px`,
      }}
      onMouseEnter={() => {
        point(key(box.side, node.id));
      }}
      onFocusCapture={() => {
        point(key(box.side, node.id));
      }}
      onBlurCapture={() => {
        point(null);
      }}
    >
      <div class="node-line">
        <a class="node-name" href={address(shell, box)}>
          {node.kind === "group" ? <span class="node-kind">group</span> : null}
          <bdi>{node.name}</bdi>
        </a>
        {isGroup ? (
          <span class="lag" data-lag={String(node.lag_records ?? "")}>
            lag{" "}
            <Num
              value={node.lag_records}
              unit="records"
              title={`Lag of ${node.name}`}
              promql={node.lag_promql}
              help={help}
            />
          </span>
        ) : (
          <Num
            value={node.bytes_per_second}
            unit="bytes_per_second"
            title={node.name}
            promql={node.promql}
            help={help}
          />
        )}
      </div>
      {hasErrors(node) ? (
        <span class={`badge flow-${String(errorStep(share))}`} data-errors={String(share)}>
          <Icon name="warning" />
          <Num
            value={share}
            unit="share"
            title={`Share of errors of ${node.name}`}
            promql={node.error_promql}
            help={help}
          />
          {" errors"}
        </span>
      ) : null}
    </li>
  );
}

/** What stays bright: the flow through what is pointed at, or what a search has found. */
function litBy(panel: MapPanel, pointed: string | null, search: string): ReadonlySet<string> | null {
  if (pointed !== null) {
    return connected(panel, pointed);
  }
  const wanted = search.trim().toLowerCase();
  if (wanted === "") {
    return null;
  }
  const found = SIDES.flatMap((side) =>
    panel[side].filter((node) => node.name.toLowerCase().includes(wanted)).map((node) => key(side, node.id)),
  );
  return found.length === 0 ? null : new Set(found.flatMap((box) => [...connected(panel, box)]));
}

function address(shell: Shell, { node }: Box): string {
  if (node.kind === "rest") {
    return shell.href(REST_PAGES[node.of], null);
  }
  return shell.href(node.kind, node.name);
}

/** Whatever a stranger's name has in it, what follows it keeps its direction. */
function isolated(name: string): string {
  return `\u2068${name}\u2069`;
}

/** How many things a column stands for, those of the rest included. */
function counted(nodes: MapNode[]): string {
  return String(nodes.reduce((sum, node) => sum + node.count, 0));
}
