/** The shape of a page while its first numbers are on the way. */

import type { JSX } from "preact";

export function Skeleton(): JSX.Element {
  return (
    <div class="skeleton" role="status" aria-label="Loading">
      <div class="tiles">
        {[1, 2, 3, 4, 5].map((place) => (
          <div key={place} class="tile bone" />
        ))}
      </div>
      <div class="panels">
        <div class="panel panel-wide bone bone-high" />
        <div class="panel bone" />
        <div class="panel bone" />
      </div>
    </div>
  );
}
