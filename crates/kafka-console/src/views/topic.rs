//! One topic: who writes, who reads, how late, and what goes wrong.

use super::bars::Bars;
use super::counted::Counted;
use super::curves::{Curves, single, stacked};
use super::flow::Flow;
use super::series::{Series, ratio};
use super::sheet::{Answers, Ask, Sheet, TileExt as _};
use super::table::{Table, heading};
use super::{Made, Parts, View, error_table, info, topics};
use crate::expr::Expr;
use crate::expr::catalog::names;
use crate::page::{Link, Panel, Tile, Unit};
use crate::source::SourceError;

struct Asks {
    counted: Counted,
    written_bytes: Ask,
    written_records: Ask,
    read_bytes: Ask,
    read_records: Ask,
    produce_p99: Ask,
    end_to_end_p99: Ask,
    fetch_lag: Ask,
    errors: Ask,
    batch_records: Ask,
    writers: Flow,
    readers: Flow,
    groups: Groups,
    error_names: Ask,
    error_counts: Ask,
    codecs: [Ask; 2],
    error_rank: Ask,
}

struct Groups {
    lag: Ask,
    behind: Ask,
}

pub(super) async fn make(view: &View<'_>) -> Made {
    let mut sheet = Sheet::default();
    let asks = Asks::new(&mut sheet, view);
    let of = |metric| topic(view, metric);
    let duration = of(names::TOPIC_REQUEST_DURATION_MICROSECONDS).is("request", "Produce");
    let produce =
        Bars::new(&mut sheet, view, "produce_times", "Produce latency", PRODUCE_TIMES, &duration);
    let age = of(names::TOPIC_END_TO_END_LATENCY_MILLISECONDS);
    let ages = Bars::new(&mut sheet, view, "ages", "Age of records when they are read", AGES, &age);
    let answers = sheet.answer(view.source).await?;
    let mut parts = Parts { tiles: asks.tiles(&answers), ..Parts::default() };
    parts.notes.extend(asks.counted.topics_note(&answers));
    parts.notes.extend(asks.counted.clients_note(&answers));
    if asks.is_unknown(&answers) {
        parts.notes.push(info(
            format!("Nothing was seen of this topic within the last {}.", view.watched_text()),
            Some("Choose a longer range, or look at Topics for its name as the filter writes it."),
        ));
    }
    for (flow, id, title, help) in [
        (&asks.writers, "writers", "Who writes", WRITERS),
        (&asks.readers, "readers", "Who reads", READERS),
    ] {
        let table = Table::new(id, title, help);
        let table =
            table.label("client_id", "Client", Some(Link::Client), "What the client calls itself.");
        let table = flow.columns(table, "Of the topic's bytes on this side.").searched(view);
        let table = table.empty("Nobody was seen on this side of the topic.");
        parts.panels.push(table.panel(&answers));
    }
    parts.panels.push(asks.groups.table(view, &answers));
    parts.panels.push(asks.errors_table(view, &answers));
    parts.panels.extend(lines(view, &answers, &asks).await?);
    parts.panels.push(produce.panel(&answers));
    parts.panels.push(ages.panel(&answers));
    parts.panels.push(asks.codecs_table(&answers));
    Ok(parts)
}

/// Series of this topic.
fn topic(view: &View<'_>, metric: &'static str) -> Series {
    view.series(metric).is("topic", view.key())
}

