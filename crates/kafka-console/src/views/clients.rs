//! All clients: who writes and reads how much, and which libraries there are.

use super::counted::{Counted, Refused};
use super::curves::{Curves, single, stacked};
use super::series::ratio;
use super::sheet::{Answers, Ask, Sheet, TileExt as _};
use super::table::{Digest, Table, heading};
use super::topics::{READ, WRITTEN, counts};
use super::{Made, Parts, View, readiness};
use crate::expr::catalog::names;
use crate::page::{Cell, Link, Panel, Unit};
use crate::source::SourceError;

struct Asks {
    written_bytes: Ask,
    written_records: Ask,
    read_bytes: Ask,
    read_records: Ask,
    written_topics: Ask,
    read_topics: Ask,
    refused: Ask,
    written_rank: Ask,
    read_rank: Ask,
    connections: Ask,
    told: Ask,
    refused_all: Ask,
    software: Ask,
    software_share: Ask,
    telemetry: Ask,
}

pub(super) async fn make(view: &View<'_>) -> Made {
    let mut sheet = Sheet::default();
    let asks = Asks::new(&mut sheet, view);
    let (counted, refused) = (Counted::ask(&mut sheet, view), Refused::ask(&mut sheet, view));
    let answers = sheet.answer(view.source).await?;
    let known = answers.number(&asks.connections).is_some() && refused.is_counted(&answers);
    let notes = [counted.clients_note(&answers), refused.note(&answers)];
    let tiles = vec![
        answers.tile("Connections open", Unit::Count, &asks.connections, CONNECTIONS),
        answers.tile("Told their library", Unit::Share, &asks.told, TOLD),
        answers
            .tile("Refused by Kafka 4", Unit::Count, &asks.refused_all, REFUSED)
            .or_zero(known)
            .bad_from(1.0, f64::INFINITY),
    ];
    let mut panels = vec![asks.table(view, &answers)];
    panels.extend(lines(view, &answers, &asks).await?);
    panels.push(asks.software_table(view, &answers));
    panels.push(asks.telemetry_table(&answers));
    Ok(Parts { notes: notes.into_iter().flatten().collect(), tiles, panels })
}

impl Asks {
    fn new(sheet: &mut Sheet, view: &View<'_>) -> Self {
        let (window, range) = (view.asked.window(), view.asked.range());
        let of = |metric| view.series(metric).by(CLIENT);
        let software = || view.series(names::CLIENT_SOFTWARE_CONNECTIONS);
        let opened = || view.series(names::CONNECTIONS_OPENED);
        Self {
            written_bytes: sheet.ask(of(names::CLIENT_PRODUCED_BYTES).rate(), window),
            written_records: sheet.ask(of(names::CLIENT_PRODUCED_RECORDS).rate(), window),
            read_bytes: sheet.ask(of(names::CLIENT_FETCHED_BYTES).rate(), window),
            read_records: sheet.ask(of(names::CLIENT_FETCHED_RECORDS).rate(), window),
            written_topics: sheet.ask(
                view.series(names::CLIENT_PRODUCED_BYTES).by(&["client_id", "topic"]).rate(),
                window,
            ),
            read_topics: sheet.ask(
                view.series(names::CLIENT_FETCHED_BYTES).by(&["client_id", "topic"]).rate(),
                window,
            ),
            refused: sheet.ask(of(names::DEPRECATED_REQUESTS).increase(), range),
            written_rank: sheet.ask(of(names::CLIENT_PRODUCED_BYTES).increase(), range),
            read_rank: sheet.ask(of(names::CLIENT_FETCHED_BYTES).increase(), range),
            connections: sheet.ask(view.series(names::CONNECTIONS_ACTIVE).sum(), window),
            told: sheet.ask(ratio(software().increase(), opened().increase()), range),
            refused_all: sheet.ask(view.series(names::DEPRECATED_REQUESTS).increase(), range),
            software: sheet.ask(software().by(&["software", "software_version"]).increase(), range),
            software_share: sheet.ask(
                ratio(
                    software().by(&["software", "software_version"]).increase(),
                    opened().increase(),
                ),
                range,
            ),
            telemetry: sheet.ask(
                view.series(names::CLIENT_TELEMETRY_PUSHES).by(&["software", "compression"]).rate(),
                window,
            ),
        }
    }

