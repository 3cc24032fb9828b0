//! One client: what it writes, what it reads, and in which versions it would be refused.

use super::clients::REFUSED;
use super::counted::{Counted, Refused, UNNAMED};
use super::curves::{Curves, stacked};
use super::flow::{Flow, RECORDS};
use super::series::Series;
use super::sheet::{Answers, Ask, Sheet, TileExt as _};
use super::table::{Table, heading};
use super::topics::{TOPIC, WRITTEN};
use super::{Made, Parts, View, info, readiness, warning};
use crate::expr::catalog::names;
use crate::page::{Link, Panel, Tile, Unit};
use crate::source::SourceError;

struct Asks {
    counted: Counted,
    refused_counted: Refused,
    written: Side,
    read: Side,
    refused: Ask,
    refused_now: Ask,
    refused_by: Ask,
}

/// What the client does with topics, one way.
struct Side {
    bytes_all: Ask,
    records_all: Ask,
    by_topic: Flow,
}

pub(super) async fn make(view: &View<'_>) -> Made {
    let mut sheet = Sheet::default();
    let asks = Asks::new(&mut sheet, view);
    let answers = sheet.answer(view.source).await?;
    let mut parts = Parts { tiles: asks.tiles(&answers), ..Parts::default() };
    parts.notes.extend(asks.counted.clients_note(&answers));
    parts.notes.extend(asks.refused_counted.note(&answers));
    if asks.is_unknown(&answers) {
        parts.notes.push(info(
            format!("Nothing was seen of this client within the last {}.", view.watched_text()),
            Some("Choose a longer range, or look at Clients for its name as the filter writes it."),
        ));
    }
    if answers.number(&asks.refused).is_some_and(|requests| requests > 0.0) {
        parts.notes.push(warning(
            "This client speaks versions that brokers of Kafka 4 refuse.",
            readiness::remedy(view.key()),
        ));
    }
    parts.panels.push(asks.written.table(view, ("written_topics", "Writes to"), WRITES, &answers));
    parts.panels.push(asks.read.table(view, ("read_topics", "Reads from"), READS, &answers));
    parts.panels.push(asks.refused_table(&answers));
    parts.panels.extend(lines(view, &answers, &asks).await?);
    Ok(parts)
}

/// Series of this client.
fn client(view: &View<'_>, metric: &'static str) -> Series {
    view.series(metric).is("client_id", view.key())
}

impl Asks {
    fn new(sheet: &mut Sheet, view: &View<'_>) -> Self {
        let deprecated = || client(view, names::DEPRECATED_REQUESTS);
        let (window, range) = (view.asked.window(), view.asked.range());
        Self {
            counted: Counted::ask(sheet, view),
            refused_counted: Refused::ask(sheet, view),
            written: Side::new(sheet, view, PRODUCED),
            read: Side::new(sheet, view, FETCHED),
            refused: sheet.ask(deprecated().increase(), range),
            refused_now: sheet.ask(deprecated().by(VERSION).rate(), window),
            refused_by: sheet.ask(deprecated().by(VERSION).increase(), range),
        }
    }

    fn tiles(&self, answers: &Answers) -> Vec<Tile> {
        let known = !self.is_unknown(answers);
        let (moved, refused) = (
            known && self.counted.clients(answers),
            known && self.refused_counted.is_counted(answers),
        );
        let tile = |title: &str, unit, ask, help: &str| {
            answers.tile(title, unit, ask, help).or_zero(moved)
        };
        vec![
            tile("Written", Unit::BytesPerSecond, &self.written.bytes_all, WRITTEN),
            tile("Records written", Unit::RecordsPerSecond, &self.written.records_all, RECORDS),
            tile("Read", Unit::BytesPerSecond, &self.read.bytes_all, READ_BY_CLIENT),
            tile("Records read", Unit::RecordsPerSecond, &self.read.records_all, RECORDS),
            answers
                .tile("Refused by Kafka 4", Unit::Count, &self.refused, REFUSED)
                .or_zero(refused)
                .bad_from(1.0, f64::INFINITY),
        ]
    }

    fn is_unknown(&self, answers: &Answers) -> bool {
        [&self.written.by_topic.bytes, &self.read.by_topic.bytes, &self.refused_by]
            .into_iter()
            .all(|ask| answers.vector(ask).is_empty())
    }

    fn refused_table(&self, answers: &Answers) -> Panel {
        Table::new("refused", "Versions that Kafka 4 refuses", REFUSED)
            .label("request", "Request", None, "The API.")
            .label("api_version", "Version", None, "As in the request's header.")
            .measure(
                heading("now", "Now", Unit::RequestsPerSecond, "Over the window."),
                &self.refused_now,
            )
            .measure(heading("in_range", "In this range", Unit::Count, REFUSED), &self.refused_by)
            .sorted("in_range", &["now"])
            .empty(match (self.is_unknown(answers), self.refused_counted.is_counted(answers)) {
                (true, _) => "Nothing was seen of this client in this range.",
                (false, true) => "This client speaks only versions that brokers of Kafka 4 take.",
                (false, false) => UNNAMED,
            })
            .panel(answers)
    }
}

impl Side {
    fn new(sheet: &mut Sheet, view: &View<'_>, [bytes, records, topic]: [&'static str; 3]) -> Self {
        let window = view.asked.window();
        let of = |metric| client(view, metric);
        Self {
            bytes_all: sheet.ask(of(bytes).rate(), window),
            records_all: sheet.ask(of(records).rate(), window),
            by_topic: Flow::new(
                sheet,
                view,
                [bytes, records].map(|metric| of(metric).by(TOPIC)),
                view.series(topic).by(TOPIC),
            ),
        }
    }

    fn table(
        &self,
        view: &View<'_>,
        (id, title): (&'static str, &str),
        help: &str,
        answers: &Answers,
    ) -> Panel {
        let table = Table::new(id, title, help);
        let table = table.label("topic", "Topic", Some(Link::Topic), "The topic's name.");
        self.by_topic.columns(table, SHARE).searched(view).empty("Nothing.").panel(answers)
    }
}

async fn lines(view: &View<'_>, answers: &Answers, asks: &Asks) -> Result<Vec<Panel>, SourceError> {
    let mut curves = Curves::new(view);
    for (id, title, help, side, [bytes, ..]) in [
        ("written", "Written by topic", WRITTEN, &asks.written, PRODUCED),
        ("read", "Read by topic", READ_BY_CLIENT, &asks.read, FETCHED),
    ] {
        curves.greatest(
            stacked(id, title, Unit::BytesPerSecond, help),
            answers,
            &side.by_topic.rank,
            ("topic", client(view, bytes).by(TOPIC).rate()),
            Some(client(view, bytes).rate()),
        );
    }
    curves.panels().await
}

const PRODUCED: [&str; 3] =
    [names::CLIENT_PRODUCED_BYTES, names::CLIENT_PRODUCED_RECORDS, names::TOPIC_PRODUCED_BYTES];
const FETCHED: [&str; 3] =
    [names::CLIENT_FETCHED_BYTES, names::CLIENT_FETCHED_RECORDS, names::TOPIC_FETCHED_BYTES];
const VERSION: &[&str] = &["request", "api_version"];

const WRITES: &str =
    "Topics by the bytes that this client id writes. Several clients may share an id.";
const READS: &str = "Topics by the bytes that this client id is sent. A Fetch names no group: see the topic for groups \
    that commit.";
const READ_BY_CLIENT: &str =
    "Bytes of record batches in answers to this client's fetches, as they are on the wire.";
const SHARE: &str = "Of all bytes of the topic, in this direction.";
