/** What a panel means, behind a question mark: read by who wants to know, out of the way for who knows. */

import type { JSX } from "preact";
import { useId, useState } from "preact/hooks";

import { Icon } from "./icons";

export function Help({ text, about }: { text: string; about: string }): JSX.Element | null {
  const [open, setOpen] = useState(false);
  const id = useId();
  if (text === "") {
    return null;
  }
  return (
    <>
      <button
        type="button"
        class="help-button"
        aria-label={`About ${about}`}
        aria-expanded={open}
        aria-controls={id}
        onClick={() => {
          setOpen(!open);
        }}
      >
        <Icon name="info" />
      </button>
      <p id={id} class="help-text" hidden={!open}>
        {text}
      </p>
    </>
  );
}
