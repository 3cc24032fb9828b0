import { describe, expect, it } from "vitest";

import { GO, Keys } from "../src/state/keys";

function press(
  keys: Keys,
  key: string,
  now = 0,
  more: KeyboardEventInit & { target?: HTMLElement } = {},
): unknown {
  let heard: unknown = null;
  const target = more.target ?? document.body;
  if (target !== document.body) {
    document.body.append(target);
  }
  const listener = (event: KeyboardEvent): void => {
    heard = keys.press(event, now);
  };
  document.addEventListener("keydown", listener, { once: true });
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, ...more }));
  return heard;
}

describe("keys", () => {
  it("go to a page as two letters, soon after each other", () => {
    for (const [letter, page] of Object.entries(GO)) {
      const keys = new Keys();
      expect(press(keys, "g", 0)).toBeNull();
      expect(press(keys, letter, 1000)).toEqual({ kind: "go", page });
    }
    const late = new Keys();
    press(late, "g", 0);
    expect(press(late, "m", 2000)).toBeNull();
    const other = new Keys();
    press(other, "g", 0);
    expect(press(other, "x", 10)).toBeNull();
    expect(press(other, "j", 20)).toEqual({ kind: "row", step: 1 });
  });

  it("are left to who types", () => {
    for (const tag of ["input", "textarea", "select"]) {
      expect(press(new Keys(), "/", 0, { target: document.createElement(tag) })).toBeNull();
    }
  });

  it("are left to the browser with Ctrl, Alt and Meta", () => {
    for (const modifier of [{ ctrlKey: true }, { altKey: true }, { metaKey: true }]) {
      expect(press(new Keys(), "j", 0, modifier)).toBeNull();
    }
  });

  it("do not pause where space presses a button", () => {
    expect(press(new Keys(), " ")).toEqual({ kind: "pause" });
    expect(press(new Keys(), " ", 0, { target: document.createElement("button") })).toBeNull();
  });
});
