import { describe, expect, it } from "vitest";

import { HOSTILE } from "../dev/names";
import { follow, formatView, parseView, query, section, type View } from "../src/state/view";

const PLAIN: View = {
  page: "topics",
  key: null,
  range: null,
  window: null,
  reporter: null,
  search: "",
  sort: {},
};

/** What a browser makes of an address before anyone reads it. */
function visited(address: string): View {
  const url = new URL(address, "http://localhost");
  return parseView(url.pathname, url.search);
}

describe("the address of a view", () => {
  it("is short when nothing was chosen", () => {
    expect(formatView(PLAIN)).toBe("/topics");
    expect(visited("/topics")).toEqual(PLAIN);
  });

  it("starts at the map", () => {
    expect(visited("/").page).toBe("map");
  });

  it("has everything that was chosen, and gives it back", () => {
    const view: View = {
      page: "topic",
      key: "orders",
      range: "1h",
      window: "5m",
      reporter: "destination",
      search: "pay & go",
      sort: {
        writers: { column: "bytes", descending: true },
        readers: { column: "client", descending: false },
      },
    };
    expect(formatView(view)).toBe(
      "/topics/orders?range=1h&window=5m&reporter=destination&search=pay+%26+go&sort=writers%3Abytes%3Ad%2Creaders%3Aclient%3Aa",
    );
    expect(visited(formatView(view))).toEqual(view);
  });

  it.each([
    ...HOSTILE,
    ".",
    "..",
    "~",
    "~.",
    "a/b",
    "a//b",
    "%2F",
    "%",
    "?x=1#y",
    " ",
    "\\",
    "a\nb",
    "__none__",
    "x".repeat(249),
  ])("names %j so that it comes back", (key) => {
    for (const page of ["topic", "client", "group"]) {
      const back = visited(formatView({ ...PLAIN, page, key }));
      expect([back.page, back.key]).toEqual([page, key]);
    }
  });

  it("writes half a surrogate pair as what can be written", () => {
    expect(visited(formatView({ ...PLAIN, page: "topic", key: "a\ud800b" })).key).toBe("a\ufffdb");
  });

  it("forgives an address that nobody made", () => {
    expect(visited("/topics/%E0%A4%A").key).toBe("%E0%A4%A");
    expect(visited("/topics?sort=x,:y:d,a:b:z,t:c:d").sort).toEqual({ t: { column: "c", descending: true } });
    expect(visited("/topics?sort=__proto__:c:d").sort["column"]).toBeUndefined();
    expect(visited("/health/extra")).toEqual({ ...PLAIN, page: "health" });
  });
});

describe("going on", () => {
  it("keeps the time, and leaves search and sort", () => {
    const view = {
      ...PLAIN,
      range: "1h",
      search: "pay",
      sort: { topics: { column: "lag", descending: true } },
    };
    expect(follow(view, "topic", "orders")).toEqual({ ...PLAIN, page: "topic", key: "orders", range: "1h" });
  });

  it("marks the list that a thing belongs to", () => {
    expect(section("topic")).toBe("topics");
    expect(section("group")).toBe("groups");
    expect(section("health")).toBe("health");
  });

  it("asks the server for what was chosen, and not for the order", () => {
    const sort = { topics: { column: "lag", descending: true } };
    expect(query({ ...PLAIN, page: "topic", key: "a b", window: "5m", sort })).toBe("key=a+b&window=5m");
    expect(query(PLAIN)).toBe("");
  });
});
