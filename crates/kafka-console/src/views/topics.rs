//! All topics: first those with errors, then by what is written.

use std::collections::BTreeMap;

use super::counted::Counted;
use super::curves::{Curves, single, stacked};
use super::series::ratio;
use super::sheet::{Answers, Ask, Sheet, TileExt as _, label};
use super::table::{Digest, Heading, Table, column, heading};
use super::{Made, Parts, View, errors};
use crate::expr::Expr;
use crate::expr::catalog::names;
use crate::page::{Cell, Link, Unit};

struct Asks {
    written: Ask,
    read: Ask,
    requests: Ask,
    error_rate: Ask,
    topic: TopicAsks,
    written_rank: Ask,
    read_rank: Ask,
    error_rank: Ask,
}

/// Numbers of each topic.
struct TopicAsks {
    written_bytes: Ask,
    written_records: Ask,
    read_bytes: Ask,
    read_records: Ask,
    produce_p50: Ask,
    produce_p99: Ask,
    fetch_p99: Ask,
    end_to_end_p99: Ask,
    errors: Ask,
    error_names: Ask,
    fetch_lag: Ask,
    group_lag: Ask,
    batch_records: Ask,
    codecs: Ask,
    writers: Ask,
    readers: Ask,
}

pub(super) async fn make(view: &View<'_>) -> Made {
    let mut sheet = Sheet::default();
    let (window, range) = (view.asked.window(), view.asked.range());
    let troubling = || view.series(names::TOPIC_ERRORS).troubling();
    let asks = Asks {
        written: sheet.ask(view.series(names::TOPIC_PRODUCED_BYTES).rate(), window),
        read: sheet.ask(view.series(names::TOPIC_FETCHED_BYTES).rate(), window),
        requests: sheet.ask(view.series(names::REQUESTS).rate(), window),
        error_rate: sheet.ask(troubling().rate(), window),
        written_rank: sheet
            .ask(view.series(names::TOPIC_PRODUCED_BYTES).by(TOPIC).increase(), range),
        read_rank: sheet.ask(view.series(names::TOPIC_FETCHED_BYTES).by(TOPIC).increase(), range),
        error_rank: sheet.ask(view.series(names::TOPIC_ERRORS).by(&["error"]).increase(), range),
        topic: TopicAsks::new(&mut sheet, view),
    };
    let counted = Counted::ask(&mut sheet, view);
    let answers = sheet.answer(view.source).await?;
    let known = answers.number(&asks.requests).is_some() && counted.topics(&answers);
    let tiles = vec![
        answers.tile("Written", Unit::BytesPerSecond, &asks.written, WRITTEN).or_zero(known),
        answers.tile("Read", Unit::BytesPerSecond, &asks.read, READ).or_zero(known),
        answers
            .tile("Errors of topics", Unit::ErrorsPerSecond, &asks.error_rate, ERRORS)
            .or_zero(known)
            .bad_from(f64::MIN_POSITIVE, 1.0),
    ];
    let mut panels = vec![asks.topic.table(view, &answers)];
    panels.extend(lines(view, &answers, &asks).await?);
    let notes = counted.topics_note(&answers).into_iter().collect();
    Ok(Parts { notes, tiles, panels })
}

