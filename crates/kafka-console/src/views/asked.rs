//! What was asked for, checked: a page, the thing it is about, how far back, over which window, by whose counts, and a
//! word to look for. All but the last two texts are from fixed lists, so that few different pages can be asked for.

use std::time::Duration;

use serde::Serialize;

use crate::expr::Matcher;
use crate::settings::duration;
use crate::source::{Kind, State};

/// A page as it was asked for; the key under which it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Asked {
    page: Name,
    key: Option<String>,
    range: Choice,
    window: Choice,
    reporter: Reporter,
    search: String,
}

/// A page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Name {
    /// Who talks to which topic.
    Map,
    /// All topics.
    Topics,
    /// One topic.
    Topic,
    /// All clients.
    Clients,
    /// One client.
    Client,
    /// All groups.
    Groups,
    /// One group.
    Group,
    /// APIs and versions.
    Requests,
    /// Who would break with Kafka 4.
    Readiness,
    /// How it is with what is measured, and what measures.
    Health,
}

/// Whose counts: a call between two workloads of a mesh is counted by the proxies of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reporter {
    /// Those of clients' side and of proxies without a side: each call once.
    SourceProxy,
    /// Proxies at the clients.
    Source,
    /// Proxies without a side, as gateways.
    Proxy,
    /// Proxies at the brokers.
    Destination,
}

/// A time out of a fixed list, in the order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Choice {
    seconds: u64,
    text: &'static str,
}

/// What was wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// There is no such page.
    Page(String, String),
    /// A parameter cannot be used.
    Parameter(String, String),
}

/// What a source can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    range_max: Duration,
    window_min: Duration,
}

/// What may be chosen, for the front end.
#[derive(Debug, Serialize)]
pub struct Offered {
    ranges: Vec<&'static str>,
    windows: Vec<&'static str>,
    reporters: Vec<OfferedReporter>,
    defaults: Defaults,
}

#[derive(Debug, Serialize)]
struct OfferedReporter {
    name: &'static str,
    title: &'static str,
    help: &'static str,
}

#[derive(Debug, Serialize)]
struct Defaults {
    range: &'static str,
    window: &'static str,
    reporter: &'static str,
}

impl Limits {
    /// Of this source.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let range_max = match state.kind {
            Kind::Direct => HOUR,
            Kind::Prometheus => 7 * 24 * HOUR,
        };
        Self { range_max, window_min: state.scrape_interval * 2 }
    }

    fn ranges(self) -> impl Iterator<Item = Choice> {
        RANGES.into_iter().filter(move |range| range.time() <= self.range_max)
    }

    fn windows(self) -> impl Iterator<Item = Choice> {
        WINDOWS.into_iter().filter(move |window| window.time() >= self.window_min)
    }

    /// Four scrapes at least: with two, one that comes late would leave a hole.
    fn window(self, range: Choice) -> Choice {
        let wanted = (self.window_min * 2).max(MINUTE);
        let window = self.windows().find(|window| window.time() >= wanted);
        window.unwrap_or(WINDOW_LONGEST).min(range)
    }

    /// What may be chosen.
    #[must_use]
    pub fn offered(self) -> Offered {
        Offered {
            ranges: self.ranges().map(|range| range.text).collect(),
            windows: self.windows().map(|window| window.text).collect(),
            reporters: Reporter::ALL
                .into_iter()
                .map(|reporter| OfferedReporter {
                    name: reporter.name(),
                    title: reporter.title(),
                    help: reporter.help(),
                })
                .collect(),
            defaults: Defaults {
                range: RANGE_DEFAULT.text,
                window: self.window(RANGE_DEFAULT).text,
                reporter: Reporter::SourceProxy.name(),
            },
        }
    }
}

