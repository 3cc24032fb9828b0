//! Requests: which APIs in which versions, how long they take, what they are answered with, who is told to wait.

use std::collections::{BTreeMap, BTreeSet};

use super::bars::Bars;
use super::curves::{Curves, single, stacked};
use super::series::{Series, only, ratio, scale};
use super::sheet::{Answers, Ask, Sheet, TileExt as _};
use super::table::{Heading, Table, heading};
use super::{Made, Parts, View, counted, error_table};
use crate::expr::Matcher;
use crate::expr::catalog::names;
use crate::page::{HeatPanel, Panel, Tile, Unit};
use crate::source::SourceError;

struct Asks {
    tiles: Tiles,
    apis: Apis,
    versions: Ask,
    spoken: Ask,
    errors: Ask,
    errors_in_range: Ask,
    request_rank: Ask,
    error_rank: Ask,
    throttled_rank: Ask,
}

struct Tiles {
    requests: Ask,
    responses: Ask,
    produce_p99: Ask,
    metadata_p99: Ask,
    errors: Ask,
    throttled: Ask,
    in_flight: Ask,
    in_flight_bytes: Ask,
    unacknowledged: Ask,
    evicted: Ask,
}

/// Numbers of each API.
struct Apis {
    requests: Ask,
    p50: Ask,
    p99: Ask,
    errors: Ask,
    throttled: Ask,
    throttle_time: Ask,
    in_flight_bytes: Ask,
    request_bytes: Ask,
    response_bytes: Ask,
}

pub(super) async fn make(view: &View<'_>) -> Made {
    let mut sheet = Sheet::default();
    let asks = Asks::new(&mut sheet, view);
    let of = |request| view.series(names::REQUEST_DURATION_MICROSECONDS).is("request", request);
    let produce =
        Bars::new(&mut sheet, view, "produce_times", "Produce latency", TIMES, &of("Produce"));
    let fetch = Bars::new(
        &mut sheet,
        view,
        "fetch_times",
        "Fetch latency",
        FETCH_TIMES,
        &of("FetchConsumer"),
    );
    let answers = sheet.answer(view.source).await?;
    let mut panels = vec![
        asks.heat(view, &answers),
        asks.apis.table(view, &answers),
        asks.errors_table(view, &answers),
    ];
    panels.extend(lines(view, &answers, &asks).await?);
    panels.push(produce.panel(&answers));
    panels.push(fetch.panel(&answers));
    Ok(Parts { tiles: asks.tiles.tiles(&answers), panels, ..Parts::default() })
}

/// Error codes but those that healthy clusters have, and those to ApiVersions.
pub(super) fn troubling(view: &View<'_>) -> Series {
    view.series(names::RESPONSE_ERRORS).with(Matcher::is_not("request", "ApiVersions")).troubling()
}

impl Asks {
    fn new(sheet: &mut Sheet, view: &View<'_>) -> Self {
        let (window, range) = (view.asked.window(), view.asked.range());
        let of = |metric, by| view.series(metric).by(by);
        let error: &[&str] = &["request", "error"];
        Self {
            tiles: Tiles::new(sheet, view),
            apis: Apis::new(sheet, view),
            versions: sheet.ask(of(names::REQUESTS, VERSION).rate(), window),
            spoken: sheet.ask(of(names::REQUESTS, VERSION).increase(), range),
            errors: sheet.ask(of(names::RESPONSE_ERRORS, error).rate(), window),
            errors_in_range: sheet.ask(of(names::RESPONSE_ERRORS, error).increase(), range),
            request_rank: sheet.ask(of(names::REQUESTS, REQUEST).increase(), range),
            error_rank: sheet.ask(of(names::RESPONSE_ERRORS, &["error"]).increase(), range),
            throttled_rank: sheet.ask(of(names::THROTTLED_RESPONSES, REQUEST).increase(), range),
        }
    }

