/** What jsdom lacks and the console uses, and a clean page after each test. */

import { cleanup, configure } from "@testing-library/preact";
import { afterEach, vi } from "vitest";

class NoObserver {
  observe(): void {
    return;
  }
  unobserve(): void {
    return;
  }
  disconnect(): void {
    return;
  }
}
globalThis.ResizeObserver = NoObserver;
globalThis.matchMedia = vi.fn(
  (query: string) =>
    ({
      matches: false,
      media: query,
      addEventListener: vi.fn(),
      removeEventListener: vi.fn(),
    }) as unknown as MediaQueryList,
);
// jsdom has the element and not what opens it.
HTMLDialogElement.prototype.showModal = function open(): void {
  this.open = true;
};

// What is waited for comes at once on a quiet machine; a busy one is given time.
configure({ asyncUtilTimeout: 20_000 });

afterEach(cleanup);
