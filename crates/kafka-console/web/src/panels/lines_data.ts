/** Time series as a chart draws them: sums for a stack, and the last value of each. */

import type { Line, LinesPanel } from "../api";

type Points = Line["points"];

/**
 * The lines at the places that they had: a live update changes neither a line's colour nor its place in the
 * legend. New ones take the places of those that are gone.
 */
export function keepPlaces(before: readonly string[], lines: Line[]): Line[] {
  const known = new Map(lines.map((line) => [line.name, line]));
  const fresh = lines.filter((line) => !before.includes(line.name));
  const kept = before.flatMap((name): Line[] => {
    const line = known.get(name) ?? fresh.shift();
    return line === undefined ? [] : [line];
  });
  return [...kept, ...fresh];
}

/** The lines of a panel at their places; the one that is the rest together stays the last. */
export function keptLines(before: readonly string[], { lines, summed }: LinesPanel): Line[] {
  const named = summed ? lines.slice(0, -1) : lines;
  return [...keepPlaces(before, named), ...lines.slice(named.length)];
}

/** Each line on top of those before it. A gap adds nothing, and is a gap in its own line. */
export function stack(lines: Points[]): Points[] {
  const sums: number[] = [];
  return lines.map((points) =>
    points.map((value, index) => {
      const below = sums[index] ?? 0;
      const sum = below + (value ?? 0);
      sums[index] = sum;
      return value === null ? null : sum;
    }),
  );
}

/** The newest value; null when the newest point is a gap, because an older one is not what is. */
export function latest(points: Points): number | null {
  return points.at(-1) ?? null;
}

/** What someone hears who does not see the chart. */
export function summary(panel: LinesPanel, say: (value: number | null) => string): string {
  const lines = panel.lines.map((line) => `${line.name}: ${say(latest(line.points))}`);
  return `${panel.title}. Latest values: ${lines.join("; ") || "none"}.`;
}

/** Round numbers of KiB and MiB, not of thousands of bytes. */
export function binarySplits(low: number, high: number): number[] {
  let step = 1;
  while ((high - low) / step > 5) {
    step *= 2;
  }
  return multiples(step, low, high);
}

/** Round numbers of seconds, minutes and hours; below a minute they are decimal. */
export function timeSplits(low: number, high: number): number[] {
  const reach = Math.max(high - low, 1e-9);
  const whole = [15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400, 604_800];
  const step = reach > 60 ? whole.find((one) => reach / one <= 5) : undefined;
  return multiples(step ?? decimalStep(reach), low, high);
}

/** 1, 2 or 5 of a power of ten, so that there are at most five steps. */
function decimalStep(reach: number): number {
  const power = 10 ** Math.floor(Math.log10(reach / 5));
  return ([1, 2, 5].find((factor) => reach / (factor * power) <= 5) ?? 10) * power;
}

function multiples(step: number, low: number, high: number): number[] {
  const first = Math.ceil(low / step);
  // By count, not by addition: 0.1 + 0.2 is not 0.3.
  const count = Math.max(0, Math.floor(high / step) - first + 1);
  return Array.from({ length: count }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}