    /// Which versions are spoken: rows are APIs by how much they are used, columns versions.
    fn heat(&self, view: &View<'_>, answers: &Answers) -> Panel {
        let mut rates: BTreeMap<(&str, &str), f64> = BTreeMap::new();
        let mut totals: BTreeMap<&str, f64> = BTreeMap::new();
        let mut versions: BTreeSet<(u32, &str)> = BTreeSet::new();
        for (request, version, rate) in answers.by_pair(&self.versions) {
            if !view.asked.finds(request) {
                continue;
            }
            rates.insert((request, version), rate);
            *totals.entry(request).or_default() += rate;
            versions.insert((version.parse().unwrap_or(u32::MAX), version));
        }
        let refused: BTreeSet<(&str, &str)> = answers
            .by_pair(&self.spoken)
            .filter(|(request, version, requests)| {
                *requests > 0.0 && counted::is_refused(request, version)
            })
            .map(|(request, version, _)| (request, version))
            .collect();
        let mut rows: Vec<&str> = totals.keys().copied().collect();
        rows.sort_by(|left, right| {
            let rate = |name: &str| totals.get(name).copied().unwrap_or_default();
            rate(right).total_cmp(&rate(left)).then(left.cmp(right))
        });
        Panel::Heat(HeatPanel {
            id: "versions",
            title: "Versions".to_owned(),
            help: HEAT.to_owned(),
            unit: Unit::RequestsPerSecond,
            promql: self.versions.promql(),
            cell_promql: self.cell_promql(),
            row_title: "request".to_owned(),
            column_title: "version".to_owned(),
            values: each(&rows, &versions, |cell| rates.get(&cell).copied()),
            marked: each(&rows, &versions, |cell| refused.contains(&cell)),
            rows: rows.iter().map(|&row| row.to_owned()).collect(),
            columns: versions.iter().map(|(_, version)| (*version).to_owned()).collect(),
        })
    }

    /// One version of one API.
    fn cell_promql(&self) -> String {
        let row = only(&self.versions.expr, "request", &"$row".into());
        only(&row, "api_version", &"$column".into()).promql(self.versions.window)
    }

    fn errors_table(&self, view: &View<'_>, answers: &Answers) -> Panel {
        let (now, in_range) = (&self.errors, &self.errors_in_range);
        let empty = "No answer has had an error code.";
        error_table::table(view, (ERROR_TABLE, empty), now, in_range, answers)
    }
}

/// By row, then by column.
fn each<T>(
    rows: &[&str],
    versions: &BTreeSet<(u32, &str)>,
    cell: impl Fn((&str, &str)) -> T,
) -> Vec<Vec<T>> {
    let row = |&row: &&str| versions.iter().map(|(_, version)| cell((row, version))).collect();
    rows.iter().map(row).collect()
}

impl Tiles {
    fn new(sheet: &mut Sheet, view: &View<'_>) -> Self {
        let (window, range) = (view.asked.window(), view.asked.range());
        let of = |metric| view.series(metric);
        let p99 = |request| {
            of(names::REQUEST_DURATION_MICROSECONDS).is("request", request).quantile(0.99)
        };
        let responses = || of(names::RESPONSES).rate();
        Self {
            requests: sheet.ask(of(names::REQUESTS).rate(), window),
            responses: sheet.ask(responses(), window),
            produce_p99: sheet.ask(p99("Produce"), window),
            metadata_p99: sheet.ask(p99("Metadata"), window),
            errors: sheet.ask(ratio(troubling(view).rate(), responses()), window),
            throttled: sheet.ask(ratio(of(names::THROTTLED_RESPONSES).rate(), responses()), window),
            in_flight: sheet.ask(of(names::REQUESTS_IN_FLIGHT).sum(), window),
            in_flight_bytes: sheet.ask(of(names::IN_FLIGHT_REQUEST_BYTES).sum(), window),
            unacknowledged: sheet.ask(of(names::UNACKNOWLEDGED_REQUESTS).rate(), window),
            evicted: sheet.ask(of(names::IN_FLIGHT_EVICTED).increase(), range),
        }
    }

