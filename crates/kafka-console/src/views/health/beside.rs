//! The programs beside the filter, where they are scraped: kafka-canary, which asks from outside whether the cluster
//! serves, and kafka-gateway, which writes for HTTP clients.

use crate::expr::Expr;
use crate::page::{Cell, Column, Panel, Sort, TablePanel, Tone, Unit};
use crate::views::View;
use crate::views::series::Series;
use crate::views::sheet::{Answers, Ask, Sheet};
use crate::views::table::{Table, heading, toned};

/// Numbers of both.
pub(super) struct Asks {
    canary: Vec<Fact>,
    gateway: Vec<Fact>,
    failures: Ask,
    refusals: Ask,
}

/// A number, and what it is.
struct Fact {
    name: &'static str,
    ask: Ask,
    unit: Unit,
    help: &'static str,
    tone: fn(f64) -> Tone,
}

impl Asks {
    pub(super) fn new(sheet: &mut Sheet, view: &View<'_>) -> Self {
        Self {
            canary: canary(sheet, view),
            gateway: gateway(sheet, view),
            failures: sheet.ask(
                Series::of("kafka_canary_records_produce_failed_total").by(REASON).increase(),
                view.asked.range(),
            ),
            refusals: sheet.ask(
                Series::of("kafka_gateway_refusals_total").by(REASON).increase(),
                view.asked.range(),
            ),
        }
    }

    pub(super) fn panels(&self, answers: &Answers) -> Vec<Panel> {
        let mut panels =
            vec![facts("canary", "kafka-canary", CANARY, NO_CANARY, &self.canary, answers)];
        if is_seen(&self.canary, answers) {
            panels.push(reasons(
                "canary_failures",
                "Probes that were not written",
                &self.failures,
                answers,
            ));
        }
        panels.push(facts("gateway", "kafka-gateway", GATEWAY, NO_GATEWAY, &self.gateway, answers));
        if is_seen(&self.gateway, answers) {
            panels.push(reasons(
                "gateway_refusals",
                "What the gateway refused",
                &self.refusals,
                answers,
            ));
        }
        panels
    }
}

fn is_seen(facts: &[Fact], answers: &Answers) -> bool {
    facts.first().is_some_and(|fact| answers.number(&fact.ask).is_some())
}

fn canary(sheet: &mut Sheet, view: &View<'_>) -> Vec<Fact> {
    let (window, range) = (view.asked.window(), view.asked.range());
    let of = Series::of;
    let mut fact = |name, unit, help, tone, expr: Expr, window| Fact {
        name,
        ask: sheet.ask(expr, window),
        unit,
        help,
        tone,
    };
    vec![
        fact(
            "Canaries that are ready",
            Unit::Count,
            "Which say that the cluster serves them.",
            down,
            of("kafka_canary_ready").sum(),
            window,
        ),
        fact(
            "Brokers probed",
            Unit::Count,
            "By the canary with the most.",
            plain,
            of("kafka_canary_brokers").max(),
            window,
        ),
        fact(
            "Probes written",
            Unit::RecordsPerSecond,
            "Records that were acknowledged.",
            plain,
            of("kafka_canary_records_produced_total").rate(),
            window,
        ),
        fact(
            "Probes not written",
            Unit::Count,
            "In this range: not acknowledged in time, or refused.",
            up,
            of("kafka_canary_records_produce_failed_total").increase(),
            range,
        ),
        fact(
            "Probes lost",
            Unit::Count,
            "In this range: acknowledged, and never to be read. Records of users may be lost too.",
            up,
            of("kafka_canary_records_lost_total").increase(),
            range,
        ),
        fact(
            "Probes late",
            Unit::Count,
            "In this range: acknowledged, and not read in time.",
            up,
            of("kafka_canary_records_late_total").increase(),
            range,
        ),
        fact(
            "Time to write p99",
            Unit::Seconds,
            "From sending a probe to its acknowledgement.",
            plain,
            of("kafka_canary_produce_latency_seconds").quantile(0.99),
            window,
        ),
        fact(
            "End to end p99",
            Unit::Seconds,
            "From sending a probe to reading it.",
            plain,
            of("kafka_canary_end_to_end_latency_seconds").quantile(0.99),
            window,
        ),
    ]
}

