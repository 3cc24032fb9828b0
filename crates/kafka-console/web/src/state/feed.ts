/**
 * Keeps one page current: asks once, then listens to server-sent events, and says what is wrong when neither
 * works.
 *
 * The last good page is never thrown away while its successor is on the way: whoever looks sees old numbers
 * with their age rather than none. Retries wait longer each time, with jitter, so that a console that comes
 * back is not met by all its viewers at once.
 */

import type { Page, Refusal } from "../api";
import { sentence } from "../sentence";
import { address, query, type View } from "./view";

export type Phase =
  /** The first answer for this view is on the way. */
  | "loading"
  /** New pages come as they are made. */
  | "live"
  /** The server has no stream to spare: asked again and again. */
  | "polling"
  /** Not reached; `retryAt` says when it is tried again. */
  | "lost"
  | "paused"
  /** The tab is hidden: nobody looks, so nothing is asked. */
  | "resting"
  /** Refused for a reason that trying again does not change. */
  | "refused"
  /** A token is wanted first. */
  | "locked";

export interface Problem {
  error: string;
  remedy: string | null;
  status: number | null;
  login: "token" | "proxy" | null;
}

export interface FeedState {
  phase: Phase;
  /** The newest page that came, and the view that it was asked for, which may be one before this. */
  page: Page | null;
  pageOf: View | null;
  /** What came for the same view after `page`, without any numbers: the source could not answer. */
  since: Page | null;
  problem: Problem | null;
  /** Milliseconds since the epoch. */
  retryAt: number | null;
}

/** What a feed needs of a browser; tests give their own. */
export interface Wires {
  fetch: (url: string, init: { signal: AbortSignal }) => Promise<Response>;
  stream: (url: string) => Stream;
  /** Runs `work` later and gives what calls it off. */
  later: (work: () => void, milliseconds: number) => () => void;
  now: () => number;
  random: () => number;
}

/** The part of `EventSource` that is used. */
export interface Stream {
  addEventListener: (type: string, listener: (event: MessageEvent<string>) => void) => void;
  close: () => void;
}

export const RETRY_FIRST_MS = 1000;
export const RETRY_MAX_MS = 30_000;
/** The server sends a page with each scrape: silence for this long, or four scrapes, is a dead connection. */
export const SILENCE_MIN_MS = 60_000;
const POLL_MIN_MS = 5000;
/** While polling, a stream is tried again after so many answers. */
const POLLS_BEFORE_STREAM = 12;

/** What a feed has before its first answer. */
export const NOTHING: FeedState = {
  phase: "loading",
  page: null,
  pageOf: null,
  since: null,
  problem: null,
  retryAt: null,
};

/** How to go on after an answer. */
type Then = "stream" | "poll" | "pause";

export class Feed {
  state: FeedState = NOTHING;

  readonly #wires: Wires;
  readonly #tell: (state: FeedState) => void;
  #view: View | null = null;
  #stream: Stream | null = null;
  #asking: AbortController | null = null;
  #timers = new Set<() => void>();
  #silence: (() => void) | null = null;
  #failures = 0;
  #polls = 0;
  /** How to go on when it works again: who has paused gets no stream because one answer failed. */
  #then: Then = "stream";

  constructor(wires: Wires, tell: (state: FeedState) => void) {
    this.#wires = wires;
    this.#tell = tell;
  }

  /** Shows another view, or the same anew. */
  open(view: View): void {
    this.#start(view);
    void this.#ask("stream");
  }

  /** Shows another view while paused: its first page, which then stands still. */
  openPaused(view: View): void {
    this.#start(view);
    void this.#ask("pause");
  }

  /** Freezes the picture: nothing is asked and nothing changes until `open`. */
  freeze(phase: "paused" | "resting"): void {
    this.#stop();
    this.#set({ phase, problem: null, retryAt: null });
  }

  close(): void {
    this.#stop();
    this.#view = null;
  }

