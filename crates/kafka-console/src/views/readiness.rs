//! Kafka 4 readiness: who would be refused, since when, and what to do. Brokers of Kafka 4 no longer take old versions
//! of the protocol ([KIP-896](https://cwiki.apache.org/confluence/display/KAFKA/KIP-896%3A+Remove+old+client+protocol+API+versions+in+Kafka+4.0)).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::asked::Reporter;
use super::counted::{Refused, UNNAMED};
use super::series::{Series, ratio};
use super::sheet::{Answers, Ask, Sheet, TileExt as _};
use super::table::{Table, heading, toned};
use super::{Made, Parts, View, info, warning};
use crate::expr::catalog::names;
use crate::expr::{Expr, Matrix};
use crate::page::{Cell, Link, Note, Panel, Tone, Unit};
use crate::source::SourceError;

mod libraries;

pub(super) use libraries::{remedy, verdict};

struct Asks {
    seen_by: Ask,
    counted: Refused,
    refused: Ask,
    now: Ask,
    all: Ask,
    all_now: Ask,
    share: Ask,
    /// Of all versions: whether there was any traffic in the range.
    requests: Ask,
    told: Ask,
    software: Ask,
}

pub(super) async fn make(view: &View<'_>) -> Made {
    let mut sheet = Sheet::default();
    let asks = Asks::new(&mut sheet, view);
    let answers = sheet.answer(view.source).await?;
    let since = Since::ask(view, &answers, &asks.now).await?;
    let known = answers.number(&asks.requests).is_some() && asks.counted.is_counted(&answers);
    let mut tiles = vec![asks.clients(&answers, known)];
    tiles.push(
        answers
            .tile("Requests that are refused", Unit::Count, &asks.all, COUNT)
            .or_zero(known)
            .bad_from(1.0, f64::INFINITY),
    );
    tiles.push(answers.tile("Now", Unit::RequestsPerSecond, &asks.all_now, NOW).or_zero(known));
    tiles.push(answers.tile("Of all requests", Unit::Share, &asks.share, SHARE).or_zero(known));
    tiles.push(answers.tile("Told their library", Unit::Share, &asks.told, TOLD));
    let note = info(
        format!("This list has what was seen within the last {}.", view.watched_text()),
        Some(
            "Jobs that run once a week show themselves once a week: with Prometheus as source choose a range of 7d \
             before you call the list complete. A client that came for a moment only counts 0 there, and is missing: \
             Prometheus does not know what a series was before its first sample.",
        ),
    );
    let panels = vec![
        asks.table(view, &answers, &since),
        libraries::table(&answers),
        asks.software_table(view, &answers),
    ];
    let notes = [asks.counted.note(&answers), asks.seen_by_others(view, &answers), Some(note)];
    let notes = notes.into_iter().flatten().collect();
    Ok(Parts { notes, tiles, panels })
}

impl Asks {
    fn new(sheet: &mut Sheet, view: &View<'_>) -> Self {
        let (window, range) = (view.asked.window(), view.asked.range());
        let of = || view.series(names::DEPRECATED_REQUESTS);
        let software = || view.series(names::CLIENT_SOFTWARE_CONNECTIONS);
        let requests = || view.series(names::REQUESTS);
        let opened = || view.series(names::CONNECTIONS_OPENED);
        Self {
            seen_by: sheet.ask(
                Series::of(names::DEPRECATED_REQUESTS).by(&["client_id", "reporter"]).increase(),
                range,
            ),
            counted: Refused::ask(sheet, view),
            refused: sheet.ask(of().by(ROW).increase(), range),
            now: sheet.ask(of().by(ROW).rate(), window),
            all: sheet.ask(of().increase(), range),
            all_now: sheet.ask(of().rate(), window),
            share: sheet.ask(ratio(of().increase(), requests().increase()), range),
            requests: sheet.ask(requests().increase(), range),
            told: sheet.ask(ratio(software().increase(), opened().increase()), range),
            software: sheet.ask(software().by(&["software", "software_version"]).increase(), range),
        }
    }

