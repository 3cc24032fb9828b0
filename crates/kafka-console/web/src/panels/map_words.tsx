/**
 * What the map says beside its drawing: what is pointed at, the legend, the flows in words, what was left
 * out.
 */

import type { JSX } from "preact";

import type { MapPanel, TablePanel } from "../api";
import { text } from "../format";
import { key, type Layout, SIDES } from "./map_layout";

/** What the pointer is on, in words and at a place that does not move. */
export function Readout({ panel, id }: { panel: MapPanel; id: string | null }): JSX.Element {
  const edge = panel.edges.find((candidate) => `${candidate.from}|${candidate.to}` === id);
  const node = SIDES.flatMap((side) => panel[side].filter((candidate) => key(side, candidate.id) === id))[0];
  const said =
    edge === undefined
      ? node === undefined
        ? []
        : [
            text(node.bytes_per_second, "bytes_per_second"),
            text(node.records_per_second, "records_per_second"),
            node.error_share === null ? "" : `${text(node.error_share, "share")} errors`,
            node.lag_records === null ? "" : `lag ${text(node.lag_records, "records")}`,
          ]
      : edge.to.startsWith("group:")
        ? ["a group's reading: its bytes are those of its clients"]
        : [
            text(edge.bytes_per_second, "bytes_per_second"),
            text(edge.records_per_second, "records_per_second"),
          ];
  return (
    <div class="map-readout" aria-hidden="true">
      {said.length === 0 ? (
        <span class="muted">Point at a box or a ribbon to follow it; a box opens its page.</span>
      ) : (
        <>
          <strong>
            {edge === undefined ? (
              <bdi>{node?.name}</bdi>
            ) : (
              <>
                <bdi>{plain(edge.from)}</bdi> → <bdi>{plain(edge.to)}</bdi>
              </>
            )}
          </strong>
          {said
            .filter((part) => part !== "")
            .map((part) => (
              <span key={part}>{part}</span>
            ))}
        </>
      )}
    </div>
  );
}

export function MapLegend({ layout: { bytesAtTenPixels } }: { layout: Layout }): JSX.Element {
  const steps = ["no errors", "from 0.1 %", "from 1 %", "from 5 %"];
  return (
    <ul class="map-legend" aria-label="Legend">
      {steps.map((name, step) => (
        <li key={name}>
          <span class={`flow-swatch flow-${String(step)}`} />
          {name}
        </li>
      ))}
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
          </tr>
        </thead>
        <tbody>
          {panel.edges.map((edge) => (
            <tr key={`${edge.from}|${edge.to}`}>
              <th scope="row">{plain(edge.from)}</th>
              <td>{plain(edge.to)}</td>
              <td>{text(edge.bytes_per_second, "bytes_per_second")}</td>
              <td>{text(edge.records_per_second, "records_per_second")}</td>
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
  const column = (
    key: string,
    title: string,
    unit: "text" | "bytes_per_second" | "records_per_second",
  ): TablePanel["columns"][number] => ({
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
    ],
    rows: panel.edges.map((edge) => [
      plain(edge.from),
      plain(edge.to),
      edge.bytes_per_second,
      edge.records_per_second,
    ]),
    left_out: 0,
    empty: "No flows.",
    sort: { column: 2, descending: true },
  };
}

/** `topic:orders` without what it is. */
export function plain(id: string): string {
  return id.slice(id.indexOf(":") + 1);
}