impl Asks {
    fn new(sheet: &mut Sheet, view: &View<'_>) -> Self {
        let (window, range) = (view.asked.window(), view.asked.range());
        let of = |metric| topic(view, metric);
        let mut ask = |expr: Expr| sheet.ask(expr, window);
        let written_bytes = ask(of(names::TOPIC_PRODUCED_BYTES).rate());
        let written_records = ask(of(names::TOPIC_PRODUCED_RECORDS).rate());
        let read_bytes = ask(of(names::TOPIC_FETCHED_BYTES).rate());
        let read_records = ask(of(names::TOPIC_FETCHED_RECORDS).rate());
        let produce_p99 = ask(of(names::TOPIC_REQUEST_DURATION_MICROSECONDS)
            .is("request", "Produce")
            .quantile(0.99));
        let end_to_end_p99 = ask(of(names::TOPIC_END_TO_END_LATENCY_MILLISECONDS).quantile(0.99));
        let fetch_lag = ask(of(names::TOPIC_FETCH_LAG_RECORDS).sum());
        let errors = ask(of(names::TOPIC_ERRORS).troubling().rate());
        let batch_records = ask(ratio(
            of(names::TOPIC_PRODUCED_RECORDS).rate(),
            of(names::TOPIC_PRODUCED_BATCHES).rate(),
        ));
        let error_names = ask(of(names::TOPIC_ERRORS).by(&["request", "error"]).rate());
        let codecs = [names::TOPIC_PRODUCED_BATCHES, names::TOPIC_FETCHED_BATCHES]
            .map(|metric| ask(of(metric).by(&["compression"]).rate()));
        Self {
            counted: Counted::ask(sheet, view),
            written_bytes,
            written_records,
            read_bytes,
            read_records,
            produce_p99,
            end_to_end_p99,
            fetch_lag,
            errors,
            batch_records,
            error_names,
            codecs,
            writers: Flow::new(
                sheet,
                view,
                [names::CLIENT_PRODUCED_BYTES, names::CLIENT_PRODUCED_RECORDS]
                    .map(|metric| of(metric).by(CLIENT)),
                of(names::TOPIC_PRODUCED_BYTES),
            ),
            readers: Flow::new(
                sheet,
                view,
                [names::CLIENT_FETCHED_BYTES, names::CLIENT_FETCHED_RECORDS]
                    .map(|metric| of(metric).by(CLIENT)),
                of(names::TOPIC_FETCHED_BYTES),
            ),
            groups: Groups {
                lag: sheet.ask(of(names::GROUP_LAG_RECORDS).by(GROUP).sum(), window),
                behind: sheet.ask(
                    ratio(
                        of(names::GROUP_LAG_RECORDS).by(GROUP).sum(),
                        of(names::TOPIC_PRODUCED_RECORDS).rate(),
                    ),
                    window,
                ),
            },
            error_counts: sheet
                .ask(of(names::TOPIC_ERRORS).by(&["request", "error"]).increase(), range),
            error_rank: sheet.ask(of(names::TOPIC_ERRORS).by(&["error"]).increase(), range),
        }
    }

    fn tiles(&self, answers: &Answers) -> Vec<Tile> {
        let known = !self.is_unknown(answers) && self.counted.topics(answers);
        let tile = |title: &str, unit, ask, help: &str| answers.tile(title, unit, ask, help);
        vec![
            tile("Written", Unit::BytesPerSecond, &self.written_bytes, topics::WRITTEN)
                .or_zero(known),
            tile("Records written", Unit::RecordsPerSecond, &self.written_records, RECORDS_WRITTEN)
                .or_zero(known),
            tile("Read", Unit::BytesPerSecond, &self.read_bytes, topics::READ).or_zero(known),
            tile("Records read", Unit::RecordsPerSecond, &self.read_records, RECORDS_READ)
                .or_zero(known),
            tile("Errors", Unit::ErrorsPerSecond, &self.errors, topics::ERRORS)
                .or_zero(known)
                .bad_from(f64::MIN_POSITIVE, 1.0),
            tile("Produce p99", Unit::Seconds, &self.produce_p99, topics::H_PRODUCE_P99.help),
            tile(
                "Age when read p99",
                Unit::Seconds,
                &self.end_to_end_p99,
                topics::H_END_TO_END.help,
            ),
            tile("Fetch lag", Unit::Records, &self.fetch_lag, topics::H_FETCH_LAG.help),
            tile("Records a batch", Unit::Count, &self.batch_records, BATCH_RECORDS),
        ]
    }

    fn is_unknown(&self, answers: &Answers) -> bool {
        let asks = [&self.written_bytes, &self.read_bytes, &self.fetch_lag, &self.groups.lag];
        asks.into_iter().all(|ask| answers.vector(ask).is_empty())
            && answers.vector(&self.error_counts).is_empty()
    }

    fn errors_table(&self, view: &View<'_>, answers: &Answers) -> Panel {
        let empty = if self.is_unknown(answers) || !self.counted.topics(answers) {
            "Nothing is known of errors of this topic."
        } else {
            "No request about this topic was answered with an error."
        };
        error_table::table(
            view,
            (ERROR_TABLE, empty),
            &self.error_names,
            &self.error_counts,
            answers,
        )
    }

    fn codecs_table(&self, answers: &Answers) -> Panel {
        let [written, read] = &self.codecs;
        Table::new("compression", "Compression", CODECS)
            .label("compression", "Codec", None, "As the batch header says.")
            .measure(
                heading("written", "Written", Unit::BatchesPerSecond, "Batches sent."),
                written,
            )
            .measure(heading("read", "Read", Unit::BatchesPerSecond, "Batches fetched."), read)
            .sorted("written", &["read"])
            .empty("No batch was seen.")
            .panel(answers)
    }
}

