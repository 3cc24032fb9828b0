import { act, render, waitFor } from "@testing-library/preact";
import type { JSX } from "preact";
import { expect, it, vi } from "vitest";

import { type Theme, useDark } from "../src/state/theme";

function Probe({ theme }: { theme: Theme }): JSX.Element {
  return <p>{useDark(theme) ? "dark" : "light"}</p>;
}

it("follows the system when it becomes dark, unless a theme was chosen", async () => {
  const system = Object.assign(new EventTarget(), { matches: false });
  const own = vi.spyOn(globalThis, "matchMedia").mockReturnValue(system as unknown as MediaQueryList);
  const { container, rerender, unmount } = render(<Probe theme="system" />);
  expect(container.textContent).toBe("light");
  void act(() => {
    system.matches = true;
    system.dispatchEvent(new Event("change"));
  });
  expect(container.textContent).toBe("dark");
  rerender(<Probe theme="light" />);
  expect(container.textContent).toBe("light");
  const left = vi.spyOn(system, "removeEventListener");
  unmount();
  await waitFor(() => {
    expect(left).toHaveBeenCalled();
  });
  own.mockRestore();
});
