import { beforeEach, describe, expect, it } from "vitest";

import { samplePage } from "../dev/sample";
import type { Page } from "../src/api";
import {
  Feed,
  type FeedState,
  RETRY_FIRST_MS,
  RETRY_MAX_MS,
  SILENCE_MIN_MS,
  type Stream,
  type Wires,
} from "../src/state/feed";
import { parseView } from "../src/state/view";

const VIEW = parseView("/topics", "?range=1h");

/** A stream whose events a test sends. */
class FakeStream implements Stream {
  closed = false;
  readonly url: string;
  readonly #listeners = new Map<string, (event: MessageEvent<string>) => void>();

  constructor(url: string) {
    this.url = url;
  }

  addEventListener(type: string, listener: (event: MessageEvent<string>) => void): void {
    this.#listeners.set(type, listener);
  }

  close(): void {
    this.closed = true;
  }

  send(type: string, data: unknown = null): void {
    this.#listeners.get(type)?.(
      new MessageEvent(type, { data: typeof data === "string" ? data : JSON.stringify(data) }),
    );
  }
}

/** A browser whose clock and network a test moves. */
class Bench implements Wires {
  clock = 0;
  asked: string[] = [];
  streams: FakeStream[] = [];
  answers: (() => Promise<Response>)[] = [];
  seen: FeedState[] = [];
  #timers: { at: number; work: () => void }[] = [];
  feed = new Feed(this, (state) => this.seen.push(state));

  fetch = (url: string, { signal }: { signal: AbortSignal }): Promise<Response> => {
    this.asked.push(url);
    const answer = this.answers.shift() ?? (() => answered(200, samplePage("topics", null, 1)));
    return answer().then((response) => {
      signal.throwIfAborted();
      return response;
    });
  };

  stream = (url: string): Stream => {
    const made = new FakeStream(url);
    this.streams.push(made);
    return made;
  };

  later = (work: () => void, milliseconds: number): (() => void) => {
    const timer = { at: this.clock + milliseconds, work };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };

  now = (): number => this.clock;
  random = (): number => 0.5;

  get last(): FakeStream {
    const stream = this.streams.at(-1);
    if (stream === undefined) {
      throw new Error("no stream was opened");
    }
    return stream;
  }

  async pass(milliseconds: number): Promise<void> {
    const until = this.clock + milliseconds;
    for (;;) {
      await settled();
      const due = this.#timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) {
        break;
      }
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.clock = due.at;
      due.work();
    }
    this.clock = until;
    await settled();
  }

  get waiting(): number {
    return this.#timers.length;
  }
}

function answered(status: number, body: unknown): Promise<Response> {
  return Promise.resolve(new Response(typeof body === "string" ? body : JSON.stringify(body), { status }));
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 12; turn += 1) {
    await Promise.resolve();
  }
  await new Promise((resolve) => setTimeout(resolve, 0));
}

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

