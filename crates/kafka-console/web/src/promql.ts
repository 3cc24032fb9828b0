/**
 * PromQL as the server wrote it, made whole for one row, and the link that opens it in Prometheus.
 *
 * A label's value is chosen by strangers: it enters a query only as the inside of a quoted string.
 * https://prometheus.io/docs/prometheus/latest/querying/basics/#string-literals
 */

const ESCAPES: Record<string, string> = { "\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** A value as it stands between double quotes in PromQL. */
export function escapeValue(value: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what has to be written otherwise
  return value.replace(/[\\"\u0000-\u001f\u007f]/g, (found) => ESCAPES[found] ?? hex(found));
}

function hex(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}

/** A column's query for one row: `$row`, `$row2` and `$row3` become the texts of its first cells. */
export function forRow(promql: string, texts: readonly string[]): string {
  return filled(promql, { row: texts[0], row2: texts[1], row3: texts[2] });
}

/** A heat map's query for one cell. */
export function forCell(promql: string, row: string, column: string): string {
  return filled(promql, { row, column });
}

/** In one pass: a value with `$row2` or `$&` in it is no pattern. */
function filled(promql: string, values: Readonly<Record<string, string | undefined>>): string {
  return promql.replace(/\$(row[23]?|column)/g, (found, name: string) => {
    const value = values[name];
    return value === undefined ? found : escapeValue(value);
  });
}

/** Where Prometheus shows a query, or none when the address is no web address. */
export function prometheusLink(base: string | null, promql: string): string | null {
  if (base === null || promql === "") {
    return null;
  }
  try {
    const url = new URL(base);
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      return null;
    }
    url.pathname = `${url.pathname.replace(/\/+$/, "")}/graph`;
    url.search = new URLSearchParams({ "g0.expr": promql, "g0.tab": "0" }).toString();
    url.hash = "";
    return url.toString();
  } catch {
    return null;
  }
}