  #start(view: View): void {
    this.#stop();
    this.#view = view;
    this.#failures = 0;
    this.#set({ phase: "loading", problem: null, retryAt: null });
  }

  async #ask(then: Then): Promise<void> {
    const view = this.#view;
    this.#then = then;
    if (view === null) {
      return;
    }
    const asking = new AbortController();
    this.#asking = asking;
    try {
      const parameters = query(view);
      const path = `/api/v1/page/${encodeURIComponent(view.page)}`;
      const answer = await this.#wires.fetch(parameters === "" ? path : `${path}?${parameters}`, {
        signal: asking.signal,
      });
      const body: unknown = await answer.json().catch(() => null);
      if (asking.signal.aborted) {
        return;
      }
      if (answer.ok && isPage(body)) {
        this.#arrived(body);
        if (then === "stream") {
          this.#listen(view);
        } else if (then === "poll") {
          this.#poll(body);
        } else {
          this.#set({ phase: "paused", problem: null, retryAt: null });
        }
      } else {
        this.#refused(answer.status, body);
      }
    } catch {
      if (!asking.signal.aborted) {
        this.#lost({
          error: "The console's server cannot be reached.",
          remedy: null,
          status: null,
          login: null,
        });
      }
    }
  }

  #listen(view: View): void {
    const parameters = new URLSearchParams(query(view));
    parameters.set("page", view.page);
    const stream = this.#wires.stream(`/api/v1/live?${parameters.toString()}`);
    this.#stream = stream;
    let opened = false;
    stream.addEventListener("open", () => {
      opened = true;
      this.#failures = 0;
      this.#set({ phase: "live", problem: null, retryAt: null });
      this.#watch();
    });
    stream.addEventListener("page", (event) => {
      const body = parsed(event.data);
      if (isPage(body)) {
        this.#arrived(body);
        this.#set({ phase: "live", problem: null, retryAt: null });
        this.#watch();
      }
    });
    stream.addEventListener("problem", (event) => {
      this.#set({ problem: problem(null, parsed(event.data)) });
      this.#watch();
    });
    stream.addEventListener("error", () => {
      stream.close();
      this.#stream = null;
      this.#silence?.();
      if (opened) {
        this.#lost({ error: "The live connection was lost.", remedy: null, status: null, login: null });
      } else {
        // The page itself was answered a moment ago: the server has no stream to spare.
        this.#polls = 0;
        this.#set({ phase: "polling", problem: null, retryAt: null });
        this.#poll(this.state.page);
      }
    });
  }

  #poll(page: Page | null): void {
    this.#failures = 0;
    this.#polls += 1;
    this.#set({ phase: "polling", problem: null, retryAt: null });
    const next = this.#polls % POLLS_BEFORE_STREAM === 0 ? "stream" : "poll";
    this.#after(Math.max(POLL_MIN_MS, (page?.source.scrape_seconds ?? 0) * 1000), () => void this.#ask(next));
  }

  #arrived(page: Page): void {
    const { page: before, pageOf } = this.state;
    const same = pageOf !== null && this.#view !== null && address(pageOf) === address(this.#view);
    // Numbers with their age say more than a page without any.
    if (same && before !== null && !isBare(before) && isUnanswered(page)) {
      this.#set({ since: page });
    } else {
      this.#set({ page, pageOf: this.#view, since: null });
    }
  }

  #refused(status: number, body: unknown): void {
    const found = problem(status, body);
    if (status === 401) {
      this.#set({ phase: "locked", problem: found, retryAt: null });
    } else if (status >= 400 && status < 500 && status !== 408 && status !== 429) {
      this.#set({ phase: "refused", problem: found, retryAt: null });
    } else {
      this.#lost(found);
    }
  }

  #lost(found: Problem): void {
    const wait = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** this.#failures);
    this.#failures += 1;
    const jittered = wait * (0.75 + this.#wires.random() * 0.5);
    this.#set({ phase: "lost", problem: found, retryAt: this.#wires.now() + jittered });
    this.#after(jittered, () => void this.#ask(this.#then));
  }

  #watch(): void {
    this.#silence?.();
    const scrape = (this.state.page?.source.scrape_seconds ?? 0) * 1000;
    this.#silence = this.#after(Math.max(SILENCE_MIN_MS, 4 * scrape), () => {
      this.#stream?.close();
      this.#stream = null;
      this.#lost({ error: "The live connection has gone silent.", remedy: null, status: null, login: null });
    });
  }

  #after(milliseconds: number, work: () => void): () => void {
    const cancel = this.#wires.later(() => {
      this.#timers.delete(cancel);
      work();
    }, milliseconds);
    this.#timers.add(cancel);
    return () => {
      cancel();
      this.#timers.delete(cancel);
    };
  }

  #stop(): void {
    this.#asking?.abort();
    this.#asking = null;
    this.#stream?.close();
    this.#stream = null;
    this.#silence = null;
    this.#timers.forEach((cancel) => {
      cancel();
    });
    this.#timers.clear();
  }

  #set(change: Partial<FeedState>): void {
    this.state = { ...this.state, ...change };
    this.#tell(this.state);
  }
}

/** The browser's own. */
export const BROWSER: Wires = {
  fetch: (url, init) => fetch(url, { ...init, headers: { accept: "application/json" } }),
  stream: (url) => new EventSource(url),
  later: (work, milliseconds) => {
    const timer = setTimeout(work, milliseconds);
    return () => {
      clearTimeout(timer);
    };
  },
  now: () => Date.now(),
  random: () => Math.random(),
};

export function problem(status: number | null, body: unknown): Problem {
  const said: Partial<Refusal> = isRecord(body) ? body : {};
  const error =
    typeof said.error === "string" ? said.error : `The server answered ${String(status ?? "nothing")}.`;
  return {
    error: sentence(error),
    remedy: typeof said.remedy === "string" ? sentence(said.remedy) : null,
    status,
    login: said.login ?? null,
  };
}

/** Whether an answer is a page: another version's, or a proxy's error page, is not taken for one. */
function isPage(body: unknown): body is Page {
  return (
    isRecord(body) &&
    Array.isArray(body["panels"]) &&
    Array.isArray(body["tiles"]) &&
    isRecord(body["source"])
  );
}

/** Whether a page has nothing to show. */
export function isBare(page: Page): boolean {
  return page.tiles.length === 0 && page.panels.length === 0;
}

/** Whether a page has no numbers because its source could not answer. */
function isUnanswered(page: Page): boolean {
  return isBare(page) && page.source.state !== "ok" && page.source.state !== "empty";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