    /// How many clients, which no expression counts: that is put around its query.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    fn clients(&self, answers: &Answers, known: bool) -> crate::page::Tile {
        let mut clients: Vec<_> = answers
            .vector(&self.refused)
            .iter()
            .filter(|sample| sample.value > 0.0)
            .filter_map(|sample| sample.labels.first())
            .collect();
        clients.dedup();
        let mut tile = answers.tile("Clients to upgrade", Unit::Count, &self.refused, CLIENTS);
        let any = known || !clients.is_empty();
        tile.promql = format!("count(count by (client_id) ({} > 0))", self.refused.promql());
        tile.value = any.then_some(clients.len() as f64);
        tile.bad_from(1.0, f64::INFINITY)
    }

    /// Clients without a proxy of their own, whom proxies at brokers have seen.
    fn seen_by_others(&self, view: &View<'_>, answers: &Answers) -> Option<Note> {
        let chosen = view.asked.reporter();
        let speak = answers.by_pair(&self.seen_by).filter(|(_, _, requests)| *requests > 0.0);
        let (here, elsewhere): (Vec<_>, Vec<_>) =
            speak.partition(|(_, reporter, _)| chosen.has(reporter));
        let here: BTreeSet<&str> = here.into_iter().map(|(client, ..)| client).collect();
        let others: BTreeSet<&str> = elsewhere.iter().map(|(client, ..)| *client).collect();
        let missing = others.difference(&here).count();
        let (_, reporter, _) = elsewhere.iter().find(|(client, ..)| !here.contains(client))?;
        let title = Reporter::title_of(reporter)?;
        let clients = if missing == 1 {
            "One more client".to_owned()
        } else {
            format!("{missing} more clients")
        };
        Some(warning(
            format!(
                "{clients} of refused versions, whom only other proxies have seen, are missing here."
            ),
            format!(
                "Choose \"{title}\" at Seen by: clients without a proxy of their own are seen at the brokers."
            ),
        ))
    }

    fn table(&self, view: &View<'_>, answers: &Answers, since: &Since) -> Panel {
        let counts: BTreeMap<&[Arc<str>], f64> = answers
            .vector(&self.refused)
            .iter()
            .map(|sample| (sample.labels.as_slice(), sample.value))
            .collect();
        Table::new("refused", "Who speaks what Kafka 4 refuses", TABLE)
            .label("client_id", "Client", Some(Link::Client), "What the client calls itself.")
            .label("request", "Request", None, "The API.")
            .label("api_version", "Version", None, "As in the request's header.")
            .measure(heading("in_range", "In this range", Unit::Count, COUNT), &self.refused)
            .measure(heading("now", "Now", Unit::RequestsPerSecond, NOW), &self.now)
            .cell(heading("since", "Since", Unit::Time, SINCE), |key| since.first(key))
            .cell(heading("last", "Last seen", Unit::Time, LAST), |key| since.last(key))
            .cell(heading("remedy", "What to do", Unit::Text, REMEDY), |key| {
                key.first().map_or(Cell::None, |client| Cell::Text(remedy(client)))
            })
            .sorted("in_range", &["now"])
            .searched(view)
            .kept(move |key| counts.get(key).is_some_and(|&count| count > 0.0))
            .empty(if answers.number(&self.requests).is_none() {
                "No request was seen within this range."
            } else if self.counted.is_counted(answers) {
                "Nobody has spoken a version that brokers of Kafka 4 refuse within this range."
            } else {
                UNNAMED
            })
            .panel(answers)
    }

    fn software_table(&self, view: &View<'_>, answers: &Answers) -> Panel {
        Table::new("software", "Libraries that were seen", SOFTWARE)
            .label("software", "Library", None, "What the client says that it is (KIP-511).")
            .label("software_version", "Version", None, "As the client says.")
            .measure(
                heading("connections", "Connections", Unit::Count, "Opened in this range."),
                &self.software,
            )
            .cell(heading("kafka_4", "With Kafka 4", Unit::Text, SOFTWARE), |key| match key {
                [software, version, ..] => verdict(software, version),
                _ => Cell::None,
            })
            .sorted("connections", &[])
            .searched(view)
            .empty("No client has told its library in this range.")
            .panel(answers)
    }
}

/// When each row was seen first and last.
struct Since {
    seen: BTreeMap<Vec<Arc<str>>, Seen>,
    /// What is seen within the newest window.
    now: BTreeSet<Vec<Arc<str>>>,
    /// What is seen by then may have been there before the source looked, in seconds since 1970.
    watched_from_s: i64,
}

/// Both as late as they may have been, in seconds since 1970.
struct Seen {
    /// None where it was before the range.
    first: Option<i64>,
    last: i64,
}

