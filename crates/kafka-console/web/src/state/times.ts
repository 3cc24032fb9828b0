/** Range and window belong together: rates over a longer time than the range has are refused by the server. */

import type { Pages } from "../api";
import type { View } from "./view";

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `15m` in seconds; NaN for what is no time. */
export function seconds(word: string): number {
  const [, count = "", unit = ""] = /^(\d+)([smhd])$/.exec(word) ?? [];
  return Number(count || NaN) * (SECONDS[unit] ?? NaN);
}

/** The view with another range or window; the other of both gives way where it does not fit any more. */
export function withTime(view: View, pages: Pages, name: "range" | "window", value: string): View {
  const { defaults } = pages;
  const chosen = {
    range: view.range ?? defaults.range,
    window: view.window ?? defaults.window,
    [name]: value,
  };
  if (seconds(chosen.window) > seconds(chosen.range)) {
    if (name === "range") {
      const fitting = pages.windows.filter((window) => seconds(window) <= seconds(value));
      chosen.window = fitting.toSorted((a, b) => seconds(a) - seconds(b)).at(-1) ?? chosen.window;
    } else {
      const fitting = pages.ranges.filter((range) => seconds(range) >= seconds(value));
      chosen.range = fitting.toSorted((a, b) => seconds(a) - seconds(b))[0] ?? chosen.range;
    }
  }
  return {
    ...view,
    range: chosen.range === defaults.range ? null : chosen.range,
    window: chosen.window === defaults.window ? null : chosen.window,
  };
}
