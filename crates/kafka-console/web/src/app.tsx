/**
 * The console: the address decides what is shown, a feed keeps it current, and this puts the parts together.
 */

import type { JSX } from "preact";
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";

import { PageView } from "./page";
import { ROW_EVENT } from "./panels/table";
import { Header } from "./parts/header";
import { HelpDialog } from "./parts/help";
import { Login } from "./parts/login";
import { Navigation } from "./parts/navigation";
import { Banner, ConnectionBanner, SourceBanner } from "./parts/notes";
import { Popover } from "./parts/popover";
import { SearchStatus } from "./parts/search";
import { Skeleton } from "./parts/skeleton";
import { useAddress, useLinks } from "./state/address";
import { type Question, type Shell, ShellContext } from "./state/context";
import type { FeedState } from "./state/feed";
import { type Command, Keys } from "./state/keys";
import { applyTheme, nextTheme, storedTheme, useDark } from "./state/theme";
import { useFeed } from "./state/use_feed";
import { usePages } from "./state/use_pages";
import { FIRST_PAGE, follow, formatView, LOGIN_PAGE, query, type View } from "./state/view";

/** The server is asked for a search when typing has stopped for this long; tables follow each letter. */
const SEARCH_MS = 250;

export function App(): JSX.Element {
  const { view, go } = useAddress();
  useLinks(go);
  const [paused, setPaused] = useState(false);
  const { feed, retry } = useFeed(view, paused);
  const [logins, setLogins] = useState(0);
  const pages = usePages(logins);
  const [theme, setTheme] = useState(storedTheme);
  const [help, setHelp] = useState(false);
  const [question, setQuestion] = useState<Question | null>(null);
  const searchField = useRef<HTMLInputElement>(null);
  const [search, onSearch] = useSearch(view, go);

  const onTheme = (): void => {
    const next = nextTheme(theme);
    applyTheme(next);
    setTheme(next);
  };
  const run = (command: Command): void => {
    switch (command.kind) {
      case "search":
        searchField.current?.focus();
        searchField.current?.select();
        break;
      case "pause":
        setPaused(!paused);
        break;
      case "help":
        setHelp(true);
        break;
      case "theme":
        onTheme();
        break;
      case "row":
        stepRow(command.step);
        break;
      case "go":
        go(follow(view, command.page, null));
        break;
    }
  };
  useKeys(run, help);

  const anchor = question?.anchor;
  const closeQuestion = useCallback(
    (focus: "back" | "away") => {
      setQuestion(null);
      if (focus === "back") {
        const there = anchor instanceof HTMLElement && anchor.isConnected;
        (there ? anchor : document.getElementById("main"))?.focus({ preventScroll: true });
      }
    },
    [anchor],
  );
  const [shownView, setShownView] = useState(view);
  if (shownView !== view) {
    setShownView(view);
    setQuestion(null);
  }
  useEffect(() => {
    document.title = `${view.key ?? pages.pages.find((page) => page.name === view.page)?.title ?? view.page} – kafka-console`;
  }, [view.page, view.key, pages]);

  useArrival(view);

  const page = currentPage(feed, view);
  const prometheusUrl = page?.source.prometheus_url ?? null;
  const dark = useDark(theme);
  const answered = page !== null && sameAsked(feed.pageOf, view);
  const shell = useMemo<Shell>(
    () => ({
      view: { ...view, search },
      dark,
      prometheusUrl,
      go,
      ask: setQuestion,
      searching: search !== view.search || !answered,
      clearSearch: () => {
        onSearch("");
        searchField.current?.focus();
      },
      setSort: (panel, sort) => {
        go({ ...view, sort: { ...view.sort, [panel]: sort } }, "replace");
      },
      href: (name, key) => formatView(follow(view, name, key)),
    }),
    [view, search, answered, dark, prometheusUrl, go, onSearch],
  );

  const locked = view.page === LOGIN_PAGE || feed.phase === "locked";
  const ready = locked || feed.phase === "refused" || answered;
  const still = paused || !ready || isStill(feed);
  return (
    <ShellContext.Provider value={shell}>
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <div class="frame">
        <Navigation pages={pages} />
        <div class="stage">
          <Header
            {...{ pages, page, feed, paused, theme, search, searchField, onSearch, onTheme }}
            onChange={go}
            onPause={() => {
              setPaused(!paused);
            }}
            onHelp={() => {
              setHelp(true);
            }}
          />
          <main id="main" tabIndex={-1} data-ready={String(ready)} aria-busy={!ready}>
            {locked ? (
              <Login
                problem={feed.phase === "locked" ? feed.problem : null}
                onDone={() => {
                  setLogins(logins + 1);
                  if (view.page === LOGIN_PAGE) {
                    go(follow(view, FIRST_PAGE, null), "replace");
                  } else {
                    retry();
                  }
                }}
              />
            ) : (
              <Body {...{ feed, page, paused, retry }} fresh={ready} />
            )}
            <SearchStatus page={page} />
          </main>
        </div>
      </div>
      {question === null ? null : (
        <Popover {...{ question, prometheusUrl }} still={still} onClose={closeQuestion} />
      )}
      {help ? (
        <HelpDialog
          pages={pages}
          onClose={() => {
            setHelp(false);
          }}
        />
      ) : null}
    </ShellContext.Provider>
  );
}