impl Groups {
    fn table(&self, view: &View<'_>, answers: &Answers) -> Panel {
        Table::new("groups", "Groups that commit here", GROUPS)
            .label("group", "Group", Some(Link::Group), "The group's id.")
            .measure(heading("lag", "Lag", Unit::Records, topics::H_GROUP_LAG.help), &self.lag)
            .measure(heading("behind", "Behind", Unit::Seconds, BEHIND), &self.behind)
            .sorted("lag", &[])
            .searched(view)
            .empty("No group has committed an offset of this topic through these proxies.")
            .panel(answers)
    }
}

async fn lines(view: &View<'_>, answers: &Answers, asks: &Asks) -> Result<Vec<Panel>, SourceError> {
    let mut curves = Curves::new(view);
    let of = |metric| topic(view, metric);
    curves.greatest(
        stacked("written", "Written by client", Unit::BytesPerSecond, topics::WRITTEN),
        answers,
        &asks.writers.rank,
        ("client_id", of(names::CLIENT_PRODUCED_BYTES).by(CLIENT).rate()),
        Some(of(names::TOPIC_PRODUCED_BYTES).rate()),
    );
    curves.greatest(
        stacked("read", "Read by client", Unit::BytesPerSecond, topics::READ),
        answers,
        &asks.readers.rank,
        ("client_id", of(names::CLIENT_FETCHED_BYTES).by(CLIENT).rate()),
        Some(of(names::TOPIC_FETCHED_BYTES).rate()),
    );
    let duration = || of(names::TOPIC_REQUEST_DURATION_MICROSECONDS).is("request", "Produce");
    curves.named(
        single("produce", "Produce latency", Unit::Seconds, topics::H_PRODUCE_P99.help),
        vec![("p50", duration().quantile(0.5)), ("p99", duration().quantile(0.99))],
    );
    curves.named(
        single(
            "age",
            "Age of records when they are read",
            Unit::Seconds,
            topics::H_END_TO_END.help,
        ),
        vec![
            ("p50", of(names::TOPIC_END_TO_END_LATENCY_MILLISECONDS).quantile(0.5)),
            ("p99", of(names::TOPIC_END_TO_END_LATENCY_MILLISECONDS).quantile(0.99)),
        ],
    );
    let head = single("lag", "Lag by group", Unit::Records, topics::H_GROUP_LAG.help);
    curves.highest(head, ("group", of(names::GROUP_LAG_RECORDS).by(GROUP).sum())).await?;
    curves.greatest(
        single("error_lines", "Errors by name", Unit::ErrorsPerSecond, ERROR_TABLE),
        answers,
        &asks.error_rank,
        ("error", of(names::TOPIC_ERRORS).by(&["error"]).rate()),
        None,
    );
    curves.panels().await
}

const CLIENT: &[&str] = &["client_id"];
const GROUP: &[&str] = &["group"];

const RECORDS_WRITTEN: &str =
    "As batch headers count them, over the window; what brokers refuse is in it.";
const RECORDS_READ: &str = "Of all readers together, over the window.";
const BATCH_RECORDS: &str =
    "Records written for each batch: one is a client that does not wait (linger.ms=0).";
const WRITERS: &str = "Clients by the bytes they write. The client id is what a client calls itself: several may share \
    one, and __other__ are those over the label's cap.";
const READERS: &str = "Clients by the bytes they are sent. A Fetch names no group, so which client belongs to which \
    group is not known.";
const GROUPS: &str =
    "Groups whose commits of this topic passed these proxies, the furthest behind first.";
pub(super) const BEHIND: &str = "The lag through the rate at which records are written: how long the group would need to \
    wait until it is where the topic is now. It says nothing about how fast the group reads, and has no number while \
    nothing is written. Too long where some writers do not pass these proxies.";
const ERROR_TABLE: &str = "Error codes in answers about this topic, one for each place where one stands; harmless ones \
    too.";
const PRODUCE_TIMES: &str =
    "Produce requests in this range by how long their answer took, as the proxy saw it.";
const AGES: &str = "Batches in this range by how old they were when a consumer fetched them; only those whose producer \
    set the time.";
const CODECS: &str = "Batches by codec. Consumers get batches as producers made them, unless the topic's \
    compression.type says otherwise.";