    fn tiles(&self, answers: &Answers) -> Vec<Tile> {
        let known = answers.number(&self.requests).is_some();
        // No errors of no responses is no good news.
        let answered = answers.number(&self.responses).is_some_and(|rate| rate > 0.0);
        let tile = |title: &str, unit, ask, help: &str| answers.tile(title, unit, ask, help);
        vec![
            tile("Requests", Unit::RequestsPerSecond, &self.requests, REQUESTS_HELP),
            tile("Produce p99", Unit::Seconds, &self.produce_p99, PRODUCE_P99),
            tile("Metadata p99", Unit::Seconds, &self.metadata_p99, METADATA_P99),
            tile("Errors by responses", Unit::Share, &self.errors, ERROR_SHARE)
                .or_zero(answered)
                .bad_from(0.001, 0.05),
            tile("Throttled", Unit::Share, &self.throttled, THROTTLED_SHARE)
                .or_zero(answered)
                .bad_from(0.001, 0.05),
            tile("In flight", Unit::Count, &self.in_flight, IN_FLIGHT),
            tile("Bytes in flight", Unit::Bytes, &self.in_flight_bytes, IN_FLIGHT_BYTES_HELP),
            tile("acks=0", Unit::RequestsPerSecond, &self.unacknowledged, UNACKNOWLEDGED)
                .or_zero(known),
            tile("Not awaited", Unit::Count, &self.evicted, EVICTED).or_zero(known),
        ]
    }
}

impl Apis {
    fn new(sheet: &mut Sheet, view: &View<'_>) -> Self {
        let window = view.asked.window();
        let of = |metric| view.series(metric).by(REQUEST);
        let mut ask = |expr| sheet.ask(expr, window);
        Self {
            requests: ask(of(names::REQUESTS).rate()),
            p50: ask(of(names::REQUEST_DURATION_MICROSECONDS).quantile(0.5)),
            p99: ask(of(names::REQUEST_DURATION_MICROSECONDS).quantile(0.99)),
            errors: ask(troubling(view).by(REQUEST).rate()),
            throttled: ask(ratio(
                of(names::THROTTLED_RESPONSES).rate(),
                of(names::RESPONSES).rate(),
            )),
            throttle_time: ask(scale(
                0.001,
                ratio(
                    of(names::THROTTLE_TIME_MILLISECONDS).rate(),
                    of(names::THROTTLED_RESPONSES).rate(),
                ),
            )),
            in_flight_bytes: ask(of(names::IN_FLIGHT_REQUEST_BYTES).sum()),
            request_bytes: ask(of(names::REQUEST_BYTES).rate()),
            response_bytes: ask(of(names::RESPONSE_BYTES).rate()),
        }
    }

    fn table(&self, view: &View<'_>, answers: &Answers) -> Panel {
        Table::new("apis", "APIs", APIS)
            .label("request", "Request", None, "The API by the name that brokers use.")
            .measure(H_REQUESTS, &self.requests)
            .measure(H_P50, &self.p50)
            .measure(H_P99, &self.p99)
            .measure(H_ERRORS, &self.errors)
            .measure(H_THROTTLED, &self.throttled)
            .measure(H_THROTTLE_TIME, &self.throttle_time)
            .measure(H_IN_FLIGHT, &self.in_flight_bytes)
            .measure(H_REQUEST_BYTES, &self.request_bytes)
            .measure(H_RESPONSE_BYTES, &self.response_bytes)
            .sorted("requests", &["p99"])
            .searched(view)
            .empty("No request has been seen: is there traffic, and does it pass these proxies?")
            .panel(answers)
    }
}

async fn lines(view: &View<'_>, answers: &Answers, asks: &Asks) -> Result<Vec<Panel>, SourceError> {
    let mut curves = Curves::new(view);
    let of = |metric| view.series(metric);
    curves.greatest(
        stacked("requests", "Requests by API", Unit::RequestsPerSecond, REQUESTS_HELP),
        answers,
        &asks.request_rank,
        ("request", of(names::REQUESTS).by(REQUEST).rate()),
        Some(of(names::REQUESTS).rate()),
    );
    let quantile =
        |request, q| of(names::REQUEST_DURATION_MICROSECONDS).is("request", request).quantile(q);
    curves.named(
        single("produce", "Produce latency", Unit::Seconds, TIMES),
        vec![("p50", quantile("Produce", 0.5)), ("p99", quantile("Produce", 0.99))],
    );
    curves.named(
        single("fetch", "Fetch latency", Unit::Seconds, FETCH_TIMES),
        vec![("p50", quantile("FetchConsumer", 0.5)), ("p99", quantile("FetchConsumer", 0.99))],
    );
    curves.greatest(
        single("error_lines", "Errors by name", Unit::ErrorsPerSecond, ERROR_TABLE),
        answers,
        &asks.error_rank,
        ("error", of(names::RESPONSE_ERRORS).by(&["error"]).rate()),
        None,
    );
    curves.greatest(
        stacked("throttled", "Throttled answers by API", Unit::RequestsPerSecond, THROTTLED_SHARE),
        answers,
        &asks.throttled_rank,
        ("request", of(names::THROTTLED_RESPONSES).by(REQUEST).rate()),
        Some(of(names::THROTTLED_RESPONSES).rate()),
    );
    curves.named(
        single("in_flight", "Bytes in flight", Unit::Bytes, IN_FLIGHT_BYTES_HELP),
        vec![("all APIs", of(names::IN_FLIGHT_REQUEST_BYTES).sum())],
    );
    curves.panels().await
}

