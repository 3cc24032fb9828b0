/** What the console has to say about its own numbers: notes of a page, and the state of its source. */

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import type { Note, Page, SourceState } from "../api";
import { span } from "../format";
import { sentence } from "../sentence";
import { type FeedState, isBare } from "../state/feed";
import { Icon, type IconName } from "./icons";

type BannerTone = "info" | "warning" | "error" | "good";

export function Banner({
  tone,
  children,
  remedy,
  action,
}: {
  tone: BannerTone;
  children: ComponentChildren;
  remedy?: string | null;
  action?: ComponentChildren;
}): JSX.Element {
  const icon: IconName = tone;
  return (
    <div class={`banner banner-${tone}`}>
      <Icon name={icon} />
      <div class="banner-text">
        <span>{children}</span>
        {remedy === null || remedy === undefined || remedy === "" ? null : (
          <span class="banner-remedy">{remedy}</span>
        )}
      </div>
      {action}
    </div>
  );
}

export function Notes({ notes }: { notes: Note[] }): JSX.Element {
  return (
    <>
      {notes.map((note, index) => (
        <Banner key={index} tone={note.tone} remedy={sentence(note.remedy)}>
          {sentence(note.text)}
        </Banner>
      ))}
    </>
  );
}

/**
 * What the source has to say: nothing when all is well, or when the page says it instead of numbers.
 *
 * `since` came after the page and has no numbers: then its source speaks, and the page's numbers are kept.
 */
export function SourceBanner({ page, since = null }: { page: Page; since?: Page | null }): JSX.Element {
  const { source } = since ?? page;
  const said = isBare(page) ? "" : aboutSource(source);
  return (
    <>
      {/* Without the age, which is another one each time: it would be read anew with each page. */}
      <div class="visually-hidden" role="status" data-state={source.state}>
        {said}
      </div>
      {said === "" ? null : (
        <Banner tone={STATE_TONES[source.state]} remedy={sentence(source.remedy)}>
          {said}
          {ageOf(page, since)}
        </Banner>
      )}
      <Notes notes={(since?.notes ?? []).filter((note) => note.text !== source.message)} />
    </>
  );
}

const STATE_TONES: Readonly<Record<SourceState["state"], BannerTone>> = {
  ok: "warning", // it has something to say all the same: one proxy of many is silent
  starting: "info",
  empty: "warning",
  stale: "warning",
  unreachable: "error",
};

function ageOf({ source, at }: Page, since: Page | null): string {
  const age = source.age_seconds ?? (since === null ? null : 0);
  const isOld = since !== null || source.state === "stale" || source.state === "unreachable";
  return age === null || !isOld
    ? ""
    : ` The numbers are ${span(age + Math.max(0, Date.now() / 1000 - at))} old.`;
}

function aboutSource(source: SourceState): string {
  const said = source.message === null ? null : sentence(source.message);
  switch (source.state) {
    case "starting":
      return said ?? "The first scrape is on its way: rates appear with the second.";
    case "empty":
      return said ?? "The source answers, and has no metric of the filter yet.";
    case "stale":
      return said ?? "The source has not answered lately.";
    case "unreachable":
      return said ?? "The source cannot be reached.";
    default:
      return said ?? "";
  }
}

/** The state of the way to the server: retries count down, and can be had at once. */
export function ConnectionBanner({
  feed,
  retry,
}: {
  feed: FeedState;
  retry: () => void;
}): JSX.Element | null {
  const now = useNow(feed.phase === "lost");
  const problem = feed.problem;
  if (problem === null || feed.phase === "locked" || feed.phase === "refused") {
    return null;
  }
  if (feed.phase !== "lost") {
    return (
      <Banner tone="warning" remedy={problem.remedy}>
        {problem.error}
      </Banner>
    );
  }
  const left = feed.retryAt === null ? 0 : Math.ceil(Math.max(0, feed.retryAt - now) / 1000);
  const age = feed.page === null ? "" : ` The picture is ${span(now / 1000 - feed.page.at)} old.`;
  return (
    <div data-connection="lost">
      <span class="visually-hidden" role="status">
        {problem.error}
      </span>
      <Banner
        tone="error"
        remedy={problem.remedy}
        action={
          <button type="button" class="button" onClick={retry}>
            Try now
          </button>
        }
      >
        {problem.error}
        {age} {left === 0 ? "Trying again…" : `Trying again in ${String(left)} s.`}
      </Banner>
    </div>
  );
}

/** The time, each second, while someone needs it. */
function useNow(wanted: boolean): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (!wanted) {
      return undefined;
    }
    setNow(Date.now());
    const timer = setInterval(() => {
      setNow(Date.now());
    }, 1000);
    return () => {
      clearInterval(timer);
    };
  }, [wanted]);
  return now;
}
