/** What component tests share: a console around a part, and one that answers with sample pages. */

import { render, type RenderResult } from "@testing-library/preact";
import type { ComponentChildren, JSX } from "preact";
import { vi } from "vitest";

import { PAGES, samplePage } from "../dev/sample";
import type { Page } from "../src/api";
import { type Question, type Shell, ShellContext } from "../src/state/context";
import { follow, formatView, parseView, type Sort } from "../src/state/view";

export interface Shown extends RenderResult {
  asked: Question[];
  sorted: [string, Sort][];
  /** Draws the part anew, as a live update does. */
  again: (part: ComponentChildren) => void;
}

/** Draws a part of a page as it stands at `address`. */
export function show(part: ComponentChildren, address = "/topics"): Shown {
  const url = new URL(address, "http://localhost");
  const view = parseView(url.pathname, url.search);
  const asked: Question[] = [];
  const sorted: [string, Sort][] = [];
  const shell: Shell = {
    view,
    dark: false,
    prometheusUrl: null,
    go: vi.fn(),
    ask: (question) => asked.push(question),
    searching: false,
    clearSearch: vi.fn(),
    setSort: (panel, sort) => sorted.push([panel, sort]),
    href: (page, key) => formatView(follow(view, page, key)),
  };
  const around = (content: ComponentChildren): JSX.Element => (
    <ShellContext.Provider value={shell}>{content}</ShellContext.Provider>
  );
  const drawn = render(around(part));
  const again = (content: ComponentChildren): void => {
    drawn.rerender(around(content));
  };
  return { ...drawn, asked, sorted, again };
}

/** Streams that a test speaks through; the newest is last. */
export const streams: FakeEventSource[] = [];

export class FakeEventSource extends EventTarget {
  readonly url: string;
  closed = false;

  constructor(url: string) {
    super();
    this.url = url;
    streams.push(this);
  }

  close(): void {
    this.closed = true;
  }

  send(page: Page): void {
    this.dispatchEvent(new MessageEvent("page", { data: JSON.stringify(page) }));
  }
}

export type Answer = (url: URL) => { status: number; body: unknown } | undefined;

/** A server of sample pages; `special` answers first where it has something to say. */
export function serve(special: Answer = () => undefined): string[] {
  const asked: string[] = [];
  streams.length = 0;
  vi.stubGlobal("EventSource", FakeEventSource);
  vi.stubGlobal("fetch", (address: string) => {
    asked.push(address);
    const url = new URL(address, "http://localhost");
    const name = url.pathname.replace("/api/v1/page/", "");
    const usual =
      url.pathname === "/api/v1/pages"
        ? PAGES
        : samplePage(name, url.searchParams.get("key"), 1_800_000_000, 16);
    const { status, body } = special(url) ?? { status: 200, body: usual };
    return Promise.resolve(new Response(body === null ? null : JSON.stringify(body), { status }));
  });
  return asked;
}
