/** What the navigation and the selections offer; until the server has said it, what every release has. */

import { useEffect, useState } from "preact/hooks";

import type { Pages } from "../api";

const USUAL: Pages = {
  pages: [
    ["map", "Map"],
    ["topics", "Topics"],
    ["clients", "Clients"],
    ["groups", "Groups"],
    ["requests", "Requests"],
    ["readiness", "Kafka 4 readiness"],
    ["health", "Health"],
  ].map(([name = "", title = ""]) => ({ name, title, help: "" })),
  ranges: ["5m", "15m", "30m", "1h"],
  windows: ["30s", "1m", "2m", "5m", "15m", "1h"],
  reporters: [],
  defaults: { range: "15m", window: "1m", reporter: "source-proxy" },
  release: "",
};

/** Asked anew when `again` changes: after a token was given. */
export function usePages(again: unknown): Pages {
  const [pages, setPages] = useState(USUAL);
  useEffect(() => {
    const asking = new AbortController();
    fetch("/api/v1/pages", { signal: asking.signal, headers: { accept: "application/json" } })
      .then(async (answer) => {
        if (answer.ok) {
          const body = (await answer.json()) as Partial<Pages>;
          setPages({ ...USUAL, ...body });
        }
      })
      .catch(() => undefined); // the page itself says that the server cannot be reached
    return () => {
      asking.abort();
    };
  }, [again]);
  return pages;
}
