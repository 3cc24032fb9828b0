/** What `?` shows: keys, and how numbers are written. */

import type { JSX } from "preact";

import type { Pages } from "../api";
import { GO } from "../state/keys";
import { Dialog } from "./dialog";

export function HelpDialog({ pages, onClose }: { pages: Pages; onClose: () => void }): JSX.Element {
  const title = (name: string): string => pages.pages.find((page) => page.name === name)?.title ?? name;
  const keys: [string[], string][] = [
    [["/"], "search"],
    [["space"], "pause and resume"],
    [["j", "k"], "next and previous row"],
    [["enter"], "open the row's page"],
    [["d"], "theme: as the system, light, dark"],
    [["?"], "this help"],
    [["esc"], "close, or leave the search"],
  ];
  return (
    <Dialog title="Help" onClose={onClose}>
      <div class="help-columns">
        <section>
          <h3>Keys</h3>
          <dl class="keys">
            {keys.map(([names, what]) => (
              <KeyLine key={what} names={names} what={what} />
            ))}
          </dl>
        </section>
        <section>
          <h3>Go to</h3>
          <dl class="keys">
            {Object.entries(GO).map(([letter, page]) => (
              <KeyLine key={page} names={["g", letter]} what={title(page)} />
            ))}
          </dl>
        </section>
      </div>
      <section>
        <h3>Numbers</h3>
        <ul class="help-list">
          <li>Select any number to see its query in PromQL, to copy it, or to open it in Prometheus.</li>
          <li>
            Bytes have binary prefixes (1 KiB = 1024 B); everything else has decimal ones (1 k = 1000). Three
            digits are shown; all of them are in the number’s tooltip and beside its query.
          </li>
          <li>
            <strong>Range</strong> is how far charts and sums reach back. <strong>Window</strong> is what a
            rate is taken over: a short one follows bursts, a long one is calm.
          </li>
          <li>
            <strong>Seen by</strong> chooses the side whose proxies count: a call within a mesh passes two of
            them, and is to be counted once.
          </li>
          <li>A dash is “no data”, which is not 0.</li>
          <li>
            A pause freezes the picture. The address of a page holds all its settings: share it as it is.
          </li>
        </ul>
      </section>
      {pages.release === "" ? null : <p class="muted">kafka-console {pages.release}</p>}
    </Dialog>
  );
}

function KeyLine({ names, what }: { names: string[]; what: string }): JSX.Element {
  return (
    <div>
      <dt>
        {names.map((name) => (
          <kbd key={name}>{name}</kbd>
        ))}
      </dt>
      <dd>{what}</dd>
    </div>
  );
}
