//! `kafka-bench`: a raw Kafka load and an in-memory broker, the two ends of a cost measurement.
//!
//! `bench.py` runs it; a run prints one JSON object. Usage: `kafka-bench help`.

mod batch;
mod broker;
mod census;
mod cpu;
mod invent;
mod load;
mod requests;
mod wire;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::str::FromStr;

use load::{Outcome, Target};
use requests::{Kind, Plan};

const USAGE: &str = "\
kafka-bench broker [--port N] [--advertise N] [--partitions N]   serve an in-memory broker until stdin ends
kafka-bench window|fan|connect|rate|hold|answer|census|invent --address HOST:PORT [options]
                                 `rate` takes several addresses, with commas, and prints a list of results
  --kind heartbeat|produce|fetch|commit   what a pair is (produce)
  --client-id ID --group NAME --topic NAME   (kafka-bench, bench-group, bench)
  --topics N                       that a request names, or that `hold` spreads its connections over (1)
  --partitions N                   of each topic, that a request names, or that the broker has (1)
  --batch BYTES --value BYTES      of a Produce request: its batch and each record (100, 1000)
  --fetch BYTES                    most bytes of a Fetch response (1048576)
  --partition-fetch BYTES          most bytes of one partition in it (as --fetch)
  --window N                       requests in flight (1)
  --rate N                         requests a second, for `rate`; connections a second, for `invent` (1000)
  --seconds S --count N            the load ends at whichever comes first (1, no bound); N: no warm-up
  --connections N                  of `fan`, each with one request in flight (64)
  --clients N --groups N           client ids of `fan`, or of `census`, which has groups too (1, 1)
  --pool N                         names of each kind that `invent` uses again and again (100)
  --pid PID                        whose CPU time is taken
  --allow-error CODE               an error code that is no failure";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("kafka-bench: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), String> {
    let Some((command, rest)) = arguments.split_first() else { return Err(USAGE.into()) };
    let options = Options::read(rest)?;
    if command == "broker" {
        let partitions = options.get("partitions", 1)?;
        return broker::serve(options.get("port", 0)?, options.optional("advertise")?, partitions)
            .map_err(|e| e.to_string());
    }
    let addresses = options.addresses()?;
    let target = Target {
        address: addresses[0],
        pid: options.optional("pid")?,
        seconds: options.get("seconds", 1.0)?,
        count: options.optional("count")?,
    };
    let plan = Plan {
        kind: match options.0.get("kind").map_or("produce", String::as_str) {
            "heartbeat" => Kind::Heartbeat,
            "produce" => Kind::Produce,
            "fetch" => Kind::Fetch,
            "commit" => Kind::Commit,
            "metadata" => Kind::Metadata,
            "api-versions" => Kind::ApiVersions,
            other => return Err(format!("unknown kind {other}\n{USAGE}")),
        },
        client_id: options.get("client-id", requests::SOFTWARE.to_owned())?,
        group: options.get("group", "bench-group".to_owned())?,
        topic: options.get("topic", "bench".to_owned())?,
        topics: if command == "hold" { 1 } else { options.get("topics", 1)? },
        partitions: options.get("partitions", 1)?,
        batch: options.get("batch", 100)?,
        value: options.get("value", 1000)?,
        fetch_bytes: options.get("fetch", 1 << 20)?,
        partition_bytes: options.get("partition-fetch", options.get("fetch", 1 << 20)?)?,
        allowed_error: options.get("allow-error", 0)?,
    };
    let outcome = match command.as_str() {
        "window" => load::window(&target, &plan, options.get("window", 1)?),
        "fan" => {
            let clients = options.get("clients", 1)?;
            load::fan(&target, &plan, options.get("connections", 64)?, clients)
        }
        "census" => {
            let (clients, groups) = (options.get("clients", 1)?, options.get("groups", 1)?);
            census::census(&target, &plan, clients, groups)
        }
        "invent" => {
            invent::invent(&target, options.get("rate", 1000.0)?, options.get("pool", 100)?)
        }
        "connect" => load::connect(&target, &plan),
        "rate" => {
            let outcomes = load::rate(&target, &addresses, &plan, options.get("rate", 1000.0)?);
            let outcomes = outcomes.map_err(|e| format!("rate: {e}"))?;
            println!("[{}]", outcomes.into_iter().map(json).collect::<Vec<_>>().join(",\n"));
            return Ok(());
        }
        "hold" => load::hold(&target, &plan, options.get("topics", 1)?),
        "answer" => {
            let bytes = load::answer(&target, &plan).map_err(|e| e.to_string())?;
            println!("{}", bytes.iter().map(|b| format!("{b:02x}")).collect::<String>());
            return Ok(());
        }
        _ => return Err(USAGE.into()),
    };
    println!("{}", json(outcome.map_err(|e| format!("{command} {:?}: {e}", plan.kind))?));
    Ok(())
}

/// `--name value` pairs.
struct Options(HashMap<String, String>);

impl Options {
    fn read(arguments: &[String]) -> Result<Self, String> {
        let mut options = HashMap::new();
        for pair in arguments.chunks(2) {
            match pair {
                [name, value] if name.starts_with("--") && USAGE.contains(name.as_str()) => {
                    options.insert(name.trim_start_matches('-').to_owned(), value.clone());
                }
                _ => return Err(format!("what is {pair:?}?\n{USAGE}")),
            }
        }
        Ok(Self(options))
    }

    /// At least one address.
    fn addresses(&self) -> Result<Vec<SocketAddr>, String> {
        let text = self.0.get("address").ok_or("--address is missing")?;
        let parsed =
            text.split(',').map(|one| one.parse().map_err(|_| format!("no address: {one}")));
        parsed.collect()
    }

    fn get<T: FromStr>(&self, name: &str, default: T) -> Result<T, String> {
        Ok(self.optional(name)?.unwrap_or(default))
    }

    fn optional<T: FromStr>(&self, name: &str) -> Result<Option<T>, String> {
        let parse =
            |text: &String| text.parse().map_err(|_| format!("--{name} cannot be {text:?}"));
        self.0.get(name).map(parse).transpose()
    }
}

fn json(mut outcome: Outcome) -> String {
    let mut text = format!(
        "{{\"pairs\": {}, \"seconds\": {:.6}, \"cpu_ns\": {}, \"sent_bytes\": {}, \"received_bytes\": {}, \
         \"payload_bytes\": {}, \"reads\": {}",
        outcome.pairs,
        outcome.seconds,
        outcome.cpu_ns,
        outcome.sent_bytes,
        outcome.received_bytes,
        outcome.payload_bytes,
        outcome.reads
    );
    let sorted = &mut outcome.latencies_us;
    sorted.sort_by(f64::total_cmp);
    if let Some(last) = sorted.len().checked_sub(1) {
        for (name, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)] {
            let at = (last as f64 * share).round() as usize;
            let _ = write!(text, ", \"{name}_us\": {:.2}", sorted[at.min(last)]);
        }
    }
    text.push('}');
    text
}