impl Since {
    async fn ask(view: &View<'_>, answers: &Answers, now: &Ask) -> Result<Self, SourceError> {
        let expr: Expr = view.series(names::DEPRECATED_REQUESTS).by(ROW).rate();
        let window = view.window_between(POINTS_MAX);
        let matrices = view.source.range(&[(expr, window)], view.asked.range(), POINTS_MAX).await?;
        let moving = answers.vector(now).iter().filter(|sample| sample.value > 0.0);
        let now = moving.map(|sample| sample.labels.clone()).collect();
        let seen = matrices.first().map(|matrix| Self::read(matrix, window)).unwrap_or_default();
        let watched_from_s = matrices.first().map_or(0, |matrix| watched_from_s(view, matrix));
        Ok(Self { seen, now, watched_from_s })
    }

    /// A line that is above 0 from its very first point was so before the range. Each point looks back over a window
    /// that is no shorter than the step, so nothing lies between them; the last that is above 0 has its event at the
    /// window's far end, because the next point no longer sees it.
    fn read(matrix: &Matrix, window: Duration) -> BTreeMap<Vec<Arc<str>>, Seen> {
        let window = i64::try_from(window.as_secs()).unwrap_or_default();
        let back = (window - step_s(matrix)).max(0);
        let mut seen = BTreeMap::new();
        for line in &matrix.lines {
            let points = matrix.times_s.iter().zip(&line.points).enumerate();
            let mut above = points.filter(|(_, (_, point))| point.is_some_and(|value| value > 0.0));
            let Some((place, (&first, _))) = above.next() else { continue };
            let newest = above.next_back().map_or(first, |(_, (&time, _))| time);
            let first = (place > 0).then_some(first);
            // Not before it came.
            let last = (newest - back).max(first.unwrap_or_default());
            seen.insert(line.labels.clone(), Seen { first, last });
        }
        seen
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
    fn first(&self, key: &[Arc<str>]) -> Cell {
        match self.seen.get(key) {
            Some(Seen { first: Some(first), .. }) if *first <= self.watched_from_s => {
                Cell::Text("before the console looked".to_owned())
            }
            Some(Seen { first: Some(first), .. }) => Cell::Number(*first as f64),
            Some(Seen { first: None, .. }) => Cell::Text("before this range".to_owned()),
            None => Cell::None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
    fn last(&self, key: &[Arc<str>]) -> Cell {
        if self.now.contains(key) {
            return toned("now", Tone::Warning);
        }
        self.seen.get(key).map_or(Cell::None, |seen| Cell::Number(seen.last as f64))
    }
}

/// The first point that a client has which spoke all the time: growth is known from the second scrape on.
fn watched_from_s(view: &View<'_>, matrix: &Matrix) -> i64 {
    let state = view.source.state();
    let (Some(newest_s), Some(history)) = (state.at_s, state.history) else { return 0 };
    let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or_default();
    newest_s - seconds(history) + seconds(state.scrape_interval) + step_s(matrix)
}

/// From one point to the next.
fn step_s(matrix: &Matrix) -> i64 {
    let steps = matrix.times_s.windows(2).find_map(|pair| match pair {
        [one, next] => Some(next - one),
        _ => None,
    });
    steps.unwrap_or_default()
}

const ROW: &[&str] = &["client_id", "request", "api_version"];

const POINTS_MAX: usize = 360;

const CLIENTS: &str = "Client ids that sent at least one request in this range in a version that brokers of Kafka 4 \
    refuse. Several clients may share an id; the link's query gives a number for each of them.";
const COUNT: &str = "Requests in this range in versions that brokers of Kafka 4 refuse (KIP-896). Brokers of 3.x still \
    serve them; the count is the same.";
const NOW: &str = "The same a second, over the window.";
const SHARE: &str = "Refused versions by all requests in this range.";
const TOLD: &str = "Of the connections opened in this range, those whose client told its library (KIP-511, 2019). Most \
    clients that Kafka 4 refuses are older than that and never tell.";
const TABLE: &str = "Clients, and each API and version that brokers of Kafka 4 would refuse. Such a broker answers \
    UNSUPPORTED_VERSION, or hangs up.";
const SINCE: &str =
    "When the first of them was seen, as exact as the distance between two points of the range.";
const LAST: &str = "When one was seen last, as exact as the distance between two points of the range; now is within the window.";
const REMEDY: &str = "By the library that the client id hints at: many leave their library's default. It is a guess; \
    Envoy's access log has the client's address.";
const SOFTWARE: &str = "By the version that the library tells. It says what the library can do, not what it was told to: \
    the table above has what was in fact spoken.";

#[cfg(test)]
mod tests;
