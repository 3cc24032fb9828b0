//! The programs beside the filter, where they are scraped: kafka-canary, which asks from outside whether the cluster
//! serves, and kafka-gateway, which writes for HTTP clients.

use crate::expr::Expr;
use crate::expr::catalog::names;
use crate::page::{Cell, Column, Panel, Sort, TablePanel, Tone, Unit};
use crate::views::View;
use crate::views::series::Series;
use crate::views::sheet::{Answers, Ask, Sheet};
use crate::views::table::{Table, heading};

/// Numbers of both.
pub(super) struct Asks {
    canary: Facts,
    gateway: Facts,
    failures: Ask,
    refusals: Ask,
}

/// The numbers of a program.
struct Facts {
    /// How many of it there are.
    instances: Ask,
    facts: Vec<Fact>,
}

/// A number, and what it is.
struct Fact {
    name: &'static str,
    ask: Ask,
    unit: Unit,
    help: &'static str,
    tone: Judge,
}

/// Of a number, and how many instances there are.
type Judge = fn(f64, Option<f64>) -> Tone;

/// A number that is to be asked for.
type Told = (&'static str, Unit, &'static str, Judge, Expr);

impl Asks {
    pub(super) fn new(sheet: &mut Sheet, view: &View<'_>) -> Self {
        Self {
            canary: Facts::new(sheet, view, names::CANARY_BUILD_INFO, canary()),
            gateway: Facts::new(sheet, view, names::GATEWAY_BUILD_INFO, gateway()),
            failures: sheet.ask(
                Series::of(names::CANARY_RECORDS_PRODUCE_FAILED).by(REASON).increase(),
                view.asked.range(),
            ),
            refusals: sheet
                .ask(Series::of(names::GATEWAY_REFUSALS).by(REASON).increase(), view.asked.range()),
        }
    }

