/** A feed for the view that is shown, as long as someone looks. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { BROWSER, Feed, type FeedState, NOTHING } from "./feed";
import { address, LOGIN_PAGE, type View } from "./view";

/** A tab out of sight gives its connection back after this: browsers have few for each server. */
const REST_AFTER_MS = 20_000;

export interface Fed {
  feed: FeedState;
  /** Asks at once, whatever a retry waits for. */
  retry: () => void;
}

export function useFeed(view: View, paused: boolean): Fed {
  const [state, setState] = useState<FeedState>(NOTHING);
  const feed = useRef<Feed | null>(null);
  feed.current ??= new Feed(BROWSER, setState);
  const shown = useRef(view);
  shown.current = view;
  const asked = address(view);
  const hidden = useHidden();

  useEffect(() => {
    const current = feed.current;
    if (shown.current.page === LOGIN_PAGE) {
      return undefined;
    }
    const on = current?.state.pageOf ?? null;
    if (hidden) {
      current?.freeze("resting");
    } else if (!paused) {
      current?.open(shown.current);
    } else if (on !== null && address(on) === asked) {
      current?.freeze("paused");
    } else {
      current?.openPaused(shown.current);
    }
    return () => {
      current?.close();
    };
  }, [asked, paused, hidden]);

  const retry = useCallback(() => {
    if (paused) {
      feed.current?.openPaused(shown.current);
    } else {
      feed.current?.open(shown.current);
    }
  }, [paused]);
  return { feed: state, retry };
}

function useHidden(): boolean {
  const [hidden, setHidden] = useState(false);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const changed = (): void => {
      clearTimeout(timer);
      if (document.visibilityState === "hidden") {
        timer = setTimeout(() => {
          setHidden(true);
        }, REST_AFTER_MS);
      } else {
        setHidden(false);
      }
    };
    document.addEventListener("visibilitychange", changed);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", changed);
    };
  }, []);
  return hidden;
}