impl TopicAsks {
    fn new(sheet: &mut Sheet, view: &View<'_>) -> Self {
        let mut ask = |expr: Expr| column(sheet, view, expr);
        let of = |metric| view.series(metric).by(TOPIC);
        let duration =
            |request| of(names::TOPIC_REQUEST_DURATION_MICROSECONDS).is("request", request);
        Self {
            written_bytes: ask(of(names::TOPIC_PRODUCED_BYTES).rate()),
            written_records: ask(of(names::TOPIC_PRODUCED_RECORDS).rate()),
            read_bytes: ask(of(names::TOPIC_FETCHED_BYTES).rate()),
            read_records: ask(of(names::TOPIC_FETCHED_RECORDS).rate()),
            produce_p50: ask(duration("Produce").quantile(0.5)),
            produce_p99: ask(duration("Produce").quantile(0.99)),
            fetch_p99: ask(duration("FetchConsumer").quantile(0.99)),
            end_to_end_p99: ask(of(names::TOPIC_END_TO_END_LATENCY_MILLISECONDS).quantile(0.99)),
            errors: ask(of(names::TOPIC_ERRORS).troubling().rate()),
            error_names: ask(view.series(names::TOPIC_ERRORS).by(&["topic", "error"]).rate()),
            fetch_lag: ask(of(names::TOPIC_FETCH_LAG_RECORDS).sum()),
            group_lag: ask(of(names::GROUP_LAG_RECORDS).sum()),
            batch_records: ask(ratio(
                of(names::TOPIC_PRODUCED_RECORDS).rate(),
                of(names::TOPIC_PRODUCED_BATCHES).rate(),
            )),
            codecs: ask(view
                .series(names::TOPIC_PRODUCED_BATCHES)
                .by(&["topic", "compression"])
                .rate()),
            writers: ask(view
                .series(names::CLIENT_PRODUCED_RECORDS)
                .by(&["topic", "client_id"])
                .rate()),
            readers: ask(view
                .series(names::CLIENT_FETCHED_RECORDS)
                .by(&["topic", "client_id"])
                .rate()),
        }
    }

    fn table(&self, view: &View<'_>, answers: &Answers) -> crate::page::Panel {
        let names = greatest(answers, &self.error_names);
        let codecs = codecs(answers, &self.codecs);
        let writers = counts(answers, &self.writers);
        let readers = counts(answers, &self.readers);
        let number = |found: Option<&f64>| found.map_or(Cell::None, |&value| Cell::Number(value));
        Table::new("topics", "Topics", TABLE_HELP)
            .label("topic", "Topic", Some(Link::Topic), TOPIC_HELP)
            .measure(H_ERRORS, &self.errors)
            .asked_cell(H_ERROR, &self.error_names, Digest::Words, |key| {
                let name = key.first().and_then(|topic| names.get(&**topic));
                name.map_or(Cell::None, |name| errors::cell("", name))
            })
            .measure(H_WRITTEN_BYTES, &self.written_bytes)
            .measure(H_WRITTEN_RECORDS, &self.written_records)
            .measure(H_READ_BYTES, &self.read_bytes)
            .measure(H_READ_RECORDS, &self.read_records)
            .measure(H_PRODUCE_P50, &self.produce_p50)
            .measure(H_PRODUCE_P99, &self.produce_p99)
            .measure(H_FETCH_P99, &self.fetch_p99)
            .measure(H_END_TO_END, &self.end_to_end_p99)
            .measure(H_FETCH_LAG, &self.fetch_lag)
            .measure(H_GROUP_LAG, &self.group_lag)
            .asked_cell(H_WRITERS, &self.writers, Digest::Moving, |key| {
                number(key.first().and_then(|topic| writers.get(&**topic)))
            })
            .asked_cell(H_READERS, &self.readers, Digest::Moving, |key| {
                number(key.first().and_then(|topic| readers.get(&**topic)))
            })
            .measure(H_BATCH, &self.batch_records)
            .asked_cell(H_CODEC, &self.codecs, Digest::Words, |key| {
                let codec = key.first().and_then(|topic| codecs.get(&**topic));
                codec.map_or(Cell::None, |text| Cell::Text(text.clone()))
            })
            .sorted("errors", &["written_bytes", "read_bytes", "group_lag"])
            .searched(view)
            .empty("No topic has been seen. Topics appear when a broker has named one in an answer, where \
                    metrics.topics is on in the filter's configuration.")
            .panel(answers)
    }
}