    fn table(&self, view: &View<'_>, answers: &Answers) -> Panel {
        let written = counts(answers, &self.written_topics);
        let read = counts(answers, &self.read_topics);
        let number = |found: Option<&f64>| found.map_or(Cell::None, |&value| Cell::Number(value));
        Table::new("clients", "Clients", TABLE)
            .label("client_id", "Client", Some(Link::Client), CLIENT_HELP)
            .measure(
                heading("written_bytes", "Written", Unit::BytesPerSecond, WRITTEN),
                &self.written_bytes,
            )
            .measure(
                heading(
                    "written_records",
                    "Records written",
                    Unit::RecordsPerSecond,
                    "Over the window.",
                ),
                &self.written_records,
            )
            .measure(heading("read_bytes", "Read", Unit::BytesPerSecond, READ), &self.read_bytes)
            .measure(
                heading("read_records", "Records read", Unit::RecordsPerSecond, "Over the window."),
                &self.read_records,
            )
            .asked_cell(
                heading("written_topics", "Topics written", Unit::Count, "Within the window."),
                &self.written_topics,
                Digest::Moving,
                |key| number(key.first().and_then(|client| written.get(&**client))),
            )
            .asked_cell(
                heading("read_topics", "Topics read", Unit::Count, "Within the window."),
                &self.read_topics,
                Digest::Moving,
                |key| number(key.first().and_then(|client| read.get(&**client))),
            )
            .measure(heading("refused", "Refused by Kafka 4", Unit::Count, REFUSED), &self.refused)
            .sorted("written_bytes", &["read_bytes", "refused"])
            .searched(view)
            .empty("No client has written or read anything yet, or the filter counts no clients: metrics.clients may be \
                    off in its configuration (docs/configuration.md).")
            .panel(answers)
    }

    fn software_table(&self, view: &View<'_>, answers: &Answers) -> Panel {
        Table::new("software", "Libraries", SOFTWARE_TABLE)
            .label("software", "Library", None, "What the client says that it is (KIP-511).")
            .label("software_version", "Version", None, "As the client says.")
            .measure(
                heading("connections", "Connections", Unit::Count, "Opened in this range."),
                &self.software,
            )
            .measure(
                heading("share", "Share", Unit::Share, "Of all connections opened in this range."),
                &self.software_share,
            )
            .cell(heading("kafka_4", "With Kafka 4", Unit::Text, VERDICT), |key| match key {
                [software, version, ..] => readiness::verdict(software, version),
                _ => Cell::None,
            })
            .sorted("connections", &[])
            .searched(view)
            .empty("No client has told its library in this range: old ones do not, and connections that are open for \
                    longer have told it before.")
            .panel(answers)
    }

    fn telemetry_table(&self, answers: &Answers) -> Panel {
        Table::new("telemetry", "Client telemetry", TELEMETRY)
            .label("software", "Library", None, "What the client says that it is (KIP-511).")
            .label("compression", "Codec", None, "Of the payload.")
            .measure(
                heading("pushes", "Pushes", Unit::RequestsPerSecond, "PushTelemetry requests."),
                &self.telemetry,
            )
            .sorted("pushes", &[])
            .empty("No client pushes telemetry (KIP-714): brokers ask for it only where a subscription is configured.")
            .panel(answers)
    }
}

async fn lines(view: &View<'_>, answers: &Answers, asks: &Asks) -> Result<Vec<Panel>, SourceError> {
    let mut curves = Curves::new(view);
    curves.greatest(
        stacked("written", "Written by client", Unit::BytesPerSecond, WRITTEN),
        answers,
        &asks.written_rank,
        ("client_id", view.series(names::CLIENT_PRODUCED_BYTES).by(CLIENT).rate()),
        Some(view.series(names::CLIENT_PRODUCED_BYTES).rate()),
    );
    curves.greatest(
        stacked("read", "Read by client", Unit::BytesPerSecond, READ),
        answers,
        &asks.read_rank,
        ("client_id", view.series(names::CLIENT_FETCHED_BYTES).by(CLIENT).rate()),
        Some(view.series(names::CLIENT_FETCHED_BYTES).rate()),
    );
    curves.named(
        single("connections", "Connections open", Unit::Count, CONNECTIONS),
        vec![("open", view.series(names::CONNECTIONS_ACTIVE).sum())],
    );
    curves.panels().await
}

pub(super) const CLIENT: &[&str] = &["client_id"];

const TABLE: &str = "Clients that wrote or read since the proxies started, by bytes written over the window, then read. A \
    client id is what a client calls itself: several may share one. __none__ has none, __other__ are those over the \
    label's cap.";
const CLIENT_HELP: &str = "What the client calls itself.";
const CONNECTIONS: &str = "Connections that are open now, whatever they carry; a client has several, about one to each \
    broker.";
const TOLD: &str = "Of the connections opened in this range, those whose client told its library. Clients from before \
    KIP-511 (2019) never tell, and some newer ones do not either.";
pub(super) const REFUSED: &str =
    "Requests in this range in versions that brokers of Kafka 4 refuse (KIP-896).";
const SOFTWARE_TABLE: &str = "Libraries by connections opened in this range. A library opens a connection to each broker, \
    so this counts connections, not clients; which client id belongs to which library is not known.";
const VERDICT: &str =
    "What the library's own version says; what a client in fact speaks is on Kafka 4 readiness.";
const TELEMETRY: &str = "PushTelemetry requests (KIP-714); what is in them is not read.";
