//! Kafka 4 readiness: who would be refused, since when, and what to do. Brokers of Kafka 4 no longer take old versions
//! of the protocol ([KIP-896](https://cwiki.apache.org/confluence/display/KAFKA/KIP-896%3A+Remove+old+client+protocol+API+versions+in+Kafka+4.0)).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::series::ratio;
use super::sheet::{Answers, Ask, Sheet, TileExt as _};
use super::table::{Table, heading, toned};
use super::{Made, Parts, View, info};
use crate::expr::{Expr, Matrix};
use crate::page::{Cell, Link, Panel, Tone, Unit};
use crate::source::SourceError;

mod libraries;

pub(super) use libraries::{remedy, verdict};

struct Asks {
    refused: Ask,
    now: Ask,
    all: Ask,
    all_now: Ask,
    share: Ask,
    told: Ask,
    software: Ask,
}

pub(super) async fn make(view: &View<'_>) -> Made {
    let mut sheet = Sheet::default();
    let asks = Asks::new(&mut sheet, view);
    let answers = sheet.answer(view.source).await?;
    let since = Since::ask(view).await?;
    let known = !answers.vector(&asks.told).is_empty();
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
        format!("This list has what was seen within the last {}.", view.asked.range_text()),
        Some(
            "Jobs that run once a week show themselves once a week: with Prometheus as source choose a range of 7d \
             before you call the list complete.",
        ),
    );
    let panels = vec![
        asks.table(view, &answers, &since),
        libraries::table(&answers),
        asks.software_table(&answers),
    ];
    Ok(Parts { notes: vec![note], tiles, panels })
}

impl Asks {
    fn new(sheet: &mut Sheet, view: &View<'_>) -> Self {
        let (window, range) = (view.asked.window(), view.asked.range());
        let of = || view.series(DEPRECATED);
        let software = || view.series("kafka_filter_client_software_connections_total");
        let opened = || view.series("kafka_filter_connections_opened_total");
        Self {
            refused: sheet.ask(of().by(ROW).increase(), range),
            now: sheet.ask(of().by(ROW).rate(), window),
            all: sheet.ask(of().increase(), range),
            all_now: sheet.ask(of().rate(), window),
            share: sheet.ask(
                ratio(of().increase(), view.series("kafka_filter_requests_total").increase()),
                range,
            ),
            told: sheet.ask(ratio(software().increase(), opened().increase()), range),
            software: sheet.ask(software().by(&["software", "software_version"]).increase(), range),
        }
    }

    /// How many clients, which no expression counts: its query gives one number for each of them.
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
        let any = known || !answers.vector(&self.refused).is_empty();
        tile.value = any.then_some(clients.len() as f64);
        tile.bad_from(1.0, f64::INFINITY)
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
            .empty("Nobody has spoken a version that brokers of Kafka 4 refuse within this range.")
            .panel(answers)
    }

    fn software_table(&self, answers: &Answers) -> Panel {
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
            .empty("No client has told its library in this range.")
            .panel(answers)
    }
}

/// When each row was seen first and last.
struct Since {
    seen: BTreeMap<Vec<Arc<str>>, (Option<i64>, i64)>,
    newest: i64,
}

impl Since {
    async fn ask(view: &View<'_>) -> Result<Self, SourceError> {
        let expr: Expr = view.series(DEPRECATED).by(ROW).rate();
        let asks = [(expr, view.asked.window())];
        let matrices = view.source.range(&asks, view.asked.range(), POINTS_MAX).await?;
        Ok(matrices
            .first()
            .map_or_else(|| Self { seen: BTreeMap::new(), newest: 0 }, |matrix| Self::read(matrix)))
    }

    /// A line that is above 0 from its very first point was so before the range.
    fn read(matrix: &Matrix) -> Self {
        let mut seen = BTreeMap::new();
        for line in &matrix.lines {
            let above: Vec<usize> = (0..line.points.len())
                .filter(|&at| {
                    line.points.get(at).copied().flatten().is_some_and(|value| value > 0.0)
                })
                .collect();
            let (Some(&first), Some(&last)) = (above.first(), above.last()) else { continue };
            let time = |at: usize| matrix.times_s.get(at).copied();
            let began = if first == 0 { None } else { time(first) };
            seen.insert(line.labels.clone(), (began, time(last).unwrap_or_default()));
        }
        Self { seen, newest: matrix.times_s.last().copied().unwrap_or_default() }
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
    fn first(&self, key: &[Arc<str>]) -> Cell {
        match self.seen.get(key) {
            Some((Some(first), _)) => Cell::Number(*first as f64),
            Some((None, _)) => Cell::Text("before this range".to_owned()),
            None => Cell::None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
    fn last(&self, key: &[Arc<str>]) -> Cell {
        match self.seen.get(key) {
            Some((_, last)) if *last == self.newest => toned("now", Tone::Warning),
            Some((_, last)) => Cell::Number(*last as f64),
            None => Cell::None,
        }
    }
}

const DEPRECATED: &str = "kafka_filter_deprecated_requests_total";

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
const LAST: &str = "When one was seen last.";
const REMEDY: &str = "By the library that the client id hints at: many leave their library's default. It is a guess; \
    Envoy's access log has the client's address.";
const SOFTWARE: &str = "By the version that the library tells. It says what the library can do, not what it was told to: \
    the table above has what was in fact spoken.";

#[cfg(test)]
mod tests;
