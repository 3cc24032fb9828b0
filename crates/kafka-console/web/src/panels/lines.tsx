/**
 * Time series: a chart with its legend as a list of values, which follows the pointer on all charts at once.
 */

import type { JSX } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";

import type { Line, LinesPanel } from "../api";
import { clock, exact, format, text } from "../format";
import { Num } from "../parts/num";
import { useShell } from "../state/context";
import { binarySplits, keptLines, latest, stack, summary, timeSplits } from "./lines_data";
import { inks, lineColour, lineDash } from "./palette";

const HEIGHT_PX = 196;
const CURSORS = "time";

export function Lines({ panel: told }: { panel: LinesPanel }): JSX.Element {
  const { dark } = useShell();
  const places = useRef<string[]>([]);
  const panel = useMemo(() => ({ ...told, lines: keptLines(places.current, told) }), [told]);
  places.current = panel.lines.map((line) => line.name);
  const together = panel.left_out === 1 ? "" : " together";
  const smaller = panel.left_out === 1 ? "one smaller line" : `${String(panel.left_out)} smaller lines`;
  const [stacked, setStacked] = useState(panel.stacked);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [at, setAt] = useState<number | null>(null);
  const holder = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);

  const drawn = panel.times.length === 0 ? 0 : panel.lines.length;
  const data = (): uPlot.AlignedData => {
    const points = panel.lines.map((line) =>
      hidden.has(line.name) ? line.points.map(() => null) : line.points,
    );
    return [panel.times, ...(stacked ? stack(points) : points)];
  };

  useLayoutEffect(() => {
    const element = holder.current;
    if (element === null || drawn === 0) {
      return undefined;
    }
    const options = chartOptions(panel, { dark, stacked, width: element.clientWidth, onCursor: setAt });
    const made = new uPlot(options, data(), element);
    chart.current = made;
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0 && element.clientWidth !== made.width) {
        made.setSize({ width: element.clientWidth, height: HEIGHT_PX });
      }
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      chart.current = null;
    };
    // A chart is made anew when it has more lines or fewer: it knows no names. New points are set below.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [drawn, panel.unit, stacked, dark]);

  // Before the frame is drawn: after it, the same update would take a second one.
  useLayoutEffect(() => {
    chart.current?.setData(data());
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [panel, hidden, stacked]);

  if (drawn === 0) {
    return <p class="empty">Nothing in this range. A longer range reaches further back.</p>;
  }
  const index = at === null ? null : Math.min(at, panel.times.length - 1);
  return (
    <div class="lines">
      <div
        ref={holder}
        class="chart"
        role="img"
        tabIndex={0}
        aria-label={summary(panel, (value) => text(value, panel.unit))}
        onKeyDown={(event) => {
          moveCursor(event, chart.current);
        }}
      />
      <div class="legend">
        <div class="legend-head">
          <span
            class="legend-time"
            title={exact(panel.times[index ?? panel.times.length - 1] ?? null, "time")}
          >
            {index === null ? "Latest" : clock(panel.times[index] ?? 0)}
          </span>
          {panel.lines.length > 1 && isAdditive(panel) ? (
            <button
              type="button"
              class="chip"
              aria-pressed={stacked}
              onClick={() => {
                setStacked(!stacked);
              }}
            >
              Stacked
            </button>
          ) : null}
        </div>
        <ul
          class="legend-list"
          tabIndex={panel.lines.length > 6 ? 0 : -1}
          aria-label={`Lines of ${panel.title}`}
        >
          {panel.lines.map((line, place) => (
            <LegendEntry
              key={line.name}
              line={line}
              place={place}
              past={index !== null && index !== panel.times.length - 1}
              stacked={stacked}
              off={hidden.has(line.name)}
              value={index === null ? latest(line.points) : (line.points[index] ?? null)}
              panel={panel}
              onToggle={() => {
                setHidden(toggled(hidden, line.name));
              }}
              onFocus={(on) => {
                chart.current?.setSeries(on ? place + 1 : null, { focus: true });
              }}
            />
          ))}
        </ul>
        {panel.left_out > 0 ? (
          <p class="foot">
            {panel.summed ? `The last line is ${smaller}${together}.` : `Not drawn: ${smaller}.`}
          </p>
        ) : null}
      </div>
    </div>
  );
}

interface EntryProps {
  line: Line;
  place: number;
  /** Whether the value is of an earlier point than the newest. */
  past: boolean;
  stacked: boolean;
  off: boolean;
  value: number | null;
  panel: LinesPanel;
  onToggle: () => void;
  onFocus: (on: boolean) => void;
}

function LegendEntry({
  line: { name, promql },
  place,
  past,
  stacked,
  off,
  value,
  panel,
  onToggle,
  onFocus,
}: EntryProps): JSX.Element {
  const { dark } = useShell();
  return (
    <li
      class={off ? "legend-entry off" : "legend-entry"}
      data-line={name}
      data-value={value === null ? "" : String(value)}
      onMouseEnter={() => {
        onFocus(true);
      }}
      onMouseLeave={() => {
        onFocus(false);
      }}
    >
      <button
        type="button"
        class="legend-name"
        aria-pressed={!off}
        title="Show or hide this line"
        onClick={onToggle}
      >
        <svg class="swatch" viewBox="0 0 22 10" aria-hidden="true">
          {stacked ? (
            <rect x="1" y="1" width="20" height="8" rx="2" fill={lineColour(place, dark)} />
          ) : (
            <path
              d="M1 5h20"
              stroke={lineColour(place, dark)}
              stroke-width="2.5"
              stroke-dasharray={lineDash(place).join(" ")}
            />
          )}
        </svg>
        <bdi>{name}</bdi>
      </button>
      <Num
        value={value}
        unit={panel.unit}
        title={`${panel.title}, ${name}`}
        promql={promql}
        past={past}
        help={panel.help}
      />
    </li>
  );
}

