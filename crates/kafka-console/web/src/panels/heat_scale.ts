/** Which of a few steps a value belongs to: an eye tells five tints apart, not fifty. */

export const STEPS = 6;

/** 0 for nothing, 1 to `STEPS - 1` by the logarithm: APIs differ by orders of magnitude. */
export function heatStep(value: number | null, max: number): number {
  if (value === null || value <= 0 || max <= 0) {
    return 0;
  }
  const bottom = max / 10 ** (STEPS - 1);
  const place = Math.log10(Math.max(value, bottom) / bottom);
  return Math.min(STEPS - 1, Math.max(1, Math.ceil(place)));
}

/** The lower end of each step above 0, for the legend. */
export function heatBounds(max: number): number[] {
  return Array.from({ length: STEPS - 1 }, (_, index) => max / 10 ** (STEPS - 1 - index));
}
