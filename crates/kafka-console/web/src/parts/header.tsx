/** Where one is, what is looked at, and whether it is live. */

import type { JSX } from "preact";

import type { Page, Pages } from "../api";
import { clock, exact } from "../format";
import { useShell } from "../state/context";
import type { FeedState } from "../state/feed";
import type { Theme } from "../state/theme";
import { withTime } from "../state/times";
import { section, type View } from "../state/view";
import { Icon, type IconName } from "./icons";

interface Props {
  pages: Pages;
  page: Page | null;
  feed: FeedState;
  paused: boolean;
  theme: Theme;
  search: string;
  searchField: { current: HTMLInputElement | null };
  onSearch: (text: string) => void;
  onChange: (view: View) => void;
  onPause: () => void;
  onTheme: () => void;
  onHelp: () => void;
}

export function Header(props: Props): JSX.Element {
  const { view } = useShell();
  const { pages, paused, theme } = props;
  return (
    <header class="header">
      <Title page={props.page} pages={pages} />
      <LiveSign feed={props.feed} paused={paused} />
      <div class="controls">
        <label class="search">
          <Icon name="search" />
          <span class="visually-hidden">Search by name</span>
          <input
            ref={props.searchField}
            type="search"
            placeholder="Search"
            aria-keyshortcuts="/"
            spellcheck={false}
            autoComplete="off"
            value={props.search}
            onInput={(event) => {
              props.onSearch(event.currentTarget.value);
            }}
            onKeyDown={(event) => {
              if (event.key === "Escape") {
                props.onSearch("");
                event.currentTarget.blur();
              }
            }}
          />
          <kbd aria-hidden="true">/</kbd>
        </label>
        <Choice
          name="range"
          label="Range"
          value={view.range ?? pages.defaults.range}
          options={pages.ranges.map(same)}
          onChoose={(value) => {
            props.onChange(withTime(view, pages, "range", value));
          }}
        />
        <Choice
          name="window"
          label="Window"
          value={view.window ?? pages.defaults.window}
          options={pages.windows.map(same)}
          onChoose={(value) => {
            props.onChange(withTime(view, pages, "window", value));
          }}
        />
        {pages.reporters.length > 0 ? (
          <Choice
            name="reporter"
            label="Seen by"
            value={view.reporter ?? pages.defaults.reporter}
            options={pages.reporters.map(({ name, title }) => [name, title])}
            onChoose={(value) => {
              props.onChange({ ...view, reporter: value === pages.defaults.reporter ? null : value });
            }}
          />
        ) : null}
        <div class="buttons">
          <button
            type="button"
            class={paused ? "button pause paused" : "button pause"}
            aria-label={paused ? "Resume" : "Pause"}
            aria-keyshortcuts="Space"
            onClick={props.onPause}
          >
            <Icon name={paused ? "play" : "pause"} />
            <span>{paused ? "Resume" : "Pause"}</span>
          </button>
          <button
            type="button"
            class="icon-button"
            aria-label={`Theme: ${theme}`}
            title={`Theme: ${theme}`}
            onClick={props.onTheme}
          >
            <Icon name={THEME_ICONS[theme]} />
          </button>
          <button
            type="button"
            class="icon-button"
            aria-label="Help and keys"
            title="Help and keys (?)"
            onClick={props.onHelp}
          >
            <Icon name="help" />
          </button>
        </div>
      </div>
    </header>
  );
}

const THEME_ICONS: Readonly<Record<Theme, IconName>> = { system: "system", light: "sun", dark: "moon" };

function Title({ page, pages }: { page: Page | null; pages: Pages }): JSX.Element {
  const { view, href } = useShell();
  const list = pages.pages.find((entry) => entry.name === section(view.page));
  if (view.key === null) {
    return (
      <div class="title">
        <h1 tabIndex={-1}>{list?.title ?? page?.title ?? view.page}</h1>
      </div>
    );
  }
  return (
    <div class="title">
      <a class="crumb" href={href(section(view.page), null)}>
        {list?.title ?? section(view.page)}
      </a>
      <h1 tabIndex={-1}>
        <bdi>{view.key}</bdi>
      </h1>
    </div>
  );
}

interface ChoiceProps {
  name: string;
  label: string;
  value: string;
  options: [string, string][];
  onChoose: (value: string) => void;
}

function Choice({ name, label, value, options, onChoose }: ChoiceProps): JSX.Element {
  // An address may ask for what this server does not list: it is shown as it is, and the server says what is
  // wrong.
  const all = options.some(([word]) => word === value)
    ? options
    : [[value, value] as [string, string], ...options];
  return (
    <label class="choice">
      <span>{label}</span>
      <select
        name={name}
        value={value}
        onChange={(event) => {
          onChoose(event.currentTarget.value);
        }}
      >
        {all.map(([word, title]) => (
          <option key={word} value={word}>
            {title}
          </option>
        ))}
      </select>
    </label>
  );
}

function LiveSign({ feed, paused }: { feed: FeedState; paused: boolean }): JSX.Element {
  const words: Readonly<Record<FeedState["phase"], string>> = {
    loading: "Loading",
    live: "Live",
    polling: "Live, by asking",
    lost: "Not connected",
    paused: "Paused",
    resting: "Resting",
    refused: "Refused",
    locked: "Locked",
  };
  const phase = paused ? "paused" : feed.phase;
  const isKept = feed.since !== null && (phase === "live" || phase === "polling");
  return (
    <span class={`live live-${isKept ? "lost" : phase}`} data-live={phase}>
      <span class="live-dot" aria-hidden="true" />
      <span>{isKept ? "No fresh numbers" : words[phase]}</span>
      {feed.page === null ? null : (
        <time class="live-time" title={exact(feed.page.at, "time")}>
          {clock(feed.page.at)}
        </time>
      )}
    </span>
  );
}

function same(name: string): [string, string] {
  return [name, name];
}
