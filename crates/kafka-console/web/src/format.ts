/**
 * Numbers as people read them: three significant digits and a unit.
 *
 * Bytes have binary prefixes (1 KiB = 1024 B), everything else decimal ones (1 k = 1000). A number and its
 * unit are kept apart, so that columns can align both.
 */

import type { Unit } from "./api";

export interface Formatted {
  number: string;
  /** Short, for columns and axes: `KiB/s`, `k/s`, `ms`. */
  unit: string;
  /** What is counted, where there is room to say it: `records/s`. Empty when `unit` says it all. */
  noun: string;
}

const NOTHING: Formatted = { number: "–", unit: "", noun: "" };

const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const DECIMAL = ["", "k", "M", "G", "T", "P"];

const NOUNS: Partial<Record<Unit, string>> = {
  records_per_second: "records",
  requests_per_second: "requests",
  errors_per_second: "errors",
  batches_per_second: "batches",
  records: "records",
};

const RATES: ReadonlySet<Unit> = new Set<Unit>([
  "bytes_per_second",
  "records_per_second",
  "requests_per_second",
  "errors_per_second",
  "batches_per_second",
  "per_second",
]);

/** A value with its unit; a value that is absent or not finite reads as a dash. */
export function format(value: number | null | undefined, unit: Unit): Formatted {
  if (value === null || value === undefined || !Number.isFinite(value)) {
    return NOTHING;
  }
  const noun = NOUNS[unit] ?? "";
  switch (unit) {
    case "bytes":
    case "bytes_per_second": {
      const [number, prefix] = scaled(value, 1024, BINARY);
      return { number, unit: RATES.has(unit) ? `${prefix}/s` : prefix, noun };
    }
    case "seconds":
      return seconds(value);
    case "share":
      return { number: share(value), unit: "%", noun };
    case "time":
      return { number: clock(value), unit: "", noun };
    case "text":
      return { number: String(value), unit: "", noun };
    default: {
      const [number, prefix] = scaled(value, 1000, DECIMAL);
      return { number, unit: RATES.has(unit) ? `${prefix}/s` : prefix, noun };
    }
  }
}

/** One string, for axes, labels and screen readers: `12.4 KiB/s`, `1.23 k records/s`. */
export function text(value: number | null | undefined, unit: Unit): string {
  const { number, unit: short, noun } = format(value, unit);
  if (noun === "" || number === NOTHING.number) {
    return short === "" ? number : `${number}\u00a0${short}`;
  }
  const [prefix, rate] = short.split("/");
  const parts = [number, prefix ?? "", `${noun}${rate === undefined ? "" : `/${rate}`}`];
  return parts.filter((part) => part !== "").join("\u00a0");
}

/** The value with all its digits, and a time with its zone, for the popover and for whoever copies it. */
export function exact(value: number | null, unit: Unit): string {
  if (value === null || !Number.isFinite(value)) {
    return "no data";
  }
  if (unit === "time") {
    return new Date(value * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
  }
  if (unit === "share") {
    return `${full(value * 100)}\u00a0%`;
  }
  const names: Partial<Record<Unit, string>> = {
    bytes: "B",
    bytes_per_second: "B/s",
    per_second: "per second",
    seconds: "s",
    records: "records",
  };
  const name = names[unit] ?? unit.replace("_per_second", " per second");
  return unit === "count" || unit === "text" ? full(value) : `${full(value)}\u00a0${name}`;
}

/** Six places, and as many more as a small number has zeros: what is not 0 does not read as 0. */
function full(value: number): string {
  const size = Math.abs(value);
  const zeros = size > 0 && size < 0.1 ? Math.ceil(-Math.log10(size)) : 0;
  return trimmed(value, Math.min(100, 6 + zeros));
}

/** A span of time as people say it: `40 s`, `12 min`, `3 h`. */
export function span(secondsTotal: number): string {
  const { number, unit } = seconds(Math.max(0, Math.round(secondsTotal)));
  return `${number}\u00a0${unit}`;
}

/** A time of day, with the date when it is not today's. */
export function clock(epochSeconds: number, now: Date = new Date()): string {
  const date = new Date(epochSeconds * 1000);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  if (date.toDateString() === now.toDateString()) {
    return time;
  }
  return `${String(date.getFullYear())}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

function seconds(value: number): Formatted {
  const size = Math.abs(value);
  const [factor, unit] =
    size === 0
      ? [1, "s"]
      : size < 0.0009995
        ? [1e6, "µs"]
        : size < 0.9995
          ? [1e3, "ms"]
          : size < 119.5
            ? [1, "s"]
            : size < 7170
              ? [1 / 60, "min"]
              : size < 172_000
                ? [1 / 3600, "h"]
                : [1 / 86_400, "d"];
  return { number: digits(value * factor), unit, noun: "" };
}

function share(value: number): string {
  const percent = value * 100;
  if (percent !== 0 && Math.abs(percent) < 0.01) {
    return percent > 0 ? "<0.01" : ">-0.01";
  }
  return digits(percent);
}

function scaled(value: number, base: number, prefixes: string[]): [string, string] {
  let left = value;
  let step = 0;
  // From 999.5 on the next prefix says it with three digits: 1000 KiB is 0.977 MiB.
  while (Math.abs(left) >= 999.5 && step < prefixes.length - 1) {
    left /= base;
    step += 1;
  }
  return [digits(left), prefixes[step] ?? ""];
}

/** Three significant digits, never an exponent: `1.23`, `12.3`, `123`. */
function digits(value: number): string {
  const size = Math.abs(value);
  if (size === 0) {
    return "0";
  }
  if (size >= 99.95) {
    return String(Math.round(value));
  }
  if (size < 0.001) {
    return value > 0 ? "<0.001" : ">-0.001";
  }
  const places = size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3;
  return trimmed(value, places);
}

function trimmed(value: number, places: number): string {
  const written = value.toFixed(places);
  return written.includes(".") ? written.replace(/\.?0+$/, "") : written;
}
