import { describe, expect, it } from "vitest";

import type { Unit } from "../src/api";
import { clock, exact, format, span, text } from "../src/format";

function short(value: number | null, unit: Unit): string {
  const { number, unit: name } = format(value, unit);
  return `${number} ${name}`.trim();
}

describe("three digits and a unit", () => {
  it.each<[number, Unit, string]>([
    [0, "bytes_per_second", "0 B/s"],
    [1, "bytes_per_second", "1 B/s"],
    [999, "bytes_per_second", "999 B/s"],
    [1000, "bytes_per_second", "0.977 KiB/s"],
    [1024, "bytes", "1 KiB"],
    [1536, "bytes", "1.5 KiB"],
    [12_700, "bytes_per_second", "12.4 KiB/s"],
    [1_048_576, "bytes", "1 MiB"],
    [5 * 1024 ** 4, "bytes", "5 TiB"],
    [999.4, "records_per_second", "999 /s"],
    [999.6, "records_per_second", "1 k/s"],
    [12_345, "requests_per_second", "12.3 k/s"],
    [0.84, "errors_per_second", "0.84 /s"],
    [0.0004, "errors_per_second", "<0.001 /s"],
    [1_234_567, "count", "1.23 M"],
    [48_211, "records", "48.2 k"],
    [9.996, "count", "10"],
    [99.96, "count", "100"],
    [-1536, "bytes", "-1.5 KiB"],
  ])("%d %s reads %s", (value, unit, expected) => {
    expect(short(value, unit)).toBe(expected);
  });

  it.each<[number, string]>([
    [0, "0 s"],
    [0.000_25, "250 µs"],
    [0.0031, "3.1 ms"],
    [0.9996, "1 s"],
    [61, "61 s"],
    [150, "2.5 min"],
    [7200, "2 h"],
    [259_200, "3 d"],
  ])("%d seconds read %s", (value, expected) => {
    expect(short(value, "seconds")).toBe(expected);
  });

  it.each<[number, string]>([
    [0, "0 %"],
    [0.5, "50 %"],
    [0.0123, "1.23 %"],
    [0.000_01, "<0.01 %"],
    [1, "100 %"],
  ])("a share of %d reads %s", (value, expected) => {
    expect(short(value, "share")).toBe(expected);
  });

  it("says that there is no number, and never NaN", () => {
    for (const nothing of [null, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(short(nothing, "bytes")).toBe("–");
    }
    expect(format(undefined, "count").number).toBe("–");
    expect(exact(null, "bytes")).toBe("no data");
  });
});

describe("in one string", () => {
  it("says what is counted", () => {
    expect(text(12_345, "records_per_second")).toBe("12.3\u00a0k\u00a0records/s");
    expect(text(3, "requests_per_second")).toBe("3\u00a0requests/s");
    expect(text(12_700, "bytes_per_second")).toBe("12.4\u00a0KiB/s");
    expect(text(48_211, "records")).toBe("48.2\u00a0k\u00a0records");
    expect(text(null, "records_per_second")).toBe("–");
  });

  it("has all digits for the popover", () => {
    expect(exact(12_700.25, "bytes_per_second")).toBe("12700.25\u00a0B/s");
    expect(exact(0.0123, "share")).toBe("1.23\u00a0%");
    expect(exact(7, "count")).toBe("7");
    expect(exact(1e-7, "bytes_per_second")).toBe("0.0000001\u00a0B/s");
    expect(exact(-1.5e-9, "share")).toBe("-0.00000015\u00a0%");
    expect(exact(0.1 + 0.2, "seconds")).toBe("0.3\u00a0s");
    expect(exact(0, "seconds")).toBe("0\u00a0s");
  });

  it("says a time with its zone", () => {
    const zone = new Date(1_800_000_000_000)
      .toLocaleTimeString(undefined, { timeZoneName: "short" })
      .split(" ")
      .at(-1);
    expect(exact(1_800_000_000, "time")).toContain(zone);
    expect(exact(1_800_000_000, "time")).toContain("2027");
  });
});

describe("times", () => {
  const now = new Date(2026, 4, 17, 15, 4, 5);

  it("are of today without a date, of another day with one", () => {
    expect(clock(now.getTime() / 1000, now)).toBe("15:04:05");
    expect(clock(new Date(2026, 4, 16, 8, 0, 9).getTime() / 1000, now)).toBe("2026-05-16 08:00:09");
  });

  it("are spans that people say", () => {
    expect(span(94.4)).toBe("94\u00a0s");
    expect(span(-1)).toBe("0\u00a0s");
    expect(span(600)).toBe("10\u00a0min");
  });
});
