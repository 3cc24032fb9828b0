/** The numbers that a page begins with. */

import type { JSX } from "preact";

import type { Tile } from "../api";
import { ToneIcon } from "./icons";
import { Num } from "./num";

export function Tiles({ tiles }: { tiles: Tile[] }): JSX.Element | null {
  if (tiles.length === 0) {
    return null;
  }
  return (
    <ul class="tiles" aria-label="Key figures" style={{ "--columns": String(columns(tiles.length)) }}>
      {tiles.map((tile) => (
        <li
          key={tile.title}
          class={`tile tone-${tile.tone}`}
          data-tile={tile.title}
          data-value={tile.value === null ? "" : String(tile.value)}
        >
          <div class="tile-title" title={tile.help}>
            <ToneIcon tone={tile.tone} />
            {tile.title}
            {tile.tone === "plain" ? null : <span class="visually-hidden"> ({tile.tone})</span>}
          </div>
          <Num {...tile} />
        </li>
      ))}
    </ul>
  );
}

/** One row of up to seven, or two rows of about the same length. */
function columns(count: number): number {
  return count <= 7 ? count : Math.ceil(count / 2);
}
