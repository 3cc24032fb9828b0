//! Who writes to which topic, and who reads it. What has moved nothing within the window is not drawn; what is beyond
//! the limits is one node for each side, which says how many it stands for.

use super::clients::{self, CLIENT};
use super::requests::{ERROR_SHARE, troubling};
use super::series::ratio;
use super::sheet::{Answers, Ask, Sheet, TileExt as _};
use super::{Made, Parts, View, topics};
use crate::page::{Tile, Unit};
use graph::Graph;

mod drawing;
mod graph;

struct Asks {
    tiles: Tiles,
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
    let notes = clients::uncounted(&answers, &asks.sides()).into_iter().collect();
    Ok(Parts { notes, tiles: asks.tiles.tiles(&answers), panels: vec![panel] })
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
                of("kafka_filter_topic_errors_total", topics::TOPIC).troubling().rate(),
                window,
            ),
            topic_requests: sheet.ask(
                of("kafka_filter_topic_request_duration_microseconds", topics::TOPIC).count(),
                window,
            ),
            topic_lag: sheet
                .ask(of("kafka_filter_topic_fetch_lag_records", topics::TOPIC).sum(), window),
            committed: sheet.ask(of(GROUP_LAG, &["topic", "group"]).sum(), window),
            group_lag: sheet.ask(of(GROUP_LAG, group).sum(), window),
            group_errors: sheet
                .ask(of("kafka_filter_group_errors_total", group).troubling().rate(), window),
            group_requests: sheet
                .ask(of("kafka_filter_group_requests_total", group).rate(), window),
            tiles: Tiles::new(sheet, view),
        }
    }

    /// Bytes of topics, and of clients.
    fn sides(&self) -> [&Ask; 4] {
        [
            &self.topics_written.bytes,
            &self.topics_read.bytes,
            &self.writers.bytes,
            &self.readers.bytes,
        ]
    }
}

impl Tiles {
    fn new(sheet: &mut Sheet, view: &View<'_>) -> Self {
        let window = view.asked.window();
        let of = |metric| view.series(metric);
        Self {
            written: sheet.ask(of("kafka_filter_topic_produced_bytes_total").rate(), window),
            read: sheet.ask(of("kafka_filter_topic_fetched_bytes_total").rate(), window),
            requests: sheet.ask(of("kafka_filter_requests_total").rate(), window),
            errors: sheet.ask(
                ratio(troubling(view).rate(), of("kafka_filter_responses_total").rate()),
                window,
            ),
            lag: sheet.ask(of(GROUP_LAG).sum(), window),
        }
    }

    fn tiles(&self, answers: &Answers) -> Vec<Tile> {
        let known = answers.number(&self.requests).is_some();
        let tile = |title: &str, unit, ask, help: &str| answers.tile(title, unit, ask, help);
        vec![
            tile("Written", Unit::BytesPerSecond, &self.written, topics::WRITTEN).or_zero(known),
            tile("Read", Unit::BytesPerSecond, &self.read, topics::READ).or_zero(known),
            tile("Requests", Unit::RequestsPerSecond, &self.requests, REQUESTS),
            tile("Errors by responses", Unit::Share, &self.errors, ERROR_SHARE)
                .or_zero(known)
                .bad_from(0.001, 0.05),
            tile("Lag of groups", Unit::Records, &self.lag, topics::H_GROUP_LAG.help),
        ]
    }
}

const EDGE: &[&str] = &["topic", "client_id"];

const CLIENT_WRITTEN: [&str; 2] =
    ["kafka_filter_client_produced_bytes_total", "kafka_filter_client_produced_records_total"];
const CLIENT_READ: [&str; 2] =
    ["kafka_filter_client_fetched_bytes_total", "kafka_filter_client_fetched_records_total"];
const TOPIC_WRITTEN: [&str; 2] =
    ["kafka_filter_topic_produced_bytes_total", "kafka_filter_topic_produced_records_total"];
const TOPIC_READ: [&str; 2] =
    ["kafka_filter_topic_fetched_bytes_total", "kafka_filter_topic_fetched_records_total"];
const GROUP_LAG: &str = "kafka_filter_group_lag_records";

const REQUESTS: &str =
    "Requests whose header was decoded, also those of groups, metadata and logins.";
