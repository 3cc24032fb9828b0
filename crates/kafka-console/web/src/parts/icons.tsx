/** The few signs that stand beside words. Each is decoration: the word says the same. */

import type { JSX } from "preact";

import type { Tone } from "../api";

const PATHS = {
  map: "M2 4c6 0 6 4 12 4M2 8h12M2 12c6 0 6-4 12-4",
  topics: "M3 4h10M3 8h10M3 12h6",
  clients: "M8 8a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM3 13.5c.6-2.6 2.6-3.8 5-3.8s4.4 1.2 5 3.8",
  groups:
    "M5.5 7.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM1.5 13c.4-2.2 2-3.3 4-3.3s3.6 1.1 4 3.3M10.5 7.5a2 2 0 1 0-1-3.7M11 9.7c1.9 0 3.2 1.1 3.6 3.3",
  requests: "M2.5 5.5h10l-2.5-2.5M13.5 10.5h-10l2.5 2.5",
  readiness: "M8 1.8 13.5 4v4c0 3.2-2.2 5.3-5.5 6.3C4.7 13.3 2.5 11.2 2.5 8V4ZM5.6 8l1.8 1.8 3.2-3.4",
  health: "M1.5 8.5h3l2-5 3 9 2-4h3",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10ZM10.7 10.7 14 14",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  play: "M5 3v10l8-5Z",
  help: "M6 6a2 2 0 1 1 2.8 1.8c-.6.3-.8.7-.8 1.4M8 12v.1",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M3.4 12.6l.7-.7M11.9 4.1l.7-.7",
  moon: "M13.5 9.5A6 6 0 0 1 6.5 2.5 6 6 0 1 0 13.5 9.5Z",
  system: "M2 3h12v8H2ZM6 13.5h4",
  copy: "M5.5 5.5h8v8h-8ZM3.5 10.5h-1v-8h8v1",
  open: "M9.5 2.5h4v4M13 3 7.5 8.5M11.5 9.5v4h-9v-9h4",
  close: "M4 4l8 8M12 4l-8 8",
  good: "M3.5 8.5 6.5 11.5 12.5 4.5",
  warning: "M8 2.5 14.5 13.5H1.5ZM8 6.8v3M8 11.7v.1",
  error: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 5v3.5M8 10.9v.1",
  info: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 7.5V11M8 5v.1",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

export function isIcon(name: string): name is IconName {
  return Object.hasOwn(PATHS, name);
}

/** What a tone adds to a text, so that colour is never alone. */
export function ToneIcon({ tone }: { tone: Tone }): JSX.Element | null {
  return tone === "plain" ? null : <Icon name={tone} />;
}