impl Asked {
    /// Checks what stands in an address.
    ///
    /// # Errors
    /// No such page, or a parameter that cannot be used.
    pub fn new(page: &str, given: &[(String, String)], limits: Limits) -> Result<Self, Wrong> {
        let Some(page) = Name::ALL.into_iter().find(|name| name.name() == page) else {
            let names: Vec<_> = Name::ALL.iter().map(|name| name.name()).collect();
            let error = format!("there is no page {}", shown(page));
            return Err(Wrong::Page(error, format!("pages: {}", names.join(", "))));
        };
        let mut parameters = Parameters::default();
        for (name, value) in given {
            parameters.take(name, value)?;
        }
        let range = choose("range", parameters.range, RANGE_DEFAULT, limits.ranges())?;
        let window = choose("window", parameters.window, limits.window(range), limits.windows())?;
        if window.seconds > range.seconds {
            return Err(Wrong::Parameter(
                format!("a window of {} does not fit into a range of {}", window.text, range.text),
                "choose a shorter window, or a longer range".to_owned(),
            ));
        }
        let reporter = match parameters.reporter {
            None => Reporter::SourceProxy,
            Some(text) => {
                let found = Reporter::ALL.into_iter().find(|reporter| reporter.name() == text);
                found.ok_or_else(|| {
                    unknown("reporter", text, Reporter::ALL.into_iter().map(Reporter::name))
                })?
            }
        };
        let key = match (page.is_about(), parameters.key) {
            (Some(_), Some(key)) if !key.is_empty() => {
                Some(short("key", key, KEY_BYTES_MAX)?.to_owned())
            }
            (Some(thing), _) => {
                return Err(Wrong::Parameter(
                    format!("the page {} needs a key", page.name()),
                    format!("add key= with the {thing}"),
                ));
            }
            (None, _) => None,
        };
        let search = short("search", parameters.search.unwrap_or_default(), SEARCH_BYTES_MAX)?;
        Ok(Self { page, key, range, window, reporter, search: search.trim().to_lowercase() })
    }

    /// Which page.
    #[must_use]
    pub fn page(&self) -> Name {
        self.page
    }

    /// What it is about, as the label has it.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// How far back.
    #[must_use]
    pub fn range(&self) -> Duration {
        self.range.time()
    }

    /// How far back, as it was written.
    #[must_use]
    pub fn range_text(&self) -> &'static str {
        self.range.text
    }

    /// Over which rates are taken.
    #[must_use]
    pub fn window(&self) -> Duration {
        self.window.time()
    }

    /// Whose counts.
    #[must_use]
    pub fn reporter(&self) -> Reporter {
        self.reporter
    }

    /// Whether a name has what is looked for in it.
    #[must_use]
    pub fn finds(&self, name: &str) -> bool {
        self.search.is_empty() || name.to_lowercase().contains(&self.search)
    }

    /// Whether anything is looked for.
    #[must_use]
    pub fn searches(&self) -> bool {
        !self.search.is_empty()
    }
}

#[derive(Default)]
struct Parameters<'a> {
    key: Option<&'a str>,
    range: Option<&'a str>,
    window: Option<&'a str>,
    reporter: Option<&'a str>,
    search: Option<&'a str>,
}

impl<'a> Parameters<'a> {
    /// An empty value is as none: a form sends these.
    fn take(&mut self, name: &str, value: &'a str) -> Result<(), Wrong> {
        let place = match name {
            "key" => &mut self.key,
            "range" => &mut self.range,
            "window" => &mut self.window,
            "reporter" => &mut self.reporter,
            "search" => &mut self.search,
            _ => {
                return Err(unknown(
                    "parameter",
                    name,
                    ["key", "range", "window", "reporter", "search"].into_iter(),
                ));
            }
        };
        if place.is_some() {
            return Err(Wrong::Parameter(
                format!("{name} is given twice"),
                "give it once".to_owned(),
            ));
        }
        *place = Some(value).filter(|value| !value.is_empty());
        Ok(())
    }
}

fn choose(
    name: &str,
    given: Option<&str>,
    default: Choice,
    choices: impl Iterator<Item = Choice>,
) -> Result<Choice, Wrong> {
    let Some(text) = given else { return Ok(default) };
    let time = duration(text);
    let choices: Vec<Choice> = choices.collect();
    let found = choices.iter().find(|choice| Some(choice.time()) == time);
    found.copied().ok_or_else(|| unknown(name, text, choices.iter().map(|choice| choice.text)))
}

fn unknown(name: &str, value: &str, choices: impl Iterator<Item = &'static str>) -> Wrong {
    let choices: Vec<_> = choices.collect();
    Wrong::Parameter(
        format!("{name} {} is none that this console knows", shown(value)),
        format!("choose one of {}", choices.join(", ")),
    )
}

