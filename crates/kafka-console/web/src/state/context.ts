/** What every part of a page may need: the view, how to leave it, and where numbers open their query. */

import { createContext } from "preact";
import { useContext } from "preact/hooks";

import type { Unit } from "../api";
import type { Sort, View } from "./view";

/** A number that was activated, and the query that gives it. */
export interface Question {
  title: string;
  /** Undefined where the query is that of a whole panel. */
  value: number | null | undefined;
  unit: Unit;
  promql: string;
  /** Whether the value is of an earlier time: the query gives another one now. */
  past?: boolean;
  help: string;
  /** What it was activated by: the popover stands beside it and gives focus back to it. */
  anchor: Element;
}

export interface Shell {
  view: View;
  dark: boolean;
  prometheusUrl: string | null;
  /** Goes to another view, as a new entry of the history. */
  go: (view: View) => void;
  ask: (question: Question) => void;
  /** Whether the server has not yet answered what is searched for. */
  searching: boolean;
  clearSearch: () => void;
  setSort: (panel: string, sort: Sort) => void;
  /** What an address of a view is, for links. */
  href: (page: string, key: string | null) => string;
}

export const ShellContext = createContext<Shell | null>(null);

export function useShell(): Shell {
  const shell = useContext(ShellContext);
  if (shell === null) {
    throw new Error("a part of a page was used outside of the console");
  }
  return shell;
}
