//! Prints what each group of metrics costs for each exchange, as a Markdown table: wasm operations
//! and calls to the host, which are the same in every run and on every machine.
//!
//! ```text
//! cargo run -p kafka-filter-wasm-tests --bin group-costs
//! ```
//!
//! Two figures bound a group's cost. Alone over what is always on, it pays for all that it needs,
//! also for what it shares with others; left out of everything, only what nobody else needs is
//! saved. Operations are not time: a call to the host costs as much as a hundred and more.

mod exchanges;

use exchanges::{Exchange, TOPICS};
use kafka_filter_wasm_tests::scenario::{self, LONG, WHOLE, Way};
use kafka_filter_wasm_tests::{Calls, Envoy, Goodbye, Root, Stream, Worker, kafka};

/// The switches of the configuration; the last one is no group of `metrics`.
const SWITCHES: [&str; 9] = [
    "topics",
    "topic_duration",
    "end_to_end_latency",
    "clients",
    "software",
    "deprecated",
    "groups",
    "lag",
    "access_log",
];

/// What one of many equal exchanges cost.
#[derive(Clone, Copy)]
struct Cost {
    operations: f64,
    calls: f64,
}

fn main() {
    let exchanges = exchanges::all();
    let base = costs(&exchanges, &configuration(|_| false));
    let full = costs(&exchanges, "");
    println!("Alone over base only:\n");
    print_head(&exchanges);
    print_row("base only", &base, None);
    for switch in SWITCHES {
        let alone = costs(&exchanges, &configuration(|other| other == switch));
        print_row(&format!("`{switch}`"), &alone, Some(&base));
    }
    print_row("everything", &full, Some(&base));
    println!("\nSaved where it alone is left out of everything:\n");
    print_head(&exchanges);
    print_row("everything", &full, None);
    for switch in SWITCHES {
        let without = costs(&exchanges, &configuration(|other| other != switch));
        print_row(&format!("`{switch}`"), &without, Some(&full));
    }
}

fn configuration(is_on: impl Fn(&str) -> bool) -> String {
    let (access_log, groups) = SWITCHES.split_last().expect("switches");
    let groups: Vec<String> =
        groups.iter().map(|group| format!("\"{group}\":{}", is_on(group))).collect();
    format!("{{\"metrics\":{{{}}},\"access_log\":{}}}", groups.join(","), is_on(access_log))
}

fn print_head(exchanges: &[Exchange]) {
    let titles: Vec<&str> = exchanges.iter().map(|exchange| exchange.title).collect();
    println!("| | {} | {CONNECTION} | {TICK} |", titles.join(" | "));
    println!("| --- |{}", " ---: |".repeat(titles.len() + 2));
}

fn print_row(what: &str, costs: &[Cost], base: Option<&[Cost]>) {
    let cells = costs.iter().enumerate().map(|(place, cost)| {
        let other = base.and_then(|base| base.get(place)).copied();
        other.map_or_else(
            || format!("{:.0} ({:.0})", cost.operations, cost.calls),
            |other| {
                let operations = rounded(cost.operations - other.operations);
                format!("{operations:+} ({:+})", rounded(cost.calls - other.calls))
            },
        )
    });
    println!("| {what} | {} |", cells.collect::<Vec<_>>().join(" | "));
}

/// Without a sign before a zero.
fn rounded(value: f64) -> f64 {
    value.round() + 0.0
}

/// What each exchange costs under a configuration, then a connection, then a tick.
fn costs(exchanges: &[Exchange], configuration: &str) -> Vec<Cost> {
    let mut bench = Bench::new(configuration);
    let mut found: Vec<Cost> = exchanges.iter().map(|exchange| bench.exchange(exchange)).collect();
    found.push(bench.connection());
    found.push(bench.tick());
    found
}

/// A worker with one connection on which all that is measured has happened before.
struct Bench {
    envoy: Envoy,
    worker: Worker,
    root: Root,
    stream: Stream,
}

impl Bench {
    fn new(configuration: &str) -> Self {
        let envoy = Envoy::new();
        let mut worker = envoy.worker();
        let root = worker.configure("", configuration.as_bytes()).expect("accepted");
        let stream = worker.open(root, 2);
        scenario::play(&envoy, &mut worker, stream, &scenario::orders(), WHOLE);
        let names: Vec<String> = (0..TOPICS).map(exchanges::topic).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        worker.downstream(stream, &kafka::metadata_request(1, &names));
        worker.upstream(stream, &kafka::metadata_response(1, &names));
        Self { envoy, worker, root, stream }
    }

    fn exchange(&mut self, exchange: &Exchange) -> Cost {
        self.measure(|bench| {
            scenario::send(&mut bench.worker, bench.stream, Way::Down, &exchange.request, WHOLE);
            scenario::send(&mut bench.worker, bench.stream, Way::Up, &exchange.response, WHOLE);
        })
    }

    fn connection(&mut self) -> Cost {
        let (request, response) = (kafka::api_versions_request(1), kafka::api_versions_response(1));
        self.measure(|bench| {
            let stream = bench.worker.open(bench.root, 2);
            scenario::send(&mut bench.worker, stream, Way::Down, &request, WHOLE);
            scenario::send(&mut bench.worker, stream, Way::Up, &response, WHOLE);
            bench.worker.close(stream, Goodbye::WithoutUpstream);
        })
    }

    fn tick(&mut self) -> Cost {
        self.measure(|bench| {
            bench.envoy.advance_us(1_000_000);
            bench.worker.rest(1);
        })
    }

    /// The mean of many, after so many that nothing is done for the first time.
    fn measure(&mut self, mut what: impl FnMut(&mut Self)) -> Cost {
        for _ in 0..3 {
            what(self);
        }
        self.worker.rest(LONG);
        self.worker.take_calls();
        let before = self.worker.fuel();
        for _ in 0..TIMES {
            what(self);
        }
        let Calls { by_import, .. } = self.worker.take_calls();
        let mean = |sum: u64| sum as f64 / f64::from(TIMES);
        Cost {
            operations: mean(self.worker.fuel() - before),
            calls: mean(by_import.values().sum()),
        }
    }
}

const CONNECTION: &str = "Connect, ApiVersions, close";
/// What the exchanges before it left: one group with two topics of four partitions.
const TICK: &str = "a second's tick";
const TIMES: u32 = 100;
