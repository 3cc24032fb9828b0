/** The view that the address bar has, and ways to another one; back and forward work by themselves. */

import { useCallback, useEffect, useState } from "preact/hooks";

import { formatView, parseView, type View } from "./view";

export interface Address {
  view: View;
  /** `push` makes an entry in the history, `replace` changes the one that is there (typing, sorting). */
  go: (view: View, how?: "push" | "replace") => void;
}

export function useAddress(): Address {
  const [view, setView] = useState(current);

  useEffect(() => {
    const moved = (): void => {
      setView(current());
    };
    window.addEventListener("popstate", moved);
    return () => {
      window.removeEventListener("popstate", moved);
    };
  }, []);

  const go = useCallback((next: View, how: "push" | "replace" = "push") => {
    const address = formatView(next);
    if (how === "replace" || address === window.location.pathname + window.location.search) {
      window.history.replaceState(null, "", address);
    } else {
      window.history.pushState(null, "", address);
    }
    setView(next);
  }, []);

  return { view, go };
}

function current(): View {
  return parseView(window.location.pathname, window.location.search);
}

/** Links within the console change the view without loading the document anew. */
export function useLinks(go: (view: View) => void): void {
  useEffect(() => {
    const clicked = (event: MouseEvent): void => {
      const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
      if (!(link instanceof HTMLAnchorElement) || event.defaultPrevented || event.button !== 0) {
        return;
      }
      const plain = !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
      if (plain && link.target === "" && link.origin === window.location.origin && link.hash === "") {
        event.preventDefault();
        go(parseView(link.pathname, link.search));
      }
    };
    document.addEventListener("click", clicked);
    return () => {
      document.removeEventListener("click", clicked);
    };
  }, [go]);
}
