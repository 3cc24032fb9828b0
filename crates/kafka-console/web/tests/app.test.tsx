import { act, cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/preact";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { HOSTILE } from "../dev/names";
import { samplePage } from "../dev/sample";
import { App } from "../src/app";
import { type Answer, type FakeEventSource, serve, streams } from "./help";

vi.mock("../src/panels/lines", () => ({ Lines: () => null }));

function main(): HTMLElement {
  return screen.getByRole("main");
}

async function open(address: string, special?: Answer): Promise<string[]> {
  window.history.replaceState(null, "", address);
  const asked = serve(special);
  render(<App />);
  await waitFor(() => {
    expect(asked.length).toBeGreaterThan(1);
  });
  await act(() => new Promise((resolve) => setTimeout(resolve, 0)));
  return asked;
}

async function opened(address: string, special?: Answer): Promise<string[]> {
  const asked = await open(address, special);
  await waitFor(() => {
    expect(main().dataset["ready"]).toBe("true");
  });
  return asked;
}

function newest(): FakeEventSource {
  const stream = streams.at(-1);
  if (stream === undefined) {
    throw new Error("no stream was opened");
  }
  return stream;
}

beforeEach(() => {
  localStorage.clear();
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

describe("the console", () => {
  it("shows the page of the address, and says when it is there", async () => {
    const asked = await open("/topics?range=1h&search=orders");
    expect(asked).toContain("/api/v1/page/topics?range=1h&search=orders");
    await waitFor(() => {
      expect(main().dataset["ready"]).toBe("true");
    });
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("Topics");
    expect(screen.getByRole("link", { name: /Topics/ }).getAttribute("aria-current")).toBe("page");
    expect(document.title).toBe("Topics – kafka-console");
  });

  it("shows each page that comes, in place", async () => {
    await opened("/topics");
    const next = samplePage("topics", null, 1_800_000_060, 5);
    void act(() => {
      newest().dispatchEvent(new Event("open"));
      newest().send({
        ...next,
        tiles: [{ ...next.tiles[0], title: "Written", value: 42 } as (typeof next.tiles)[number]],
      });
    });
    expect(document.querySelector('[data-tile="Written"]')?.getAttribute("data-value")).toBe("42");
    expect(screen.getByText("Live")).toBeTruthy();
  });

  it("goes to a thing and back without loading anew", async () => {
    const asked = await opened("/topics?range=1h&search=orders");
    fireEvent.click(screen.getByRole("link", { name: "orders" }));
    expect(window.location.pathname + window.location.search).toBe("/topics/orders?range=1h");
    expect(main().dataset["ready"]).toBe("false");
    await waitFor(() => {
      expect(main().dataset["ready"]).toBe("true");
    });
    expect(asked.at(-1)).toBe("/api/v1/page/topic?key=orders&range=1h");
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("orders");
    window.history.back();
    await waitFor(() => {
      expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("Topics");
    });
    expect(window.location.search).toBe("?range=1h&search=orders");
  });

  it("has range and window in the address, and not what the server takes anyway", async () => {
    await opened("/topics");
    fireEvent.change(screen.getByRole("combobox", { name: /Range/ }), { target: { value: "1h" } });
    expect(window.location.search).toBe("?range=1h");
    fireEvent.change(screen.getByRole("combobox", { name: /Range/ }), { target: { value: "15m" } });
    expect(window.location.search).toBe("");
  });

  it("filters while one types, and asks the server when one stops", async () => {
    const asked = await opened("/topics");
    const before = asked.length;
    fireEvent.input(screen.getByRole("searchbox"), { target: { value: "payments" } });
    expect(within(screen.getByRole("region", { name: "Topics" })).getAllByRole("rowheader")).toHaveLength(2);
    expect(asked).toHaveLength(before);
    await waitFor(() => {
      expect(asked.at(-1)).toBe("/api/v1/page/topics?search=payments");
    });
    expect(window.location.search).toBe("?search=payments");
  });

  it("clears a search that finds nothing, and says once for the page what one finds", async () => {
    await opened("/topics?search=payments");
    const said = (): (string | null)[] => screen.getAllByRole("status").map((region) => region.textContent);
    expect(said()).toContain("2 rows have “payments”.");
    fireEvent.input(screen.getByRole("searchbox"), { target: { value: "nothing like it" } });
    expect(screen.getByText(/^Looking for/).textContent).toContain("Looking for “nothing like it”…");
    await waitFor(() => {
      expect(said()).toContain("0 rows have “nothing like it”.");
    });
    expect(screen.getByText(/^Nothing here has/)).toBeTruthy();
    expect(screen.getAllByRole("status")).toHaveLength(2);
    fireEvent.click(screen.getByRole("button", { name: "Clear the search" }));
    expect(document.activeElement).toBe(screen.getByRole("searchbox"));
    await waitFor(() => {
      expect(window.location.search).toBe("");
    });
    expect(screen.getAllByRole("rowheader").length).toBeGreaterThan(5);
  });

  it("leaves a search behind that was typed just before one goes on", async () => {
    const asked = await opened("/topics");
    fireEvent.input(screen.getByRole("searchbox"), { target: { value: "ord" } });
    fireEvent.click(screen.getByRole("link", { name: "orders" }));
    await act(() => new Promise((resolve) => setTimeout(resolve, 400)));
    expect(window.location.pathname + window.location.search).toBe("/topics/orders");
    expect(screen.getByRole<HTMLInputElement>("searchbox").value).toBe("");
    expect(asked.filter((url) => url.includes("search="))).toEqual([]);
  });

  it("keeps an order in the address", async () => {
    await opened("/topics");
    fireEvent.click(within(screen.getByRole("columnheader", { name: "Lag" })).getByRole("button"));
    expect(window.location.search).toBe("?sort=topics%3Alag%3Ad");
    expect(screen.getByRole("columnheader", { name: "Lag" }).getAttribute("aria-sort")).toBe("descending");
  });

  it("freezes the picture, and goes on", async () => {
    await opened("/topics");
    fireEvent.click(screen.getByRole("button", { name: "Pause" }));
    expect(newest().closed).toBe(true);
    // The name says what it does: pressed or not would say it a second time, the other way round.
    expect(screen.getByRole("button", { name: "Resume" }).hasAttribute("aria-pressed")).toBe(false);
    expect(screen.getByText(/the picture stands still/)).toBeTruthy();
    const count = streams.length;
    fireEvent.keyDown(document.body, { key: " " });
    await waitFor(() => {
      expect(streams.length).toBe(count + 1);
    });
  });

  it("is used by the keyboard", async () => {
    await opened("/topics");
    fireEvent.keyDown(document.body, { key: "/" });
    expect(document.activeElement).toBe(screen.getByRole("searchbox"));
    fireEvent.keyDown(screen.getByRole("searchbox"), { key: "g" });
    screen.getByRole("searchbox").blur();
    fireEvent.keyDown(document.body, { key: "j" });
    expect(document.activeElement?.getAttribute("data-row")).toBe("0");
    fireEvent.keyDown(document.body, { key: "?" });
    expect(screen.getByRole("dialog", { name: "Help" })).toBeTruthy();
    screen.getByRole<HTMLDialogElement>("dialog").dispatchEvent(new Event("close"));
    await waitFor(() => {
      expect(screen.queryByRole("dialog")).toBeNull();
    });
    await act(() => new Promise((resolve) => setTimeout(resolve, 50)));
    fireEvent.keyDown(document.body, { key: "g" });
    fireEvent.keyDown(document.body, { key: "k" });
    expect(window.location.pathname).toBe("/readiness");
  });

  it("opens the query of a number beside it, and gives the focus back", async () => {
    await opened("/topics");
    const number = within(
      document.querySelector<HTMLElement>('[data-tile="Written"]') ?? document.body,
    ).getByRole("button");
    fireEvent.click(number);
    const dialog = screen.getByRole("dialog", { name: "Query of Written" });
    expect(dialog.textContent).toContain("sum(rate(kafka_filter_written[1m]))");
    const link = within(dialog).getByRole("link", { name: "Open in Prometheus" });
    expect(link.getAttribute("href")).toMatch(/^http:\/\/127\.0\.0\.1:9090\/graph\?g0\.expr=sum/);
    expect(link.getAttribute("rel")).toBe("noreferrer");
    expect(dialog.textContent).toContain("The same number in PromQL");
    fireEvent.keyDown(dialog, { key: "Escape" });
    expect(screen.queryByRole("dialog")).toBeNull();
    expect(document.activeElement).toBe(number);
  });

  it("leaves the focus alone when one presses beside a query", async () => {
    await opened("/topics");
    const number = document.querySelector<HTMLElement>('[data-tile="Written"] button');
    fireEvent.click(number ?? document.body);
    await act(() => new Promise((resolve) => setTimeout(resolve, 50)));
    const focus = vi.spyOn(HTMLElement.prototype, "focus");
    fireEvent(screen.getByRole("link", { name: "orders" }), new Event("pointerdown", { bubbles: true }));
    expect(screen.queryByRole("dialog")).toBeNull();
    expect(focus).not.toHaveBeenCalled();
    focus.mockRestore();
  });

  it("goes to the page when what a query was opened by is gone, and never scrolls to it", async () => {
    await opened("/topics");
    const number = document.querySelector<HTMLElement>('[data-tile="Written"] button');
    fireEvent.click(number ?? document.body);
    number?.remove();
    const focus = vi.spyOn(HTMLElement.prototype, "focus");
    fireEvent.click(within(screen.getByRole("dialog")).getByRole("button", { name: "Close" }));
    expect(focus).toHaveBeenCalledWith({ preventScroll: true });
    focus.mockRestore();
    expect(document.activeElement).toBe(main());
  });

  it("has the focus at the name of a page that one goes to, and leaves it there at updates", async () => {
    await opened("/topics");
    expect(document.activeElement).toBe(document.body);
    const link = screen.getByRole("link", { name: "orders" });
    link.closest<HTMLElement>("tr")?.focus();
    fireEvent.keyDown(document.activeElement ?? link, { key: "Enter" });
    await waitFor(() => {
      expect(document.activeElement).toBe(screen.getByRole("heading", { level: 1, name: "orders" }));
    });
    await waitFor(() => {
      expect(main().dataset["ready"]).toBe("true");
    });
    screen.getByRole("searchbox").focus();
    void act(() => {
      newest().dispatchEvent(new Event("open"));
      newest().send(samplePage("topic", "orders", 1_800_000_060));
    });
    expect(document.activeElement).toBe(screen.getByRole("searchbox"));
  });

  it("takes the window along when the range becomes shorter", async () => {
    await opened("/topics?range=1h&window=15m");
    fireEvent.change(screen.getByRole("combobox", { name: /Range/ }), { target: { value: "5m" } });
    expect(window.location.search).toBe("?range=5m&window=5m");
    fireEvent.change(screen.getByRole("combobox", { name: /Window/ }), { target: { value: "15m" } });
    expect(window.location.search).toBe("?window=15m");
  });

  it("does not say that a query gives a number that stands still", async () => {
    await opened("/topics");
    fireEvent.click(screen.getByRole("button", { name: "Pause" }));
    fireEvent.click(document.querySelector('[data-tile="Written"] button') ?? document.body);
    const dialog = screen.getByRole("dialog", { name: "Query of Written" });
    expect(dialog.textContent).toContain("In PromQL");
    expect(dialog.textContent).not.toContain("same number");
  });

  it("remembers a theme", async () => {
    await opened("/topics");
    fireEvent.click(screen.getByRole("button", { name: "Theme: system" }));
    expect(document.documentElement.dataset["theme"]).toBe("light");
    fireEvent.click(screen.getByRole("button", { name: "Theme: light" }));
    expect([document.documentElement.dataset["theme"], localStorage.getItem("kafka-console-theme")]).toEqual([
      "dark",
      "dark",
    ]);
  });
});

describe("when something is wrong", () => {
  it("shows the shape of a page while it is on its way", async () => {
    await open("/topics", (url) =>
      url.pathname.includes("/page/")
        ? { status: 503, body: { error: "starting", remedy: null } }
        : undefined,
    );
    expect(screen.getByRole("status", { name: "Loading" })).toBeTruthy();
    expect(screen.getByRole("button", { name: "Try now" })).toBeTruthy();
    expect(main().dataset["ready"]).toBe("false");
  });

  it("keeps the numbers and says how old they are when the source is stale", async () => {
    const page = samplePage("topics", null, Date.now() / 1000, 5);
    const body = {
      ...page,
      source: {
        ...page.source,
        state: "stale",
        age_seconds: 94,
        message: "3 proxies are silent.",
        remedy: "See Health.",
      },
    };
    await opened("/topics", (url) => (url.pathname.includes("/page/") ? { status: 200, body } : undefined));
    const banner = document.querySelector("[data-state=stale]");
    // The age is beside the live region: in it, it would be read with each page.
    expect(banner?.textContent).toBe("3 proxies are silent.");
    expect(banner?.getAttribute("role")).toBe("status");
    expect(banner?.nextElementSibling?.textContent).toMatch(
      /^3 proxies are silent\. The numbers are [\d.]+\s\S+ old\.See Health\.$/,
    );
    expect(screen.getByRole("table", { name: "" })).toBeTruthy();
  });

  it("says what to do when there is no metric yet", async () => {
    const page = samplePage("topics", null, 1, 5);
    const body = {
      ...page,
      tiles: [],
      panels: [],
      source: { ...page.source, state: "empty", message: "No metric.", remedy: "Add the filter." },
    };
    await opened("/topics", (url) => (url.pathname.includes("/page/") ? { status: 200, body } : undefined));
    expect(main().textContent).toContain("No metric of the filter yet");
    expect(main().textContent).toContain("Add the filter.");
  });

  it("keeps the last picture when the connection goes, and says that it tries again", async () => {
    await opened("/topics");
    void act(() => {
      newest().dispatchEvent(new Event("open"));
      newest().dispatchEvent(new Event("error"));
    });
    expect(screen.getByText("Not connected")).toBeTruthy();
    expect(document.querySelector("[data-connection=lost]")?.textContent).toMatch(/lost\..*Trying again/);
    expect(document.querySelector("[data-tile]")).toBeTruthy();
    const count = streams.length;
    fireEvent.click(screen.getByRole("button", { name: "Try now" }));
    await waitFor(() => {
      expect(streams.length).toBe(count + 1);
    });
  });

  it("keeps the last numbers, with their age, when the source cannot answer", async () => {
    await opened("/topics");
    const page = samplePage("topics", null, Date.now() / 1000 - 90, 5);
    void act(() => {
      newest().dispatchEvent(new Event("open"));
      newest().send(page);
      newest().send({
        ...page,
        at: page.at + 90,
        tiles: [],
        panels: [],
        notes: [{ tone: "error", text: "no route", remedy: null }],
        source: { ...page.source, state: "unreachable", message: "no route", age_seconds: null },
      });
    });
    expect(document.querySelector("[data-tile]")).toBeTruthy();
    expect(document.querySelector(".page-old [data-panel=topics]")).toBeTruthy();
    const region = document.querySelector("[role=status][data-state=unreachable]");
    expect(region?.textContent).toBe("No route.");
    expect(region?.nextElementSibling?.textContent).toMatch(/^No route\. The numbers are 9\d\ss old\./);
    expect(screen.getByText("No fresh numbers")).toBeTruthy();
    void act(() => {
      newest().send({ ...page, at: page.at + 100 });
    });
    expect(screen.getByText("Live")).toBeTruthy();
    expect(document.querySelector(".page-old")).toBeNull();
  });

  it("opens no stream when one tries again while paused", async () => {
    let broken = false;
    await opened("/topics", (url) =>
      broken && url.pathname.includes("/page/") ? { status: 503, body: { error: "busy" } } : undefined,
    );
    fireEvent.click(screen.getByRole("button", { name: "Pause" }));
    broken = true;
    fireEvent.click(screen.getByRole("link", { name: /Groups/ }));
    const again = await screen.findByRole("button", { name: "Try now" });
    const count = streams.length;
    broken = false;
    fireEvent.click(again);
    await waitFor(() => {
      expect(main().dataset["ready"]).toBe("true");
    });
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("Groups");
    expect(streams).toHaveLength(count);
    expect(screen.getByText(/the picture stands still/)).toBeTruthy();
  });

  it("shows a refusal in the server's words", async () => {
    await opened("/topics?range=12p", (url) =>
      url.pathname.includes("/page/")
        ? { status: 400, body: { error: "range: no such time", remedy: "Take 15m." } }
        : undefined,
    );
    expect(screen.getByRole("alert").textContent).toContain("Range: no such time.");
    expect(screen.getByRole("alert").textContent).toContain("Take 15m.");
  });

  it("asks for a token, and keeps it nowhere", async () => {
    let known = false;
    await opened("/topics", (url) => {
      if (url.pathname === "/api/v1/login") {
        known = true;
        return { status: 204, body: null };
      }
      return known
        ? undefined
        : { status: 401, body: { error: "a token is wanted", remedy: null, login: "token" } };
    });
    fireEvent.input(screen.getByLabelText("Token"), { target: { value: "s3cret" } });
    fireEvent.submit(screen.getByLabelText("Token").closest("form") ?? document.body);
    await waitFor(() => {
      expect(document.querySelector("[data-tile]")).toBeTruthy();
    });
    expect(
      document.documentElement.outerHTML +
        JSON.stringify(Object.entries(localStorage)) +
        window.location.href,
    ).not.toContain("s3cret");
  });

  it("takes a token out of the address before anything else", async () => {
    await open("/login#tok%20en");
    await waitFor(() => {
      expect(window.location.pathname + window.location.hash).toBe("/map");
    });
  });

  it("takes a token with a lone % in it as it is", async () => {
    const fetched = vi.fn((_: string, init?: RequestInit) => {
      const token = new Headers(init?.headers).get("authorization");
      return Promise.resolve(new Response(null, { status: token === "Bearer a%zz" ? 204 : 401 }));
    });
    vi.stubGlobal("fetch", fetched);
    window.history.replaceState(null, "", "/login#a%zz");
    render(<App />);
    await waitFor(() => {
      expect(window.location.pathname + window.location.hash).toBe("/map");
    });
  });

  it("offers no form where a token would not help", async () => {
    await opened("/topics", () => ({
      status: 401,
      body: { error: "not let in", remedy: "Ask the proxy.", login: "proxy" },
    }));
    expect(main().textContent).toContain("Ask the proxy.");
    expect(screen.queryByLabelText("Token")).toBeNull();
  });
});

describe("a thing with a hostile name", () => {
  it.each(HOSTILE)("%s has a page of its own, and its name is text", async (name) => {
    const asked = await opened(`/topics/${encodeURIComponent(name)}`);
    expect(
      new URLSearchParams(asked.find((url) => url.includes("/page/topic"))?.split("?")[1]).get("key"),
    ).toBe(name);
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe(name);
    expect(document.querySelector("h1 bdi")?.textContent).toBe(name);
    expect(document.querySelector("img, script, iframe")).toBeNull();
  });
});
