/**
 * What the map says beside its drawing: what is pointed at, the legend, the flows in words, what was left
 * out.
 */

import type { JSX } from "preact";

import type { Cell, MapEdge, MapNode, MapPanel, MeasuredCell, TablePanel, Unit } from "../api";
import { text } from "../format";
import { key, type Layout, SIDES } from "./map_layout";

/** What the pointer is on, in words and at a place that does not move. */
export function Readout({ panel, id }: { panel: MapPanel; id: string | null }): JSX.Element {
  const edge = panel.edges.find((candidate) => `${candidate.from}|${candidate.to}` === id);
  const nodes = SIDES.flatMap((side) => panel[side].map((each) => [key(side, each.id), each] as const));
  const node = nodes.find(([place]) => place === id)?.[1];
  const byId = (wanted: string): MapNode | undefined => nodes.find(([, { id: own }]) => own === wanted)?.[1];
  const said = amounts(edge ?? node);
  return (
    <div class="map-readout" aria-hidden="true">
      {said.length === 0 ? (
        <span class="muted">Point at a box or a ribbon to follow it; a box opens its page.</span>
      ) : (
        <>
          <strong>
            {edge === undefined ? (
              <NodeName node={node} />
            ) : (
              <>
                <NodeName node={byId(edge.from)} /> → <NodeName node={byId(edge.to)} />
              </>
            )}
          </strong>
          {said.map((part) => (
            <span key={part}>{part}</span>
          ))}
        </>
      )}
    </div>
  );
}

/** As its box has it: only groups say what they are, columns say it of the others. */
function NodeName({ node }: { node: MapNode | undefined }): JSX.Element | null {
  return node === undefined ? null : (
    <>
      {node.kind === "group" ? "group " : ""}
      <bdi>{node.name}</bdi>
    </>
  );
}

/** A group, or the ribbon to one. */
function isOfGroup(of: MapNode | MapEdge): boolean {
  return "of" in of ? of.of === "group" : of.lag_records !== null;
}

/** What is known of a box or a ribbon. */
function amounts(of: MapNode | MapEdge | undefined): string[] {
  if (of === undefined) {
    return [];
  }
  const { bytes_per_second: bytes, records_per_second: records, lag_records: lag } = of;
  const share = "error_share" in of ? of.error_share : null;
  return [
    bytes === null ? "" : text(bytes, "bytes_per_second"),
    records === null ? "" : text(records, "records_per_second"),
    share === null ? "" : `${text(share, "share")} errors`,
    lag === null ? "" : `lag ${text(lag, "records")}`,
    bytes === null && isOfGroup(of) ? "bytes are those of its clients" : "",
  ].filter((part) => part !== "");
}

export function MapLegend({ layout: { bytesAtTenPixels, ribbons } }: { layout: Layout }): JSX.Element {
  const steps = ["no errors", "from 0.1 %", "from 1 %", "from 5 %"];
  return (
    <ul class="map-legend" aria-label="Legend">
      {steps.map((name, step) => (
        <li key={name}>
          <span class={`flow-swatch flow-${String(step)}`} />
          {name}
        </li>
      ))}
      {ribbons.some((ribbon) => ribbon.errorShare === null) ? (
        <li>
          <span class="flow-swatch flow-unknown" />
          errors not known
        </li>
      ) : null}
      <li>
        <span class="flow-swatch flow-width" />
        {text(bytesAtTenPixels, "bytes_per_second")}
      </li>
      <li>
        <span class="flow-swatch flow-dashed" />
        group, no bytes of its own
      </li>
    </ul>
  );
}

/** The flows in words, for who does not see the drawing. */
export function FlowWords({ panel }: { panel: MapPanel }): JSX.Element {
  const named = naming(panel);
  return (
    // A table is as high as its rows, whatever its style says: the box around it is what is hidden.
    <div class="visually-hidden">
      <table>
        <caption>Flows of {panel.title}</caption>
        <thead>
          <tr>
            <th scope="col">From</th>
            <th scope="col">To</th>
            <th scope="col">Bytes per second</th>
            <th scope="col">Records per second</th>
            <th scope="col">Lag</th>
          </tr>
        </thead>
        <tbody>
          {panel.edges.map((edge) => (
            <tr key={`${edge.from}|${edge.to}`}>
              <th scope="row">
                <bdi>{named(edge.from)}</bdi>
              </th>
              <td>
                <bdi>{named(edge.to)}</bdi>
              </td>
              <td>{text(edge.bytes_per_second, "bytes_per_second")}</td>
              <td>{text(edge.records_per_second, "records_per_second")}</td>
              <td>{text(edge.lag_records, "records")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function LeftOut({ panel }: { panel: MapPanel }): JSX.Element | null {
  const { writers, topics, readers, bytes_per_second: bytes } = panel.left_out;
  const parts = [
    writers > 0 ? `${String(writers)} writing clients` : "",
    topics > 0 ? `${String(topics)} topics` : "",
    readers > 0 ? `${String(readers)} readers` : "",
  ].filter((part) => part !== "");
  return parts.length === 0 ? null : (
    <p class="foot">
      {parts.join(", ")} are drawn together as the rest ({text(bytes, "bytes_per_second")}). Search by name to
      draw them alone, or open the tables.
    </p>
  );
}

/** The flows as a table to sort and search, for who prefers it to the map. */
export function flowTable(panel: MapPanel): TablePanel {
  const named = naming(panel);
  const column = (key: string, title: string, unit: Unit): TablePanel["columns"][number] => ({
    key,
    title,
    unit,
    help: "",
    promql: null,
    link: null,
  });
  return {
    kind: "table",
    id: `${panel.id}-flows`,
    title: `Flows of ${panel.title}`,
    help: panel.help,
    columns: [
      column("from", "From", "text"),
      column("to", "To", "text"),
      column("bytes", "Bytes", "bytes_per_second"),
      column("records", "Records", "records_per_second"),
      column("lag", "Lag", "records"),
    ],
    rows: panel.edges
      .toSorted(mostBytesFirst)
      .map((edge): Cell[] => [
        named(edge.from),
        named(edge.to),
        edge.bytes_per_second === null
          ? null
          : measured(edge.bytes_per_second, "bytes_per_second", edge.promql),
        edge.records_per_second,
        edge.lag_records === null
          ? null
          : measured(edge.lag_records, "records", edge.bytes_per_second === null ? edge.promql : ""),
      ]),
    left_out: 0,
    empty: "No flows.",
    sort: { column: 2, descending: true },
  };
}

/** As the head of the column says; what has no bytes comes last. */
function mostBytesFirst(a: MapEdge, b: MapEdge): number {
  return (b.bytes_per_second ?? -1) - (a.bytes_per_second ?? -1);
}

function measured(value: number, unit: Unit, promql: string): MeasuredCell {
  return { value, unit, promql, tone: "plain" };
}

/**
 * What a node's id is to people: `client billing` and `group billing` are two things. The rest has a name
 * that says what it is.
 */
export function naming(panel: MapPanel): (id: string) => string {
  const names = new Map(
    SIDES.flatMap((side) => panel[side]).map((node) => [
      node.id,
      node.kind === "rest" ? node.name : `${node.kind} ${node.name}`,
    ]),
  );
  return (id) => names.get(id) ?? id.replace(":", " ");
}
