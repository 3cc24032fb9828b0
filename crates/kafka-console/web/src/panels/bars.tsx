/** A distribution: one bar for each bucket, and marks where half and nearly all of it lie. */

import type { ComponentChildren, JSX } from "preact";

import type { Bar, BarsPanel } from "../api";
import { text } from "../format";
import { Num } from "../parts/num";
import { useWidth } from "../parts/width";
import { useShell } from "../state/context";
import { place, trim } from "./bars_data";

/** What a label below a bar needs. */
const LABEL_PX = 58;

/** What a number above a bar needs: three digits, a point and a letter. */
const NUMBER_PX = 40;

export function Bars({ panel }: { panel: BarsPanel }): JSX.Element {
  const [hold, width] = useWidth();
  const span = trim(panel.bars);
  const total = span.bars.reduce((sum, bar) => sum + bar.count, 0);
  if (total === 0) {
    return <p class="empty">Nothing was measured in this range.</p>;
  }
  const max = Math.max(...span.bars.map((bar) => bar.count));
  const hasNumbers = width >= NUMBER_PX * span.bars.length;
  const every = Math.max(1, Math.ceil((LABEL_PX * span.bars.length) / Math.max(width, 1)));
  return (
    <div class="bars" ref={hold}>
      <div class="bars-plot">
        {span.bars.map((bar, index) => (
          <BarBox key={bar.label} bar={bar} panel={panel} total={total}>
            <span class="visually-hidden">
              {bar.label}: {text(bar.count, "count")}, {text(bar.count / total, "share")}
            </span>
            <span class="bar-number" aria-hidden="true">
              {bar.count > 0 && hasNumbers ? text(bar.count, "count").replace("\u00a0", "") : ""}
            </span>
            <span
              class="bar-fill"
              style={{ height: `${String(bar.count === 0 ? 0 : Math.max(1.5, (bar.count / max) * 100))}%` }}
            />
            {/* A bound stands where its bar ends. */}
            <span class="bar-label" aria-hidden="true">
              {index % every === every - 1 && bar.up_to !== null ? text(bar.up_to, panel.unit) : ""}
            </span>
          </BarBox>
        ))}
        {panel.marks.map((mark) => {
          const at = place(span, mark.value);
          return at === null ? null : (
            <span
              key={mark.name}
              class={`mark mark-${mark.name}`}
              style={{ left: `${String(at * 100)}%` }}
              aria-hidden="true"
            />
          );
        })}
      </div>
      <dl class="marks">
        {panel.marks.map((mark) => (
          <div
            key={mark.name}
            class={`mark-value mark-${mark.name}`}
            data-mark={mark.name}
            data-value={String(mark.value)}
          >
            <dt>{mark.name}</dt>
            <dd>
              <Num
                value={mark.value}
                unit={panel.unit}
                title={`${panel.title}, ${mark.name}`}
                promql={mark.promql}
                help={panel.help}
              />
            </dd>
          </div>
        ))}
        <div class="mark-value">
          <dt>all</dt>
          <dd>{text(total, "count")}</dd>
        </div>
      </dl>
    </div>
  );
}

interface BoxProps {
  bar: Bar;
  panel: BarsPanel;
  total: number;
  children: ComponentChildren;
}

/** A button where a query gives the bar's count. */
function BarBox({ bar, panel, total, children }: BoxProps): JSX.Element {
  const { ask } = useShell();
  const shared = {
    class: "bar",
    "data-bar": bar.label,
    "data-value": String(bar.count),
    title: `${bar.label}: ${text(bar.count, "count")} (${text(bar.count / total, "share")})`,
  };
  if (bar.promql === "") {
    return <div {...shared}>{children}</div>;
  }
  return (
    <button
      type="button"
      {...shared}
      onClick={(event) => {
        ask({
          title: `${panel.title}, ${bar.label}`,
          value: bar.count,
          unit: "count",
          promql: bar.promql,
          help: panel.help,
          anchor: event.currentTarget,
        });
      }}
    >
      {children}
    </button>
  );
}
