//! Pages: what each shows, in the order of what matters to somebody who was woken at night. A number stands on a page
//! together with the sentence that says what it means and how it misleads, and the PromQL that gives the same.
//!
//! What peers have named (topics, client ids, groups) is text here and nowhere anything else.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::page::{Note, NoteTone, Page, PageEntry, Panel, SourceState, Tile};
use crate::source::{Health, Source, SourceError, State};
use asked::{Asked, Name};
use series::Series;

pub mod asked;
mod bars;
mod client;
mod clients;
mod counted;
mod curves;
mod error_table;
mod errors;
mod flow;
mod group;
mod groups;
mod health;
mod map;
mod readiness;
mod requests;
mod series;
mod sheet;
mod table;
mod topic;
mod topics;
mod trouble;

/// What the navigation shows, in its order.
pub const NAVIGATION: &[PageEntry] = &[
    entry("map", "Map", "Who writes to which topic, and who reads it"),
    entry("topics", "Topics", "Rates, latency, errors and lag of each topic"),
    entry("clients", "Clients", "Who writes and reads how much, with which library"),
    entry("groups", "Groups", "Consumer groups: how far behind, how often they rebalance"),
    entry("requests", "Requests", "APIs and their versions, latency, errors, throttling"),
    entry(
        "readiness",
        "Kafka 4 readiness",
        "Who would be refused by brokers of Kafka 4, and what to do",
    ),
    entry("health", "Health", "Proxies, what is not decoded, full labels, canary and gateway"),
];

const fn entry(name: &'static str, title: &'static str, help: &'static str) -> PageEntry {
    PageEntry { name, title, help }
}

/// A page of the newest numbers. Where the source cannot answer, the page says so and has none.
pub async fn page(source: &Source, public_url: Option<&str>, asked: &Asked) -> Page {
    let view = View { source, asked };
    let (made, trouble) = tokio::join!(make(&view), trouble::notes(&view));
    let mut state = source_state(source.state(), public_url);
    let mut notes = Vec::new();
    let parts = made.unwrap_or_else(|error| {
        if state.state == Health::Ok {
            state.state = Health::Unreachable;
        }
        state.message.get_or_insert(error.message.clone());
        state.remedy.get_or_insert(error.remedy.clone());
        notes.push(Note { tone: NoteTone::Error, text: error.message, remedy: Some(error.remedy) });
        Parts::default()
    });
    if notes.is_empty() {
        // A page that has its numbers is not lost for these.
        notes = trouble.unwrap_or_default();
    }
    notes.extend(parts.notes);
    Page {
        name: asked.page().name(),
        title: title(asked),
        key: asked.key().map(str::to_owned),
        at: now(),
        window_seconds: asked.window().as_secs(),
        range_seconds: asked.range().as_secs(),
        reporter: asked.reporter().name(),
        source: state,
        notes,
        tiles: parts.tiles,
        panels: parts.panels,
    }
}

async fn make(view: &View<'_>) -> Made {
    match view.asked.page() {
        Name::Map => map::make(view).await,
        Name::Topics => topics::make(view).await,
        Name::Topic => topic::make(view).await,
        Name::Clients => clients::make(view).await,
        Name::Client => client::make(view).await,
        Name::Groups => groups::make(view).await,
        Name::Group => group::make(view).await,
        Name::Requests => requests::make(view).await,
        Name::Readiness => readiness::make(view).await,
        Name::Health => health::make(view).await,
    }
}

/// Whom a page asks, and what for.
pub(crate) struct View<'a> {
    source: &'a Source,
    asked: &'a Asked,
}

impl View<'_> {
    /// Series of the filter, as the chosen reporters count them.
    fn series(&self, metric: &'static str) -> Series {
        Series::of(metric).with(self.asked.reporter().matcher())
    }

    /// The window of rates at some points over the range: a point of a long range stands for more than the window that
    /// was chosen, and its rate is taken over all that lies between it and the one before.
    fn window_between(&self, points_max: usize) -> Duration {
        let scrape = self.source.state().scrape_interval;
        no_shorter(self.asked.window(), step(self.asked.range(), points_max, scrape))
    }

    /// The range in words, or for how long the source has watched where that is shorter.
    fn watched_text(&self) -> String {
        match self.source.state().history {
            Some(history) if history < self.asked.range() => match history.as_secs() {
                seconds @ 0..120 => format!("{seconds} s, for which the console has watched"),
                seconds => format!("{} min, for which the console has watched", seconds / 60),
            },
            _ => self.asked.range_text().to_owned(),
        }
    }

    /// What the page is about.
    fn key(&self) -> &str {
        self.asked.key().unwrap_or_default()
    }
}

/// What a view makes.
#[derive(Default)]
struct Parts {
    notes: Vec<Note>,
    tiles: Vec<Tile>,
    panels: Vec<Panel>,
}

type Made = Result<Parts, SourceError>;

/// The window, or the step in whole minutes where that is longer.
fn no_shorter(window: Duration, step: Duration) -> Duration {
    let minutes = step.as_secs().div_ceil(60).saturating_mul(60);
    if step > window { Duration::from_secs(minutes) } else { window }
}

/// From one point over the range to the next, as the source spaces them: in whole scrapes.
fn step(range: Duration, points_max: usize, scrape: Duration) -> Duration {
    let unit = u64::try_from(scrape.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1);
    let gaps = u64::try_from(points_max.max(2) - 1).unwrap_or(u64::MAX);
    let units = range.as_secs().div_ceil(gaps.saturating_mul(unit)).max(1);
    Duration::from_secs(units.saturating_mul(unit))
}

fn title(asked: &Asked) -> String {
    let word = match asked.page() {
        Name::Topic => "Topic",
        Name::Client => "Client",
        Name::Group => "Group",
        name => {
            let found = NAVIGATION.iter().find(|entry| entry.name == name.name());
            return found.map_or_else(String::new, |entry| entry.title.to_owned());
        }
    };
    format!("{word} {}", asked.key().unwrap_or_default())
}

fn source_state(state: State, public_url: Option<&str>) -> SourceState {
    SourceState {
        kind: state.kind,
        state: state.health,
        message: state.message,
        remedy: state.remedy,
        scrape_seconds: state.scrape_interval.as_secs_f64(),
        age_seconds: state.age.map(|age| age.as_secs_f64()),
        prometheus_url: public_url.map(|url| url.trim_end_matches('/').to_owned()),
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or_default()
}

fn warning(text: impl Into<String>, remedy: impl Into<String>) -> Note {
    Note { tone: NoteTone::Warning, text: text.into(), remedy: Some(remedy.into()) }
}

fn info(text: impl Into<String>, remedy: Option<&str>) -> Note {
    Note { tone: NoteTone::Info, text: text.into(), remedy: remedy.map(str::to_owned) }
}

/// A thousand topics can be sorted by any column; of more, search finds the others.
const ROWS_MAX: usize = 1_000;

#[cfg(test)]
mod tests;