fn short<'a>(name: &str, text: &'a str, bytes_max: usize) -> Result<&'a str, Wrong> {
    if text.len() <= bytes_max {
        return Ok(text);
    }
    Err(Wrong::Parameter(
        format!("{name} has {} bytes", text.len()),
        format!("give {bytes_max} at most"),
    ))
}

/// A stranger's text in a sentence.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("{short:?}{more}")
}

impl Choice {
    const fn new(text: &'static str, seconds: u64) -> Self {
        Self { text, seconds }
    }

    fn time(self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

impl Name {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Map,
        Self::Topics,
        Self::Topic,
        Self::Clients,
        Self::Client,
        Self::Groups,
        Self::Group,
        Self::Requests,
        Self::Readiness,
        Self::Health,
    ];

    /// As in an address.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Map => "map",
            Self::Topics => "topics",
            Self::Topic => "topic",
            Self::Clients => "clients",
            Self::Client => "client",
            Self::Groups => "groups",
            Self::Group => "group",
            Self::Requests => "requests",
            Self::Readiness => "readiness",
            Self::Health => "health",
        }
    }

    /// What the page's key is, where it has one.
    fn is_about(self) -> Option<&'static str> {
        match self {
            Self::Topic => Some("topic"),
            Self::Client => Some("client id"),
            Self::Group => Some("group"),
            _ => None,
        }
    }
}

impl Reporter {
    const ALL: [Self; 4] = [Self::SourceProxy, Self::Source, Self::Proxy, Self::Destination];

    /// As in an address.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SourceProxy => "source-proxy",
            Self::Source => "source",
            Self::Proxy => "proxy",
            Self::Destination => "destination",
        }
    }

    /// What the one with this value of the label is called on the pages.
    pub(super) fn title_of(label: &str) -> Option<&'static str> {
        let mut single = [Self::Source, Self::Proxy, Self::Destination].into_iter();
        single.find(|one| one.name() == label).map(Self::title)
    }

    /// Whether it is what pages are of unless somebody chooses.
    pub(super) fn is_default(self) -> bool {
        self == Self::SourceProxy
    }

    /// Whether series with this value of the label are of it.
    pub(super) fn has(self, label: &str) -> bool {
        self.matcher().accepts(label)
    }

    /// As the pages name it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::SourceProxy => "clients and gateways",
            Self::Source => "clients only",
            Self::Proxy => "gateways only",
            Self::Destination => "brokers",
        }
    }

    fn help(self) -> &'static str {
        match self {
            Self::SourceProxy => {
                "What proxies at clients and proxies without a side have seen: each call once, unless a client's proxy \
                 and a gateway are both on its way."
            }
            Self::Source => "What proxies at clients have seen (outbound listeners).",
            Self::Proxy => "What proxies without a side have seen, such as a gateway's.",
            Self::Destination => "What proxies at brokers have seen (inbound listeners).",
        }
    }

    /// The condition on the label.
    pub(super) fn matcher(self) -> Matcher {
        match self {
            Self::SourceProxy => Matcher::one_of("reporter", "source|proxy"),
            Self::Source => Matcher::is("reporter", "source"),
            Self::Proxy => Matcher::is("reporter", "proxy"),
            Self::Destination => Matcher::is("reporter", "destination"),
        }
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

const RANGE_DEFAULT: Choice = Choice::new("15m", 900);

const RANGES: [Choice; 10] = [
    Choice::new("5m", 300),
    RANGE_DEFAULT,
    Choice::new("30m", 1_800),
    Choice::new("1h", 3_600),
    Choice::new("3h", 10_800),
    Choice::new("6h", 21_600),
    Choice::new("12h", 43_200),
    Choice::new("1d", 86_400),
    Choice::new("2d", 172_800),
    Choice::new("7d", 604_800),
];

const WINDOW_LONGEST: Choice = Choice::new("1h", 3_600);

const WINDOWS: [Choice; 6] = [
    Choice::new("30s", 30),
    Choice::new("1m", 60),
    Choice::new("2m", 120),
    Choice::new("5m", 300),
    Choice::new("15m", 900),
    WINDOW_LONGEST,
];

/// A topic has 249 characters at most, a client id 255 bytes; an escape has three bytes.
const KEY_BYTES_MAX: usize = 1024;

const SEARCH_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests;