const REQUEST: &[&str] = &["request"];
const VERSION: &[&str] = &["request", "api_version"];

const HEAT: &str = "Requests a second by API and version. A cell with a mark is a version that brokers of Kafka 4 refuse \
    and that was spoken in this range: Kafka 4 readiness says by whom.";
const APIS: &str = "Each API over the window, by how often it is asked.";
const TIMES: &str = "From the last byte of a request to the last byte of its answer, as the proxy saw it: the broker, \
    and the network between proxy and broker. Throttled clients wait on purpose.";
const FETCH_TIMES: &str = "A fetch waits for data by design (fetch.max.wait.ms), so this is mostly waiting: half a \
    second on quiet topics is no fault.";
const REQUESTS_HELP: &str = "Requests whose header was decoded, also those of an API or version that the filter does not \
    know.";
const PRODUCE_P99: &str = "99 of 100 Produce requests were answered within this time. With acks=all it has the wait for \
    followers in it, and throttling.";
const METADATA_P99: &str = "Metadata is answered from memory: when it is slow, the broker itself is, or the network to \
    it. When only Produce is slow, look at disks and followers.";
pub(super) const ERROR_SHARE: &str = "Error codes by responses, without those that healthy clusters have and without ApiVersions. A \
    response may have several codes, so many partitions that are refused at once make more than 100 %.";
const THROTTLED_SHARE: &str = "Responses that told their client to wait, because a quota is used up. Answers do not say \
    whose quota; the busiest clients are the suspects.";
const IN_FLIGHT: &str = "Requests that await their answer now. Fetches wait by design, so a few for each consumer are \
    normal.";
const IN_FLIGHT_BYTES_HELP: &str = "Bytes of requests that await their answer. They grow before anything fails: more is \
    written than the brokers take in.";
const UNACKNOWLEDGED: &str = "Produce requests that ask for no answer (acks=0): whether they were written is known to \
    nobody.";
const EVICTED: &str = "Requests in this range whose answer was not awaited: a few whenever a connection ends, many when a \
    client has more under way than limits.in_flight_max.";
const ERROR_TABLE: &str = "All error codes in answers, one for each place where one stands: an answer that refuses three \
    partitions counts three.";

const H_REQUESTS: Heading =
    heading("requests", "Requests", Unit::RequestsPerSecond, "Requests whose header was decoded.");
const H_P50: Heading = heading("p50", "p50", Unit::Seconds, "Half were answered within this time.");
const H_P99: Heading = heading(
    "p99",
    "p99",
    Unit::Seconds,
    "99 of 100 were answered within this time. Fetch waits by design.",
);
const H_ERRORS: Heading = heading(
    "errors",
    "Errors",
    Unit::ErrorsPerSecond,
    "Error codes, without those that healthy clusters have and without ApiVersions.",
);
const H_THROTTLED: Heading = heading("throttled", "Throttled", Unit::Share, THROTTLED_SHARE);
const H_THROTTLE_TIME: Heading = heading(
    "throttle_time",
    "Told to wait",
    Unit::Seconds,
    "What throttled clients were told to wait, on average; not what they waited.",
);
const H_IN_FLIGHT: Heading =
    heading("in_flight_bytes", "Bytes in flight", Unit::Bytes, IN_FLIGHT_BYTES_HELP);
const H_REQUEST_BYTES: Heading = heading(
    "request_bytes",
    "Bytes of requests",
    Unit::BytesPerSecond,
    "Whole requests, size field included.",
);
const H_RESPONSE_BYTES: Heading = heading(
    "response_bytes",
    "Bytes of responses",
    Unit::BytesPerSecond,
    "Whole responses, size field included.",
);