    pub(super) fn panels(&self, answers: &Answers) -> Vec<Panel> {
        let mut panels =
            vec![self.canary.panel(("canary", "kafka-canary"), CANARY, NO_CANARY, answers)];
        if self.canary.is_seen(answers) {
            panels.push(reasons(
                "canary_failures",
                "Probes that were not written",
                &self.failures,
                answers,
            ));
        }
        panels.push(self.gateway.panel(("gateway", "kafka-gateway"), GATEWAY, NO_GATEWAY, answers));
        if self.gateway.is_seen(answers) {
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

impl Facts {
    fn new(sheet: &mut Sheet, view: &View<'_>, build: &'static str, told: Vec<Told>) -> Self {
        let (window, range) = (view.asked.window(), view.asked.range());
        let facts = told.into_iter().map(|(name, unit, help, tone, expr)| {
            let over = if matches!(expr, Expr::Increase(_)) { range } else { window };
            Fact { name, ask: sheet.ask(expr, over), unit, help, tone }
        });
        let facts = facts.collect();
        // Each shows a 1.
        Self { instances: sheet.ask(Series::of(build).sum(), window), facts }
    }

    fn is_seen(&self, answers: &Answers) -> bool {
        self.facts.first().is_some_and(|fact| answers.number(&fact.ask).is_some())
    }

    /// A program as a table of its numbers; one that is not scraped has no rows.
    fn panel(
        &self,
        (id, title): (&'static str, &str),
        help: &str,
        empty: &str,
        answers: &Answers,
    ) -> Panel {
        let column = |key, title, help: &str| Column {
            key,
            title,
            unit: Unit::Text,
            help: help.to_owned(),
            promql: None,
            link: None,
        };
        let rows = if self.is_seen(answers) { self.rows(answers) } else { Vec::new() };
        Panel::Table(TablePanel {
            id,
            title: title.to_owned(),
            help: help.to_owned(),
            columns: vec![
                column("name", "What", "Of all instances together."),
                column("value", "Value", VALUE),
                column("meaning", "What it means", "And how it misleads."),
            ],
            rows,
            left_out: 0,
            empty: empty.to_owned(),
            sort: Sort { column: 0, descending: false },
        })
    }

    fn rows(&self, answers: &Answers) -> Vec<Vec<Cell>> {
        let instances = answers.number(&self.instances);
        let row = |fact: &Fact| {
            // A counter that was never counted up has no series. A gauge without one is not known.
            let counts = matches!(fact.ask.expr, Expr::Increase(_) | Expr::Rate(_));
            let value = answers.number(&fact.ask).or(counts.then_some(0.0));
            let measured = Cell::Measured {
                value,
                unit: fact.unit,
                promql: fact.ask.promql(),
                tone: value.map_or(Tone::Plain, |number| (fact.tone)(number, instances)),
            };
            vec![Cell::Text(fact.name.to_owned()), measured, Cell::Text(fact.help.to_owned())]
        };
        self.facts.iter().map(row).collect()
    }
}

fn canary() -> Vec<Told> {
    let of = Series::of;
    vec![
        (
            "Canaries that are ready",
            Unit::Count,
            "Which say that the cluster serves them.",
            ready,
            of(names::CANARY_READY).sum(),
        ),
        (
            "Canaries",
            Unit::Count,
            "Which are scraped, ready or not.",
            plain,
            of(names::CANARY_BUILD_INFO).sum(),
        ),
        (
            "Brokers probed",
            Unit::Count,
            "By the canary with the most.",
            plain,
            of(names::CANARY_BROKERS).max(),
        ),
        (
            "Probes written",
            Unit::RecordsPerSecond,
            "Records that were acknowledged.",
            plain,
            of(names::CANARY_RECORDS_PRODUCED).rate(),
        ),
        (
            "Probes not written",
            Unit::Count,
            "In this range: not acknowledged in time, or refused.",
            up,
            of(names::CANARY_RECORDS_PRODUCE_FAILED).increase(),
        ),
        (
            "Probes lost",
            Unit::Count,
            "In this range: acknowledged, and never to be read. Records of users may be lost too.",
            up,
            of(names::CANARY_RECORDS_LOST).increase(),
        ),
        (
            "Probes late",
            Unit::Count,
            "In this range: acknowledged, and not read in time.",
            up,
            of(names::CANARY_RECORDS_LATE).increase(),
        ),
        (
            "Time to write p99",
            Unit::Seconds,
            "From sending a probe to its acknowledgement.",
            plain,
            of(names::CANARY_PRODUCE_LATENCY_SECONDS).quantile(0.99),
        ),
        (
            "End to end p99",
            Unit::Seconds,
            "From sending a probe to reading it.",
            plain,
            of(names::CANARY_END_TO_END_LATENCY_SECONDS).quantile(0.99),
        ),
    ]
}

fn gateway() -> Vec<Told> {
    let of = Series::of;
    vec![
        (
            "Gateways that are ready",
            Unit::Count,
            "Which take records.",
            ready,
            of(names::GATEWAY_READY).sum(),
        ),
        (
            "Gateways",
            Unit::Count,
            "Which are scraped, ready or not.",
            plain,
            of(names::GATEWAY_BUILD_INFO).sum(),
        ),
        (
            "Requests",
            Unit::RequestsPerSecond,
            "That were answered.",
            plain,
            of(names::GATEWAY_REQUESTS).rate(),
        ),
        (
            "Records",
            Unit::RecordsPerSecond,
            "That were answered for, refused ones too.",
            plain,
            of(names::GATEWAY_RECORDS).rate(),
        ),
        (
            "Refused",
            Unit::Count,
            "Records in this range that were refused, and requests refused as a whole.",
            up,
            of(names::GATEWAY_REFUSALS).increase(),
        ),
        (
            "Deliveries that failed",
            Unit::Count,
            "In this range, as librdkafka reported.",
            up,
            of(names::GATEWAY_DELIVERIES_FAILED).increase(),
        ),
        (
            "Records lost",
            Unit::Records,
            "In this range: accepted without waiting and without a log, and then refused by Kafka.",
            up,
            of(names::GATEWAY_LOST_RECORDS).increase(),
        ),
        (
            "Time of a request p99",
            Unit::Seconds,
            "From its headers to its answer.",
            plain,
            of(names::GATEWAY_REQUEST_DURATION_SECONDS).quantile(0.99),
        ),
        (
            "Waiting in the log",
            Unit::Count,
            "Entries that are not wholly in Kafka.",
            plain,
            of(names::GATEWAY_LOG_ENTRIES_WAITING).sum(),
        ),
        (
            "Oldest that waits",
            Unit::Seconds,
            "0 when none does; it grows while Kafka is away.",
            plain,
            of(names::GATEWAY_LOG_OLDEST_ENTRY_AGE_SECONDS).max(),
        ),
        (
            "Dead letters",
            Unit::Records,
            "Records that Kafka refused for good, kept in a file.",
            up,
            of(names::GATEWAY_LOG_DEAD_LETTER_RECORDS).sum(),
        ),
        (
            "Logs that cannot be written",
            Unit::Count,
            "Look at their disks.",
            up,
            of(names::GATEWAY_LOG_FAILING).sum(),
        ),
        (
            "Certificates that cannot be read",
            Unit::Count,
            "The old one is served until it ends; the log says why.",
            up,
            of(names::GATEWAY_CERTIFICATES_FAILING).sum(),
        ),
    ]
}

fn reasons(id: &'static str, title: &str, ask: &Ask, answers: &Answers) -> Panel {
    Table::new(id, title, "In this range, by reason.")
        .label("reason", "Reason", None, "The program's word for it.")
        .measure(heading("in_range", "In this range", Unit::Count, "How many."), ask)
        .sorted("in_range", &[])
        .empty("None.")
        .panel(answers)
}

fn plain(_: f64, _: Option<f64>) -> Tone {
    Tone::Plain
}

/// Anything is bad.
fn up(number: f64, _: Option<f64>) -> Tone {
    if number > 0.0 { Tone::Error } else { Tone::Good }
}

/// All of them are good, some are not.
fn ready(number: f64, instances: Option<f64>) -> Tone {
    match instances {
        _ if number <= 0.0 => Tone::Error,
        Some(instances) if number < instances => Tone::Warning,
        _ => Tone::Good,
    }
}

const REASON: &[&str] = &["reason"];

const VALUE: &str = "What is in this range says so; rates and times are over the window, the others as they are now. Each \
    has a query of its own.";

const CANARY: &str = "A probe that writes and reads records of its own: it tells whether users would be served, also while \
    nobody writes.";
const NO_CANARY: &str = "No kafka-canary is scraped. To see it here, add its address and /metrics to the targets; \
    docs/canary.md says what it does.";
const GATEWAY: &str = "Writes to Kafka for clients that speak HTTP.";
const NO_GATEWAY: &str = "No kafka-gateway is scraped. To see it here, add its address and /metrics to the targets; \
    docs/gateway.md says what it does.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_three_that_is_ready_does_not_look_good() {
        assert_eq!(ready(3.0, Some(3.0)), Tone::Good);
        assert_eq!(ready(1.0, Some(3.0)), Tone::Warning);
        assert_eq!(ready(0.0, Some(3.0)), Tone::Error);
        assert_eq!(ready(1.0, None), Tone::Good);
    }
}
