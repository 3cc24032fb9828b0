/** The way to the pages: at the left, and at the top of a narrow window. */

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

import type { Pages } from "../api";
import { useShell } from "../state/context";
import { GO } from "../state/keys";
import { section } from "../state/view";
import { Icon, isIcon } from "./icons";
import { Logo } from "./logo";

export function Navigation({ pages }: { pages: Pages }): JSX.Element {
  const { view, href } = useShell();
  const here = section(view.page);
  const current = useRef<HTMLAnchorElement>(null);
  // In a narrow window the entries scroll: the one of this page is brought into view.
  useEffect(() => {
    const link = current.current;
    const list = link?.closest<HTMLElement>(".navigation-in");
    if (link && list) {
      list.scrollLeft = link.offsetLeft - (list.clientWidth - link.offsetWidth) / 2;
    }
  }, [here]);
  const letters = new Map(Object.entries(GO).map(([letter, page]) => [page, letter]));
  return (
    <nav class="navigation" aria-label="Pages">
      <div class="navigation-in">
        <a
          class="brand"
          href={href(pages.pages[0]?.name ?? "map", null)}
          aria-label="kafka-console, first page"
        >
          <Logo />
          <span>kafka-console</span>
        </a>
        <ul>
          {pages.pages.map(({ name, title, help }) => (
            <li key={name}>
              <a
                ref={name === here ? current : null}
                href={href(name, null)}
                aria-current={name === here ? "page" : undefined}
                title={help}
              >
                {isIcon(name) ? <Icon name={name} /> : null}
                <span>{title}</span>
                {letters.has(name) ? <kbd aria-hidden="true">g {letters.get(name)}</kbd> : null}
              </a>
            </li>
          ))}
        </ul>
      </div>
    </nav>
  );
}
