/** What a search has found: where it found nothing, and how much it found on the whole page. */

import type { JSX } from "preact";
import { useMemo } from "preact/hooks";

import type { Page } from "../api";
import { filterRows, toRows } from "../panels/table_rows";
import { useShell } from "../state/context";

/** In place of a panel in which nothing is left: that nothing is there at all is not known then. */
export function NoHit(): JSX.Element {
  const { view, searching, clearSearch } = useShell();
  return (
    <p class="empty">
      {searching ? "Looking for" : "Nothing here has"} “<bdi>{view.search.trim()}</bdi>”
      {searching ? "…" : "."}{" "}
      <button type="button" class="button" onClick={clearSearch}>
        Clear the search
      </button>
    </p>
  );
}

/** One for the page, when the server has answered: a region for each table would speak at each letter. */
export function SearchStatus({ page }: { page: Page | null }): JSX.Element {
  const { view, searching } = useShell();
  const search = searching ? "" : view.search.trim();
  const found = useMemo(() => (search === "" || page === null ? null : count(page, search)), [page, search]);
  return (
    <div class="visually-hidden" role="status" data-found={found ?? undefined}>
      {found === null ? null : (
        <>
          {found === 1 ? "1 row has" : `${String(found)} rows have`} “<bdi>{search}</bdi>”.
        </>
      )}
    </div>
  );
}

function count(page: Page, search: string): number | null {
  const tables = page.panels.filter((panel) => panel.kind === "table");
  return tables.length === 0
    ? null
    : tables.reduce((sum, { rows }) => sum + filterRows(toRows(rows), search).length, 0);
}
