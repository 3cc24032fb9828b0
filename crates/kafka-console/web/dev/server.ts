/**
 * A server of sample pages for `vite` and `vite preview`, with the policy that the real one sends.
 *
 * A search for `?state=stale` and the like in the address of the page shows the states that are hard to come
 * by.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Connect, Plugin } from "vite";

import type { Page, SourceState } from "../src/api.ts";
import { PAGES, samplePage } from "./sample.ts";

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; frame-ancestors 'none'; form-action 'none'";

export function sampleServer(): Plugin {
  return {
    name: "sample-server",
    configureServer: (server) => {
      server.middlewares.use(handle);
    },
    configurePreviewServer: (server) => {
      server.middlewares.use((_request, response, next) => {
        response.setHeader("content-security-policy", POLICY);
        next();
      });
      server.middlewares.use(handle);
    },
  };
}

function handle(request: IncomingMessage, response: ServerResponse, next: Connect.NextFunction): void {
  const url = new URL(request.url ?? "/", "http://localhost");
  const asked = new URL(request.headers.referer ?? "/", "http://localhost").searchParams;
  const state =
    url.searchParams.get("search")?.startsWith("state=") === true
      ? url.searchParams.get("search")?.slice(6)
      : asked.get("state");
  const page = (name: string): Page => made(name, url.searchParams.get("key"), state ?? null);
  if (url.pathname === "/api/v1/pages") {
    answer(response, 200, PAGES);
  } else if (url.pathname === "/api/v1/live") {
    if (state === "polling") {
      answer(response, 503, { error: "No stream to spare.", remedy: null });
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    const send = (): void => {
      response.write(`event: page\ndata: ${JSON.stringify(page(url.searchParams.get("page") ?? "map"))}\n\n`);
    };
    send();
    const timer = setInterval(send, 2000);
    request.on("close", () => {
      clearInterval(timer);
    });
  } else if (url.pathname.startsWith("/api/v1/page/")) {
    if (state === "locked") {
      answer(response, 401, { error: "A token is wanted.", remedy: null, login: "token" });
    } else if (state === "refused") {
      answer(response, 400, {
        error: "range: 12 parsecs is no time.",
        remedy: "Take one of 5m, 15m, 30m, 1h.",
      });
    } else if (state !== "loading") {
      answer(
        response,
        state === "lost" ? 503 : 200,
        state === "lost" ? { error: "The server is stopping.", remedy: null } : page(url.pathname.slice(13)),
      );
    }
  } else {
    next();
  }
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(body));
}

function made(name: string, key: string | null, state: string | null): Page {
  const page = samplePage(name, key, Math.floor(Date.now() / 1000));
  const source: Partial<SourceState> =
    state === "stale"
      ? {
          state: "stale",
          age_seconds: 94,
          message: "3 of 8 proxies have not answered for 90 s.",
          remedy: "See Health for which, and whether they still run.",
        }
      : state === "unreachable"
        ? {
            state: "unreachable",
            age_seconds: 312,
            message: "Prometheus at prometheus.monitoring.svc does not answer: connection refused.",
            remedy: "Check --prometheus and that Prometheus runs.",
          }
        : state === "empty"
          ? {
              state: "empty",
              message: "8 proxies answer, none has a metric of the filter.",
              remedy:
                "Add the filter to their listeners: see istio/README.md or envoy/README.md. Then send some traffic.",
            }
          : {};
  const bare = state === "empty" ? { tiles: [], panels: [], notes: [] } : {};
  return { ...page, ...bare, source: { ...page.source, ...source } };
}