async fn lines(
    view: &View<'_>,
    answers: &Answers,
    asks: &Asks,
) -> Result<Vec<crate::page::Panel>, crate::source::SourceError> {
    let mut curves = Curves::new(view);
    let of = |metric| view.series(metric);
    curves.greatest(
        stacked("written", "Written by topic", Unit::BytesPerSecond, WRITTEN),
        answers,
        &asks.written_rank,
        ("topic", of(names::TOPIC_PRODUCED_BYTES).by(TOPIC).rate()),
        Some(of(names::TOPIC_PRODUCED_BYTES).rate()),
    );
    curves.greatest(
        stacked("read", "Read by topic", Unit::BytesPerSecond, READ),
        answers,
        &asks.read_rank,
        ("topic", of(names::TOPIC_FETCHED_BYTES).by(TOPIC).rate()),
        Some(of(names::TOPIC_FETCHED_BYTES).rate()),
    );
    curves.greatest(
        single("errors", "Errors of topics by name", Unit::ErrorsPerSecond, ERROR_LINES),
        answers,
        &asks.error_rank,
        ("error", of(names::TOPIC_ERRORS).by(&["error"]).rate()),
        None,
    );
    curves.panels().await
}

/// Of each first label, the second with the greatest number; trouble before what healthy clusters have.
pub(super) fn greatest(answers: &Answers, ask: &Ask) -> BTreeMap<String, String> {
    let mut found: BTreeMap<&str, (bool, f64, &str)> = BTreeMap::new();
    for (name, error, value) in answers.by_pair(ask).filter(|(_, _, value)| *value > 0.0) {
        let candidate = (!errors::is_healthy("", error), value, error);
        let best = found.entry(name).or_insert(candidate);
        if (candidate.0, candidate.1) > (best.0, best.1) {
            *best = candidate;
        }
    }
    let owned =
        |(name, (_, _, error)): (&str, (bool, f64, &str))| (name.to_owned(), error.to_owned());
    found.into_iter().map(owned).collect()
}

/// Of each topic, how batches are compressed: `zstd`, or `zstd 80 %` where it is not all of them.
fn codecs(answers: &Answers, ask: &Ask) -> BTreeMap<String, String> {
    let mut all: BTreeMap<&str, Vec<(f64, &str)>> = BTreeMap::new();
    for (topic, codec, value) in answers.by_pair(ask).filter(|(_, _, value)| *value > 0.0) {
        all.entry(topic).or_default().push((value, codec));
    }
    let text = |mut codecs: Vec<(f64, &str)>| {
        codecs.sort_by(|left, right| right.0.total_cmp(&left.0));
        let total: f64 = codecs.iter().map(|(value, _)| value).sum();
        let many = codecs.len() > 1;
        let (value, codec) = codecs.first().copied().unwrap_or((0.0, ""));
        match value / total * 100.0 {
            _ if !many => codec.to_owned(),
            // Not all of them: that would be the name alone.
            percent if percent > 99.0 => format!("{codec} >99 %"),
            percent => format!("{codec} {percent:.0} %"),
        }
    };
    all.into_iter().map(|(topic, codecs)| (topic.to_owned(), text(codecs))).collect()
}

/// Of each first label, how many second ones have moved anything.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
pub(super) fn counts(answers: &Answers, ask: &Ask) -> BTreeMap<String, f64> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for sample in answers.vector(ask).iter().filter(|sample| sample.value > 0.0) {
        *counts.entry(label(sample, 0)).or_default() += 1;
    }
    counts.into_iter().map(|(name, count)| (name.to_owned(), count as f64)).collect()
}

pub(super) const TOPIC: &[&str] = &["topic"];

pub(super) const WRITTEN: &str = "Bytes of record sets in Produce requests, as they are on the wire (compressed). Sent, \
    not yet accepted: what brokers refuse is in it, and so is what clients send again.";
pub(super) const READ: &str = "Bytes of record batches in Fetch answers to consumers, as they are on the wire. Several \
    readers of a topic each count, so it may be a multiple of what is written.";
