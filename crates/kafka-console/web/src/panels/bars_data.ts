/** A distribution as bars: which buckets are worth a bar, and where a quantile stands among them. */

import type { Bar } from "../api";

export interface Span {
  bars: Bar[];
  /** What the first bar begins at. */
  from: number;
}

/** The bars between the first and the last that count something, with one empty bar on either side. */
export function trim(bars: Bar[]): Span {
  const first = bars.findIndex((bar) => bar.count > 0);
  if (first === -1) {
    return { bars: [], from: 0 };
  }
  const last = bars.findLastIndex((bar) => bar.count > 0);
  const start = Math.max(0, first - 1);
  return { bars: bars.slice(start, last + 2), from: start === 0 ? 0 : (bars[start - 1]?.up_to ?? 0) };
}

/** How far to the right a value stands, 0 to 1: bars are equally wide, and within one the way is even. */
export function place({ bars, from }: Span, value: number): number | null {
  let low = from;
  for (const [index, bar] of bars.entries()) {
    const high = bar.up_to;
    if (high === null) {
      return index / bars.length;
    }
    if (value <= high) {
      const within = high > low ? Math.max(0, value - low) / (high - low) : 0;
      return (index + within) / bars.length;
    }
    low = high;
  }
  return bars.length === 0 ? null : 1;
}
