import { describe, expect, it } from "vitest";

import { PAGES } from "../dev/sample";
import { seconds, withTime } from "../src/state/times";
import { parseView } from "../src/state/view";

/** What is chosen at an address, and what the address has then. */
function chosen(search: string, name: "range" | "window", value: string): (string | null)[] {
  const view = withTime(parseView("/topics", search), PAGES, name, value);
  return [view.range, view.window];
}

describe("a time", () => {
  it("has as many seconds as its unit says", () => {
    expect(["30s", "15m", "1h", "7d"].map(seconds)).toEqual([30, 900, 3600, 604_800]);
    expect([seconds(""), seconds("12p"), seconds("m")]).toEqual([NaN, NaN, NaN]);
  });
});

describe("range and window", () => {
  it("are left alone where they fit", () => {
    expect(chosen("?window=5m", "range", "1h")).toEqual(["1h", "5m"]);
    expect(chosen("?range=1h", "window", "15m")).toEqual(["1h", "15m"]);
    expect(chosen("?range=1h&window=5m", "range", "5m")).toEqual(["5m", "5m"]);
  });

  it("take the other along where they do not", () => {
    expect(chosen("?range=1h&window=15m", "range", "5m")).toEqual(["5m", "5m"]);
    expect(chosen("?range=5m", "window", "15m")).toEqual([null, "15m"]);
  });

  it("leave what the server does not offer to the server", () => {
    expect(chosen("?window=12p", "range", "5m")).toEqual(["5m", "12p"]);
  });
});
