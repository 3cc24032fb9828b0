/**
 * Colours of lines, told apart by people with any colour vision, and a dash for each so that colour is never
 * alone.
 *
 * Hues after Okabe and Ito, with the lightness that each background needs for a contrast of 3:1.
 */

const LIGHT = [
  "#1f66c1",
  "#c2570c",
  "#0a7f62",
  "#a2489a",
  "#7d6400",
  "#2d8fc4",
  "#5f6b7a",
  "#b3302c",
] as const;
const DARK = [
  "#74aef5",
  "#f29a50",
  "#3cc79e",
  "#dd95d3",
  "#dcbc45",
  "#93d4ff",
  "#aab4c2",
  "#f2827e",
] as const;
const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3]] as const;

export function lineColour(index: number, dark: boolean): string {
  const colours = dark ? DARK : LIGHT;
  return colours[index % colours.length] ?? colours[0];
}

export function lineDash(index: number): number[] {
  return [...(DASHES[index % DASHES.length] ?? [])];
}

/** What a canvas draws with: it does not follow style sheets. */
export function inks(dark: boolean): { grid: string; text: string; cursor: string } {
  return dark
    ? { grid: "#222a35", text: "#98a3b3", cursor: "#5b687a" }
    : { grid: "#e8ebf0", text: "#5a6472", cursor: "#9aa4b2" };
}