interface BodyProps {
  feed: FeedState;
  page: ReturnType<typeof currentPage>;
  paused: boolean;
  fresh: boolean;
  retry: () => void;
}

function Body({ feed, page, paused, fresh, retry }: BodyProps): JSX.Element {
  return (
    <>
      {paused ? (
        <Banner tone="info">Paused: the picture stands still until you resume it (space).</Banner>
      ) : null}
      <ConnectionBanner feed={feed} retry={retry} />
      {feed.phase === "refused" && feed.problem !== null ? (
        <div class="bare" role="alert">
          <h2>{feed.problem.error}</h2>
          {feed.problem.remedy === null ? null : <p class="bare-remedy">{feed.problem.remedy}</p>}
          <p>
            <a href={`/${FIRST_PAGE}`}>Go to the first page</a>
          </p>
        </div>
      ) : page === null ? (
        <Skeleton />
      ) : (
        <>
          <SourceBanner page={page} since={feed.since} />
          <div class={fresh && feed.since === null ? "page" : "page page-old"}>
            <PageView page={page} />
          </div>
        </>
      )}
    </>
  );
}

/**
 * The newest page when it is of what the view shows; of another page or thing it would be a wrong picture.
 */
function currentPage(feed: FeedState, view: View): FeedState["page"] {
  return feed.pageOf !== null && feed.pageOf.page === view.page && feed.pageOf.key === view.key
    ? feed.page
    : null;
}

/** Whether the numbers are older than what a query gives now. */
function isStill({ phase, page, since }: FeedState): boolean {
  const state = page?.source.state;
  return phase === "lost" || since !== null || state === "stale" || state === "unreachable";
}

function sameAsked(of: View | null, view: View): boolean {
  return of !== null && of.page === view.page && query(of) === query(view);
}

/** What is typed is seen at once; the address, and with it the server, follow when typing stops. */
function useSearch(view: View, go: (view: View, how: "replace") => void): [string, (text: string) => void] {
  const [typed, setTyped] = useState<string | null>(null);
  // What was typed for one page is not looked for on the next one.
  const place = `${view.page}/${view.key ?? ""}`;
  const [typedAt, setTypedAt] = useState(place);
  if (typedAt !== place) {
    setTypedAt(place);
    setTyped(null);
  }
  const latest = useRef(view);
  latest.current = view;
  useEffect(() => {
    if (typed === null) {
      return undefined;
    }
    const timer = setTimeout(() => {
      go({ ...latest.current, search: typed }, "replace");
      setTyped(null);
    }, SEARCH_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [typed, go]);
  return [typed ?? view.search, setTyped];
}

/** Whoever goes to another page hears its name; at a live update the focus stays. */
function useArrival({ page, key }: View): void {
  const before = useRef({ page, key });
  useEffect(() => {
    if (before.current.page !== page || before.current.key !== key) {
      before.current = { page, key };
      document.querySelector("h1")?.focus();
    }
  }, [page, key]);
}

function useKeys(run: (command: Command) => void, off: boolean): void {
  const keys = useRef(new Keys());
  const latest = useRef(run);
  latest.current = run;
  useEffect(() => {
    if (off) {
      return undefined;
    }
    const pressed = (event: KeyboardEvent): void => {
      const command = keys.current.press(event, Date.now());
      if (command !== null) {
        event.preventDefault();
        latest.current(command);
      }
    };
    document.addEventListener("keydown", pressed);
    return () => {
      document.removeEventListener("keydown", pressed);
    };
  }, [off]);
}

/** The table that has the focus, or the page's first, is told to go to its next row. */
function stepRow(step: number): void {
  const focused = document.activeElement?.closest("[data-rows]");
  (focused ?? document.querySelector("[data-rows]"))?.dispatchEvent(
    new CustomEvent(ROW_EVENT, { detail: step }),
  );
}