describe("a feed", () => {
  it("asks once, then listens, and shows each page that comes", async () => {
    bench.feed.open(VIEW);
    expect(bench.feed.state.phase).toBe("loading");
    await settled();
    expect(bench.asked).toEqual(["/api/v1/page/topics?range=1h"]);
    expect(bench.last.url).toBe("/api/v1/live?range=1h&page=topics");
    bench.last.send("open");
    bench.last.send("page", samplePage("topics", null, 77));
    expect(bench.feed.state).toMatchObject({ phase: "live", problem: null, page: { at: 77 }, pageOf: VIEW });
  });

  it("tries again, later each time, and forgets that once it works", async () => {
    bench.answers = [1, 2, 3, 4, 5, 6, 7].map(() => () => Promise.reject(new TypeError("refused")));
    bench.feed.open(VIEW);
    const waits: number[] = [];
    for (let turn = 0; turn < 7; turn += 1) {
      await settled();
      expect(bench.feed.state.phase).toBe("lost");
      const wait = (bench.feed.state.retryAt ?? 0) - bench.clock;
      waits.push(wait);
      await bench.pass(wait);
    }
    expect(waits).toEqual(
      [1, 2, 4, 8, 16, 30, 30].map((factor) => Math.min(RETRY_MAX_MS, factor * RETRY_FIRST_MS)),
    );
    bench.last.send("open");
    expect(bench.feed.state.phase).toBe("live");
    bench.last.send("error");
    expect((bench.feed.state.retryAt ?? 0) - bench.clock).toBe(RETRY_FIRST_MS);
  });

  it("keeps the last page when the connection goes, and comes back by itself", async () => {
    bench.feed.open(VIEW);
    await settled();
    bench.last.send("open");
    bench.last.send("page", samplePage("topics", null, 77));
    const first = bench.last;
    first.send("error");
    expect(first.closed).toBe(true);
    expect(bench.feed.state).toMatchObject({ phase: "lost", page: { at: 77 } });
    await bench.pass(RETRY_FIRST_MS);
    expect(bench.streams).toHaveLength(2);
    bench.last.send("open");
    expect(bench.feed.state).toMatchObject({ phase: "live", problem: null });
  });

  it("asks again and again when there is no stream to spare, and tries for one now and then", async () => {
    bench.feed.open(VIEW);
    await settled();
    bench.last.send("error");
    expect(bench.feed.state).toMatchObject({ phase: "polling", problem: null });
    await bench.pass(10_000);
    expect(bench.asked).toHaveLength(2);
    expect(bench.streams).toHaveLength(1);
    await bench.pass(120_000);
    expect(bench.streams.length).toBeGreaterThan(1);
  });

  it("takes silence for a lost connection", async () => {
    bench.feed.open(VIEW);
    await settled();
    bench.last.send("open");
    await bench.pass(SILENCE_MIN_MS - 1);
    bench.last.send("page", samplePage("topics", null, 5));
    await bench.pass(SILENCE_MIN_MS - 1);
    expect(bench.feed.state.phase).toBe("live");
    await bench.pass(1);
    expect(bench.feed.state.phase).toBe("lost");
  });

  it.each([
    [401, "locked"],
    [400, "refused"],
    [404, "refused"],
    [429, "lost"],
    [500, "lost"],
    [503, "lost"],
  ])("answers %d with %s, in the server's words", async (status, phase) => {
    bench.answers = [() => answered(status, { error: "no", remedy: "do this" })];
    bench.feed.open(VIEW);
    await settled();
    expect(bench.feed.state).toMatchObject({ phase, problem: { error: "No.", remedy: "Do this.", status } });
    expect(bench.waiting).toBe(phase === "lost" ? 1 : 0);
  });

  it("does not take another's answer for a page", async () => {
    for (const body of ["<html>Bad gateway</html>", "[]", "null", '{"panels":7}']) {
      bench.answers = [() => answered(200, body)];
      bench.feed.open(VIEW);
      await settled();
      expect(bench.feed.state).toMatchObject({ phase: "lost", page: null });
    }
    bench.feed.open(VIEW);
    await settled();
    bench.last.send("page", "{half");
    expect(bench.feed.state.page?.at).toBe(1);
  });

  it("says what the server could not make", async () => {
    bench.feed.open(VIEW);
    await settled();
    bench.last.send("open");
    bench.last.send("problem", { error: "too many series", remedy: "shorten the range" });
    expect(bench.feed.state.problem).toMatchObject({
      error: "Too many series.",
      remedy: "Shorten the range.",
    });
    bench.last.send("page", samplePage("topics", null, 6));
    expect(bench.feed.state.problem).toBeNull();
  });

  it("shows nothing of a view that was left", async () => {
    let release: (response: Response) => void = () => undefined;
    bench.answers = [() => new Promise((resolve) => (release = resolve))];
    bench.feed.open(VIEW);
    bench.feed.open(parseView("/groups", ""));
    release(new Response(JSON.stringify(samplePage("topics", null, 99))));
    await settled();
    expect(bench.feed.state.pageOf?.page).toBe("groups");
    expect(bench.seen.some((state) => state.page?.at === 99)).toBe(false);
  });

  it("stays paused when its one answer fails", async () => {
    bench.answers = [() => Promise.reject(new TypeError("refused"))];
    bench.feed.openPaused(VIEW);
    await settled();
    expect(bench.feed.state.phase).toBe("lost");
    await bench.pass(300_000);
    expect(bench.feed.state).toMatchObject({ phase: "paused", page: { at: 1 }, problem: null });
    expect(bench.asked).toHaveLength(2);
    expect(bench.streams).toEqual([]);
  });

  it("asks on without a stream when it asked without one before", async () => {
    bench.feed.open(VIEW);
    await settled();
    bench.last.send("error");
    bench.answers = [() => answered(503, {})];
    await bench.pass(10_000);
    expect(bench.feed.state.phase).toBe("lost");
    await bench.pass(2000);
    expect(bench.feed.state.phase).toBe("polling");
    expect(bench.streams).toHaveLength(1);
  });

  it("keeps the numbers when the source cannot answer, and says since when there are none", async () => {
    const bare = (state: "unreachable" | "empty" | "ok", at: number): Page => {
      const page = samplePage("topics", null, at);
      return { ...page, tiles: [], panels: [], source: { ...page.source, state } };
    };
    bench.feed.open(VIEW);
    await settled();
    bench.last.send("open");
    bench.last.send("page", samplePage("topics", null, 77));
    bench.last.send("page", bare("unreachable", 87));
    expect(bench.feed.state).toMatchObject({ phase: "live", page: { at: 77 }, since: { at: 87 } });
    bench.last.send("page", samplePage("topics", null, 97));
    expect(bench.feed.state).toMatchObject({ page: { at: 97 }, since: null });
    bench.last.send("page", bare("empty", 107));
    expect(bench.feed.state).toMatchObject({ page: { at: 107 }, since: null });
    bench.last.send("page", bare("unreachable", 117));
    expect(bench.feed.state).toMatchObject({ page: { at: 117 }, since: null });
  });

  it("keeps no numbers of another view", async () => {
    bench.feed.open(VIEW);
    await settled();
    const page = samplePage("topics", null, 5);
    const body = { ...page, tiles: [], panels: [], source: { ...page.source, state: "unreachable" } };
    bench.answers = [() => answered(200, body)];
    bench.feed.open(parseView("/topics", "?range=5m"));
    await settled();
    expect(bench.feed.state).toMatchObject({ page: { at: 5, panels: [] }, since: null });
  });

  it("stands still while paused, and asks once for a view that was not there", async () => {
    bench.feed.open(VIEW);
    await settled();
    bench.last.send("open");
    bench.feed.freeze("paused");
    expect(bench.last.closed).toBe(true);
    await bench.pass(300_000);
    expect(bench.asked).toHaveLength(1);
    bench.feed.openPaused(parseView("/groups", ""));
    await bench.pass(300_000);
    expect(bench.asked).toHaveLength(2);
    expect(bench.feed.state).toMatchObject({ phase: "paused", pageOf: { page: "groups" } });
    expect(bench.waiting).toBe(0);
  });
});
