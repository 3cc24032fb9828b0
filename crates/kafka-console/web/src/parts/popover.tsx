/** The query behind a number: read it, copy it, open it in Prometheus. */

import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import { exact } from "../format";
import { prometheusLink } from "../promql";
import type { Question } from "../state/context";
import { copyText } from "./copy";
import { Icon } from "./icons";

const MARGIN = 8;

interface Props {
  question: Question;
  prometheusUrl: string | null;
  /** Whether the page stands still: its numbers are not what a query gives now. */
  still: boolean;
  /** `back`: the focus goes to where it came from; `away`: it is where someone has just pressed. */
  onClose: (focus: "back" | "away") => void;
}

export function Popover({ question, prometheusUrl, still, onClose }: Props): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState<{ left: number; top: number } | null>(null);
  const [copied, setCopied] = useState<"no" | "yes" | "failed">("no");
  const same = question.value !== undefined && question.past !== true && !still;
  const link = prometheusLink(prometheusUrl, question.promql);

  useLayoutEffect(() => {
    const own = box.current?.getBoundingClientRect();
    if (own !== undefined) {
      setPlace(beside(question.anchor.getBoundingClientRect(), own));
    }
    box.current?.focus({ preventScroll: true });
    setCopied("no");
  }, [question]);

  useEffect(() => {
    const outside = (event: Event): void => {
      if (event.target instanceof Node && box.current?.contains(event.target) !== true) {
        onClose("away");
      }
    };
    document.addEventListener("pointerdown", outside, true);
    return () => {
      document.removeEventListener("pointerdown", outside, true);
    };
  }, [onClose]);

  return (
    <div
      ref={box}
      class="popover"
      role="dialog"
      aria-label={`Query of ${question.title}`}
      tabIndex={-1}
      style={place === null ? { visibility: "hidden" } : { left: `${place.left}px`, top: `${place.top}px` }}
      onKeyDown={(event) => {
        if (event.key === "Escape") {
          event.stopPropagation();
          onClose("back");
        }
      }}
    >
      <div class="popover-head">
        <div class="popover-title">
          <bdi>{question.title}</bdi>
        </div>
        {question.value === undefined ? null : (
          <div class="popover-value">{exact(question.value, question.unit)}</div>
        )}
        <button
          type="button"
          class="icon-button"
          aria-label="Close"
          onClick={() => {
            onClose("back");
          }}
        >
          <Icon name="close" />
        </button>
      </div>
      {question.help === "" ? null : <p class="popover-help">{question.help}</p>}
      <div class="popover-label">{same ? "The same number in PromQL" : "In PromQL"}</div>
      <pre class="query" tabIndex={0}>
        <code>{question.promql}</code>
      </pre>
      <div class="popover-actions">
        <button
          type="button"
          class="button"
          onClick={() => {
            void copyText(question.promql).then((done) => {
              setCopied(done ? "yes" : "failed");
            });
          }}
        >
          <Icon name={copied === "yes" ? "good" : "copy"} />
          {copied === "yes" ? "Copied" : "Copy query"}
        </button>
        {link === null ? null : (
          <a class="button" href={link} target="_blank" rel="noreferrer">
            <Icon name="open" />
            Open in Prometheus
          </a>
        )}
        <span class="visually-hidden" role="status">
          {copied === "yes" ? "Query copied" : ""}
        </span>
        {copied === "failed" ? <span class="popover-note">Select the text and copy it by hand.</span> : null}
      </div>
    </div>
  );
}

/** Below the number when there is room, else above, and always within the window. */
function beside(anchor: DOMRect, own: DOMRect): { left: number; top: number } {
  const right = Math.max(MARGIN, window.innerWidth - own.width - MARGIN);
  const below = anchor.bottom + 6;
  const above = anchor.top - own.height - 6;
  const fits = below + own.height + MARGIN <= window.innerHeight;
  return {
    left: Math.min(Math.max(MARGIN, anchor.left - MARGIN), right),
    top: fits ? below : Math.max(MARGIN, above),
  };
}
