//! Who writes to which topic, and who reads it. What has moved nothing within the window is not drawn; what is beyond
//! the limits is one node for each side, which says how many it stands for.

use super::clients::CLIENT;
use super::counted::Counted;
use super::requests::{ERROR_SHARE, troubling};
use super::series::ratio;
use super::sheet::{Answers, Ask, Sheet, TileExt as _};
use super::{Made, Parts, View, topics};
use crate::expr::Matcher;
use crate::expr::catalog::names;
use crate::page::{Tile, Unit};
use graph::Graph;

mod drawing;
mod graph;

struct Asks {
    tiles: Tiles,
    counted: Counted,
    written: Pair,
    read: Pair,
    writers: Pair,
    readers: Pair,
    topics_written: Pair,
    topics_read: Pair,
    topic_errors: Ask,
    topic_requests: Ask,
    topic_lag: Ask,
    committed: Ask,
    group_lag: Ask,
    group_errors: Ask,
    group_requests: Ask,
}

struct Tiles {
    written: Ask,
    read: Ask,
    requests: Ask,
    responses: Ask,
    errors: Ask,
    lag: Ask,
}

/// The same in bytes and in records.
struct Pair {
    bytes: Ask,
    records: Ask,
}

pub(super) async fn make(view: &View<'_>) -> Made {
    let mut sheet = Sheet::default();
    let asks = Asks::new(&mut sheet, view);
    let answers = sheet.answer(view.source).await?;
    let panel = Graph::new(view, &answers, &asks).panel();
    let notes = [asks.counted.topics_note(&answers), asks.counted.clients_note(&answers)];
    let tiles = asks.tiles.tiles(&answers, &asks.counted);
    Ok(Parts { notes: notes.into_iter().flatten().collect(), tiles, panels: vec![panel] })
}

impl Asks {
    fn new(sheet: &mut Sheet, view: &View<'_>) -> Self {
        let window = view.asked.window();
        let mut pair = |metrics: [&'static str; 2], by| {
            let [bytes, records] =
                metrics.map(|metric| sheet.ask(view.series(metric).by(by).rate(), window));
            Pair { bytes, records }
        };
        let (written, read) = (pair(CLIENT_WRITTEN, EDGE), pair(CLIENT_READ, EDGE));
        let (writers, readers) = (pair(CLIENT_WRITTEN, CLIENT), pair(CLIENT_READ, CLIENT));
        let topics_written = pair(TOPIC_WRITTEN, topics::TOPIC);
        let topics_read = pair(TOPIC_READ, topics::TOPIC);
        let of = |metric, by| view.series(metric).by(by);
        let group: &[&str] = &["group"];
        Self {
            written,
            read,
            writers,
            readers,
            topics_written,
            topics_read,
            topic_errors: sheet.ask(
                of(names::TOPIC_ERRORS, topics::TOPIC)
                    .with(Matcher::one_of("request", TIMED))
                    .troubling()
                    .rate(),
                window,
            ),
            topic_requests: sheet
                .ask(of(names::TOPIC_REQUEST_DURATION_MICROSECONDS, topics::TOPIC).count(), window),
            topic_lag: sheet.ask(of(names::TOPIC_FETCH_LAG_RECORDS, topics::TOPIC).sum(), window),
            committed: sheet.ask(of(names::GROUP_LAG_RECORDS, &["topic", "group"]).sum(), window),
            group_lag: sheet.ask(of(names::GROUP_LAG_RECORDS, group).sum(), window),
            group_errors: sheet.ask(of(names::GROUP_ERRORS, group).troubling().rate(), window),
            group_requests: sheet.ask(of(names::GROUP_REQUESTS, group).rate(), window),
            tiles: Tiles::new(sheet, view),
            counted: Counted::ask(sheet, view),
        }
    }

    /// What a topic is weighed by: its own counts, which are exact also where clients are over a cap, or those of its
    /// clients where the filter has no others of it.
    fn of_topic(&self, has_own: bool) -> [&Pair; 2] {
        if has_own {
            [&self.topics_written, &self.topics_read]
        } else {
            [&self.written, &self.read]
        }
    }
}

impl Tiles {
    fn new(sheet: &mut Sheet, view: &View<'_>) -> Self {
        let window = view.asked.window();
        let of = |metric| view.series(metric);
        Self {
            written: sheet.ask(of(names::TOPIC_PRODUCED_BYTES).rate(), window),
            read: sheet.ask(of(names::TOPIC_FETCHED_BYTES).rate(), window),
            requests: sheet.ask(of(names::REQUESTS).rate(), window),
            responses: sheet.ask(of(names::RESPONSES).rate(), window),
            errors: sheet.ask(ratio(troubling(view).rate(), of(names::RESPONSES).rate()), window),
            lag: sheet.ask(of(names::GROUP_LAG_RECORDS).sum(), window),
        }
    }

    fn tiles(&self, answers: &Answers, counted: &Counted) -> Vec<Tile> {
        let known = answers.number(&self.requests).is_some();
        let of_topics = known && counted.topics(answers);
        // No errors of no responses is no good news.
        let answered = answers.number(&self.responses).is_some_and(|rate| rate > 0.0);
        let tile = |title: &str, unit, ask, help: &str| answers.tile(title, unit, ask, help);
        vec![
            tile("Written", Unit::BytesPerSecond, &self.written, topics::WRITTEN)
                .or_zero(of_topics),
            tile("Read", Unit::BytesPerSecond, &self.read, topics::READ).or_zero(of_topics),
            tile("Requests", Unit::RequestsPerSecond, &self.requests, REQUESTS),
            tile("Errors by responses", Unit::Share, &self.errors, ERROR_SHARE)
                .or_zero(answered)
                .bad_from(0.001, 0.05),
            tile("Lag of groups", Unit::Records, &self.lag, topics::H_GROUP_LAG.help),
        ]
    }
}

/// Requests that are counted by topic, and so have something to be a share of: those whose time is taken.
const TIMED: &str = "Produce|FetchConsumer|ShareFetch";

const EDGE: &[&str] = &["topic", "client_id"];

const CLIENT_WRITTEN: [&str; 2] = [names::CLIENT_PRODUCED_BYTES, names::CLIENT_PRODUCED_RECORDS];
const CLIENT_READ: [&str; 2] = [names::CLIENT_FETCHED_BYTES, names::CLIENT_FETCHED_RECORDS];
const TOPIC_WRITTEN: [&str; 2] = [names::TOPIC_PRODUCED_BYTES, names::TOPIC_PRODUCED_RECORDS];
const TOPIC_READ: [&str; 2] = [names::TOPIC_FETCHED_BYTES, names::TOPIC_FETCHED_RECORDS];

const REQUESTS: &str =
    "Requests whose header was decoded, also those of groups, metadata and logins.";