pub(super) const ERRORS: &str = "Error codes that belong to a topic or partition, without those that healthy clusters \
    have. A response that refuses three partitions counts three.";
const ERROR_LINES: &str =
    "All error codes that belong to a topic or partition, the harmless ones too.";
const TABLE_HELP: &str = "Topics that brokers have confirmed, first those with errors, then by bytes written. Rates are \
    over the window. __other__ is what had no place under the label's cap, or that no broker has confirmed.";
const TOPIC_HELP: &str =
    "The name as the filter writes it: a few characters are written as % and two digits.";

pub(super) const H_ERRORS: Heading = heading("errors", "Errors", Unit::ErrorsPerSecond, ERRORS);
const H_ERROR: Heading = heading(
    "error",
    "Most frequent",
    Unit::Text,
    "The error code that comes most often, harmless ones last.",
);
const H_WRITTEN_BYTES: Heading = heading("written_bytes", "Written", Unit::BytesPerSecond, WRITTEN);
const H_WRITTEN_RECORDS: Heading = heading(
    "written_records",
    "Records written",
    Unit::RecordsPerSecond,
    "As batch headers count them. A compressed message of the formats before Kafka 0.11 counts as one.",
);
const H_READ_BYTES: Heading = heading("read_bytes", "Read", Unit::BytesPerSecond, READ);
const H_READ_RECORDS: Heading = heading(
    "read_records",
    "Records read",
    Unit::RecordsPerSecond,
    "Of all readers together. A batch is counted whole, also when the consumer begins in its middle.",
);
pub(super) const H_PRODUCE_P50: Heading = heading(
    "produce_p50",
    "Produce p50",
    Unit::Seconds,
    "Half of the Produce requests for this topic were answered within this time, as the proxy saw it; guessed within \
     the histogram's buckets.",
);
pub(super) const H_PRODUCE_P99: Heading = heading(
    "produce_p99",
    "Produce p99",
    Unit::Seconds,
    "99 of 100 Produce requests for this topic were answered within this time. Throttled clients wait on purpose.",
);
pub(super) const H_FETCH_P99: Heading = heading(
    "fetch_p99",
    "Fetch p99",
    Unit::Seconds,
    "A fetch waits for data by design (fetch.max.wait.ms): half a second on a quiet topic is no fault.",
);
pub(super) const H_END_TO_END: Heading = heading(
    "end_to_end_p99",
    "Age when read p99",
    Unit::Seconds,
    "How old batches are when a consumer fetches them: the proxy's clock minus the producer's timestamp. A consumer \
     that reads from the beginning makes it large, and clocks that disagree make it wrong. It ends at the \
     histogram's last bound: an hour as shipped.",
);
pub(super) const H_FETCH_LAG: Heading = heading(
    "fetch_lag",
    "Fetch lag",
    Unit::Records,
    "Records between where consumers fetch and the end of the topic, of connections that are open now.",
);
pub(super) const H_GROUP_LAG: Heading = heading(
    "group_lag",
    "Group lag",
    Unit::Records,
    "Records between what groups have committed and the end of the topic, summed over groups. What is committed past \
     these proxies is not seen; a partition that moved to a consumer behind another proxy may count at both for the \
     minutes of limits.lag_stale_seconds.",
);
const H_WRITERS: Heading = heading(
    "writers",
    "Writers",
    Unit::Count,
    "Client ids that wrote within the window. All clients over the label's cap count as one.",
);
const H_READERS: Heading = heading(
    "readers",
    "Readers",
    Unit::Count,
    "Client ids that were sent records within the window.",
);
const H_BATCH: Heading = heading(
    "batch_records",
    "Records a batch",
    Unit::Count,
    "Records written for each batch. One is a client that does not wait (linger.ms=0); each batch costs a request's \
     share.",
);
const H_CODEC: Heading = heading(
    "compression",
    "Compression",
    Unit::Text,
    "The codec of most batches written, and of how many.",
);