interface Look {
  dark: boolean;
  stacked: boolean;
  width: number;
  onCursor: (index: number | null) => void;
}

function chartOptions(panel: LinesPanel, look: Look): uPlot.Options {
  const { grid, text: ink, cursor } = inks(look.dark);
  const font = "11px Inter, system-ui, sans-serif";
  const axis = { stroke: ink, font, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
  return {
    width: Math.max(look.width, 200),
    height: HEIGHT_PX,
    padding: [10, 8, 0, 0],
    legend: { show: false },
    cursor: {
      sync: { key: CURSORS, setSeries: false },
      points: { size: 7 },
      drag: { x: false, y: false, setScale: false },
      focus: { prox: -1 },
    },
    focus: { alpha: 0.18 },
    scales: { x: { time: true }, y: { range: (_, low, high) => yRange(low, high) } },
    axes: [
      { ...axis, size: 28, space: 72, gap: 6, values: (_, ticks) => timeTexts(ticks) },
      {
        ...axis,
        size: 78,
        gap: 8,
        values: (_, ticks) => ticks.map((tick) => axisText(tick, panel)),
        ...splitsOf(panel),
      },
    ],
    series: [
      {},
      ...panel.lines.map((_, place): uPlot.Series => {
        const colour = lineColour(place, look.dark);
        return {
          stroke: colour,
          width: look.stacked ? 1 : 1.75,
          points: { show: false },
          ...(look.stacked ? { fill: `${colour}59` } : { dash: lineDash(place) }),
        };
      }),
    ],
    // A band paints between a sum and the one below it, so that each layer has its own colour.
    bands: look.stacked
      ? panel.lines.slice(1).map((_, place) => ({ series: [place + 2, place + 1] as [number, number] }))
      : [],
    hooks: {
      setCursor: [
        (chart) => {
          look.onCursor(
            chart.cursor.left !== undefined && chart.cursor.left >= 0 ? (chart.cursor.idx ?? null) : null,
          );
        },
      ],
      init: [
        (chart) => {
          chart.root.style.setProperty("--cursor", cursor);
        },
      ],
    },
  };
}

/** Axes begin at nothing: a rate that looks large because its axis is cut is a lie. */
function yRange(low: number | null, high: number | null): uPlot.Range.MinMax {
  const top = high === null || high <= 0 ? 1 : high * 1.08;
  return [Math.min(0, low ?? 0), top];
}

function axisText(value: number, panel: LinesPanel): string {
  const { number, unit } = format(value, panel.unit);
  return unit === "" ? number : `${number} ${unit}`;
}

/** `14:05`, with seconds or the day when ticks are closer or further apart. */
function timeTexts(ticks: number[]): string[] {
  const step = (ticks[1] ?? 0) - (ticks[0] ?? 0);
  return ticks.map((tick) => {
    const date = new Date(tick * 1000);
    if (step >= 86_400) {
      return date.toLocaleDateString(undefined, { day: "numeric", month: "short" });
    }
    const time = date.toTimeString();
    return step > 0 && step < 60 ? time.slice(0, 8) : time.slice(0, 5);
  });
}

/** Round numbers of the unit that people read: KiB, minutes. */
function splitsOf(panel: LinesPanel): Partial<uPlot.Axis> {
  const splits =
    panel.unit === "bytes" || panel.unit === "bytes_per_second"
      ? binarySplits
      : panel.unit === "seconds"
        ? timeSplits
        : null;
  return splits === null ? {} : { splits: (_chart, _axis, low, high) => splits(low, high) };
}

/** Sums make sense for amounts, not for latencies and shares. */
function isAdditive(panel: LinesPanel): boolean {
  return panel.unit !== "seconds" && panel.unit !== "share" && panel.unit !== "time";
}

function toggled(set: ReadonlySet<string>, name: string): ReadonlySet<string> {
  const next = new Set(set);
  if (!next.delete(name)) {
    next.add(name);
  }
  return next;
}

/** Left and right read the chart point by point; Escape leaves it at the latest. */
function moveCursor(event: KeyboardEvent, chart: uPlot | null): void {
  const times = chart?.data[0];
  if (chart === null || times === undefined || times.length === 0) {
    return;
  }
  if (event.key === "Escape") {
    chart.setCursor({ left: -10, top: -10 });
    return;
  }
  const by = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
  if (by === 0) {
    return;
  }
  event.preventDefault();
  const from = chart.cursor.idx ?? times.length - 1;
  const next = Math.min(times.length - 1, Math.max(0, from + by));
  chart.setCursor({ left: chart.valToPos(times[next] ?? 0, "x"), top: chart.over.clientHeight / 2 });
}
