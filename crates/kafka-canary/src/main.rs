//! The program `kafka-canary`: settings, logs, then [`run`](kafka_canary::run) or [`check`](kafka_canary::check).

use std::io::Write;
use std::process::exit;

use clap::ArgMatches;
use kafka_canary::logs::{Level, Logs};
use kafka_canary::settings::{self, Checked, Given, flags};
use kafka_canary::{check, run};

fn main() {
    // The first to start OpenSSL: it sets no exit handler then, which could free what librdkafka's threads still use.
    openssl::init();
    let matches = flags::command().get_matches();
    let checking = matches.subcommand_matches("check");
    let given =
        Given::new(|variable| flags::value(&matches, variable), |name| std::env::var_os(name));
    let Checked { settings, warnings } = match settings::check(given) {
        Ok(checked) => checked,
        Err(problems) => refuse(&problems.to_string()),
    };
    let level = Level {
        verbosity: settings.operation.verbosity,
        client_log: settings.operation.client_log,
    };
    let logs = match Logs::start(level, settings.operation.json_log, checking.is_some()) {
        Ok(logs) => logs,
        Err(error) => refuse(&error),
    };
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    let status = match runtime {
        Err(error) => refuse(&format!("the runtime cannot be started: {error}")),
        Ok(runtime) => {
            let status = match checking {
                None => ended(&runtime.block_on(run::run(settings, logs))),
                Some(matches) => runtime.block_on(check::run(settings, options(matches))),
            };
            // Clients of unreachable brokers may take long to close: nothing waits for them.
            runtime.shutdown_background();
            status
        }
    };
    exit(i32::from(status));
}

fn options(matches: &ArgMatches) -> check::Options {
    check::Options {
        json: matches.get_one::<String>("output").is_some_and(|output| output == "json"),
        timeout: std::time::Duration::from_secs(
            matches.get_one::<u64>("timeout").copied().unwrap_or(30),
        ),
        create: !matches.get_flag("no-create"),
    }
}

fn ended(outcome: &Result<(), run::RunError>) -> u8 {
    if let Err(error) = outcome {
        say(&error.to_string());
    }
    run::exit_status(outcome)
}

fn refuse(text: &str) -> ! {
    say(text);
    exit(2)
}

/// Standard error may be closed; that is no reason to panic.
fn say(text: &str) {
    let _ = writeln!(
        std::io::stderr(),
        "{}",
        text.lines().map(|line| format!("kafka-canary: {line}")).collect::<Vec<_>>().join("\n")
    );
}

/// Thousands of records a second need no more; each has a stack and an allocator's arena.
const WORKERS: usize = 2;