fn gateway(sheet: &mut Sheet, view: &View<'_>) -> Vec<Fact> {
    let (window, range) = (view.asked.window(), view.asked.range());
    let of = Series::of;
    let mut fact = |name, unit, help, tone, expr: Expr, window| Fact {
        name,
        ask: sheet.ask(expr, window),
        unit,
        help,
        tone,
    };
    vec![
        fact(
            "Gateways that are ready",
            Unit::Count,
            "Which take records.",
            down,
            of("kafka_gateway_ready").sum(),
            window,
        ),
        fact(
            "Requests",
            Unit::RequestsPerSecond,
            "That were answered.",
            plain,
            of("kafka_gateway_requests_total").rate(),
            window,
        ),
        fact(
            "Records",
            Unit::RecordsPerSecond,
            "That were answered for, refused ones too.",
            plain,
            of("kafka_gateway_records_total").rate(),
            window,
        ),
        fact(
            "Refused",
            Unit::Count,
            "Records in this range that were refused, and requests refused as a whole.",
            up,
            of("kafka_gateway_refusals_total").increase(),
            range,
        ),
        fact(
            "Deliveries that failed",
            Unit::Count,
            "In this range, as librdkafka reported.",
            up,
            of("kafka_gateway_deliveries_failed_total").increase(),
            range,
        ),
        fact(
            "Records lost",
            Unit::Records,
            "In this range: accepted without waiting and without a log, and then refused by Kafka.",
            up,
            of("kafka_gateway_lost_records_total").increase(),
            range,
        ),
        fact(
            "Time of a request p99",
            Unit::Seconds,
            "From its headers to its answer.",
            plain,
            of("kafka_gateway_request_duration_seconds").quantile(0.99),
            window,
        ),
        fact(
            "Waiting in the log",
            Unit::Count,
            "Entries that are not wholly in Kafka.",
            plain,
            of("kafka_gateway_log_entries_waiting").sum(),
            window,
        ),
        fact(
            "Oldest that waits",
            Unit::Seconds,
            "0 when none does; it grows while Kafka is away.",
            plain,
            of("kafka_gateway_log_oldest_entry_age_seconds").max(),
            window,
        ),
        fact(
            "Dead letters",
            Unit::Records,
            "Records that Kafka refused for good, kept in a file.",
            up,
            of("kafka_gateway_log_dead_letter_records").sum(),
            window,
        ),
        fact(
            "Logs that cannot be written",
            Unit::Count,
            "Look at their disks.",
            up,
            of("kafka_gateway_log_failing").sum(),
            window,
        ),
        fact(
            "Certificates that cannot be read",
            Unit::Count,
            "The old one is served until it ends; the log says why.",
            up,
            of("kafka_gateway_certificates_failing").sum(),
            window,
        ),
    ]
}

/// A program as a table of its numbers; one that is not scraped has no rows.
fn facts(
    id: &'static str,
    title: &str,
    help: &str,
    empty: &str,
    facts: &[Fact],
    answers: &Answers,
) -> Panel {
    let column = |key, title, unit, help: &str| Column {
        key,
        title,
        unit,
        help: help.to_owned(),
        promql: None,
        link: None,
    };
    let rows = if is_seen(facts, answers) { rows(facts, answers) } else { Vec::new() };
    Panel::Table(TablePanel {
        id,
        title: title.to_owned(),
        help: help.to_owned(),
        columns: vec![
            column("name", "What", Unit::Text, "Of all instances together."),
            column("value", "Now", Unit::Text, "In words, because each has a unit of its own."),
            column("meaning", "What it means", Unit::Text, "And how it misleads."),
            column("query", "PromQL", Unit::Text, "Gives the number."),
        ],
        rows,
        left_out: 0,
        empty: empty.to_owned(),
        sort: Sort { column: 0, descending: false },
    })
}

fn rows(facts: &[Fact], answers: &Answers) -> Vec<Vec<Cell>> {
    facts
        .iter()
        .map(|fact| {
            let value = match answers.number(&fact.ask) {
                Some(number) => toned(words(number, fact.unit), (fact.tone)(number)),
                // A counter that was never counted up has no series.
                None if matches!(fact.unit, Unit::Count | Unit::Records) => {
                    Cell::Text("0".to_owned())
                }
                None => Cell::None,
            };
            vec![
                Cell::Text(fact.name.to_owned()),
                value,
                Cell::Text(fact.help.to_owned()),
                Cell::Text(fact.ask.promql()),
            ]
        })
        .collect()
}

fn reasons(id: &'static str, title: &str, ask: &Ask, answers: &Answers) -> Panel {
    Table::new(id, title, "In this range, by reason.")
        .label("reason", "Reason", None, "The program's word for it.")
        .measure(heading("in_range", "In this range", Unit::Count, "How many."), ask)
        .sorted("in_range", &[])
        .empty("None.")
        .panel(answers)
}

fn words(number: f64, unit: Unit) -> String {
    match unit {
        Unit::Seconds if number < 1.0 => format!("{:.1} ms", number * 1_000.0),
        Unit::Seconds => format!("{number:.1} s"),
        Unit::RecordsPerSecond | Unit::RequestsPerSecond => format!("{number:.1}/s"),
        _ => format!("{number:.0}"),
    }
}

fn plain(_: f64) -> Tone {
    Tone::Plain
}

/// Anything is bad.
fn up(number: f64) -> Tone {
    if number > 0.0 { Tone::Error } else { Tone::Good }
}

/// Nothing is bad.
fn down(number: f64) -> Tone {
    if number > 0.0 { Tone::Good } else { Tone::Error }
}

const REASON: &[&str] = &["reason"];

const CANARY: &str = "A probe that writes and reads records of its own: it tells whether users would be served, also while \
    nobody writes.";
const NO_CANARY: &str = "No kafka-canary is scraped. To see it here, add its address and /metrics to the targets; \
    docs/canary.md says what it does.";
const GATEWAY: &str = "Writes to Kafka for clients that speak HTTP.";
const NO_GATEWAY: &str = "No kafka-gateway is scraped. To see it here, add its address and /metrics to the targets; \
    docs/gateway.md says what it does.";
