/**
 * Keys that work on every page, as one table: what `?` shows is what the handler does.
 *
 * No key is taken from someone who types, and none together with Ctrl, Alt or Meta: those are the browser's.
 */

export type Command =
  | { kind: "search" }
  | { kind: "pause" }
  | { kind: "help" }
  | { kind: "theme" }
  | { kind: "row"; step: 1 | -1 }
  | { kind: "go"; page: string };

export const GO: Readonly<Record<string, string>> = {
  m: "map",
  t: "topics",
  c: "clients",
  g: "groups",
  r: "requests",
  k: "readiness",
  h: "health",
};

const SINGLE: Readonly<Record<string, Command>> = {
  "/": { kind: "search" },
  " ": { kind: "pause" },
  "?": { kind: "help" },
  d: { kind: "theme" },
  j: { kind: "row", step: 1 },
  k: { kind: "row", step: -1 },
};

/** `g` and the letter after it belong together for this long. */
const CHORD_MS = 1500;

export class Keys {
  #chordUntil = 0;

  /** What a key means, or null. `now` in milliseconds. */
  press(event: KeyboardEvent, now: number): Command | null {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target)) {
      return null;
    }
    if (now < this.#chordUntil) {
      this.#chordUntil = 0;
      const page = GO[event.key];
      return page === undefined ? null : { kind: "go", page };
    }
    if (event.key === "g") {
      this.#chordUntil = now + CHORD_MS;
      return null;
    }
    if (event.key === " " && activates(event.target)) {
      return null;
    }
    return SINGLE[event.key] ?? null;
  }
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.matches("input, textarea, select, [role=textbox]"))
  );
}

/** Space presses a button or opens a list: there it does not pause. */
function activates(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches("button, a, summary, [role=button]");
}
