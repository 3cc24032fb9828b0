/**
 * What is looked at, as the address says it: the URL is the only state that a view has.
 *
 * `/topics/orders?range=15m&search=pay` and back; whatever does not belong is left out, so that a shared
 * address is short and the same view has one address.
 */

export interface Sort {
  column: string;
  descending: boolean;
}

export interface View {
  /** The page's name for the server: `topics`, or `topic` when there is a key. */
  page: string;
  key: string | null;
  /** Null: what the server takes when it is not told. */
  range: string | null;
  window: string | null;
  reporter: string | null;
  search: string;
  /** Of each table that is not sorted as the server sent it, by the panel's id. */
  sort: Readonly<Record<string, Sort>>;
}

/** The list that a page of one thing belongs to. */
const LISTS: Readonly<Record<string, string>> = { topic: "topics", client: "clients", group: "groups" };
const DETAILS: Readonly<Record<string, string>> = { topics: "topic", clients: "client", groups: "group" };

export const FIRST_PAGE = "map";
export const LOGIN_PAGE = "login";

export function parseView(pathname: string, search: string): View {
  const [first = "", ...rest] = pathname.split("/").filter((part) => part !== "");
  const name = decoded(first) || FIRST_PAGE;
  const key = rest.length === 0 ? null : decoded(rest.join("/"));
  const query = new URLSearchParams(search);
  return {
    page: key === null ? name : (DETAILS[name] ?? name),
    key: DETAILS[name] === undefined ? null : key,
    range: query.get("range"),
    window: query.get("window"),
    reporter: query.get("reporter"),
    search: query.get("search") ?? "",
    sort: parseSort(query.get("sort")),
  };
}

export function formatView(view: View): string {
  const path = formatPath(view.page, view.key);
  const query = new URLSearchParams();
  for (const name of ["range", "window", "reporter", "search"] as const) {
    const value = view[name];
    if (value !== null && value !== "") {
      query.set(name, value);
    }
  }
  const sort = formatSort(view.sort);
  if (sort !== "") {
    query.set("sort", sort);
  }
  const text = query.toString();
  return text === "" ? path : `${path}?${text}`;
}

/** What a page of one thing is reached by keeps the time range, and leaves search and sort behind. */
export function follow(view: View, page: string, key: string | null): View {
  return { ...view, page, key, search: "", sort: {} };
}

/** The entry of the navigation that a page belongs to. */
export function section(page: string): string {
  return LISTS[page] ?? page;
}

/** The server's parameters of a view: the same for one answer and for live updates. */
export function query(view: View): string {
  const parameters = new URLSearchParams();
  for (const name of ["key", "range", "window", "reporter", "search"] as const) {
    const value = view[name];
    if (value !== null && value !== "") {
      parameters.set(name, value);
    }
  }
  return parameters.toString();
}

/** The same for views that the server has one answer to. */
export function address(view: View): string {
  return `${view.page}?${query(view)}`;
}

function formatPath(page: string, key: string | null): string {
  if (key === null) {
    return `/${encodeURIComponent(page)}`;
  }
  // A path of dots would be folded by the browser: `.` and `..` are written so that they are not.
  const encoded = encodeURIComponent(wellFormed(key)).replace(/^\.{1,2}$/, (dots) => `~${dots}`);
  return `/${section(page)}/${key.startsWith("~") ? `~${encoded}` : encoded}`;
}

/** Half a surrogate pair cannot be written in an address. */
function wellFormed(value: string): string {
  return value.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd");
}

function decoded(part: string): string {
  const bare = part.startsWith("~") ? part.slice(1) : part;
  try {
    return decodeURIComponent(bare);
  } catch {
    return bare;
  }
}

/** `panel:column:d,other:name:a`; panels and columns are the server's own words. */
function parseSort(value: string | null): Record<string, Sort> {
  const found: [string, Sort][] = [];
  for (const part of (value ?? "").split(",")) {
    const [panel, column, way] = part.split(":");
    if (panel !== undefined && panel !== "" && column !== undefined && (way === "a" || way === "d")) {
      found.push([panel, { column, descending: way === "d" }]);
    }
  }
  return Object.fromEntries(found);
}

function formatSort(sort: View["sort"]): string {
  return Object.entries(sort)
    .map(([panel, { column, descending }]) => `${panel}:${column}:${descending ? "d" : "a"}`)
    .join(",");
}
