/** The console's sign: flows that meet. */

import type { JSX } from "preact";

export function Logo(): JSX.Element {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" />
      <path d="M7 9c9 0 9 7 18 7M7 16h18M7 23c9 0 9-7 18-7" />
      <circle cx="25" cy="16" r="2.8" />
    </svg>
  );
}
