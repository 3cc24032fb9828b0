//! The program `kafka-gateway`: settings, logs, then [`run`](kafka_gateway::run).

use std::io::Write;
use std::path::PathBuf;
use std::process::exit;

use clap::{Arg, ArgAction, Command, value_parser};
use kafka_gateway::logs::Logs;
use kafka_gateway::settings::{self, Settings};
use kafka_gateway::{check, run, wal};

fn main() {
    // The first to start OpenSSL: it sets no exit handler then, which could free what librdkafka's threads still use.
    openssl::init();
    let matches = command().get_matches();
    if let Some(("wal", asked)) = matches.subcommand() {
        match wal::cli::run(asked) {
            Ok(()) => exit(0),
            Err(error) => {
                say(&error);
                exit(i32::from(FAILED))
            }
        }
    }
    let path = matches.get_one::<PathBuf>("config");
    let settings = match settings::load(path.map(PathBuf::as_path), std::env::vars_os()) {
        Ok(settings) => settings,
        Err(problems) => refuse(&problems.to_string()),
    };
    if matches.get_flag("check") {
        exit(i32::from(checked(&settings)));
    }
    let logs = match Logs::start(&settings.output) {
        Ok(logs) => logs,
        Err(error) => refuse(&error),
    };
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .thread_name("main")
        .enable_all()
        .build();
    let status = match runtime {
        Err(error) => refuse(&format!("the runtime cannot be started: {error}")),
        Ok(runtime) => {
            let outcome = runtime.block_on(run::run(settings, logs));
            // Clients of unreachable brokers may take long to close: nothing waits for them.
            runtime.shutdown_background();
            if let Err(error) = &outcome {
                say(&error.to_string());
            }
            run::exit_status(&outcome)
        }
    };
    exit(i32::from(status));
}

fn command() -> Command {
    Command::new("kafka-gateway")
        .version(env!("CARGO_PKG_VERSION"))
        .about("HTTP in, Kafka out: what is answered with success is in Kafka, or on disk until it is")
        .long_about(
            "HTTP in, Kafka out: what is answered with success is in Kafka, or on disk until it is.\n\n\
             Everything is in a YAML file, kprf's or one with more keys, and in environment variables over it: \
             KAFKA_GATEWAY_KAFKA__BROKERS is kafka.brokers. All keys: docs/gateway-reference.md.",
        )
        .after_help(
            "Exit status: 0 stopped by a signal or a check that found nothing, 1 what wal was asked for failed, 2 \
             impossible configuration, 70 a fault of the gateway itself.",
        )
        .subcommand(wal::cli::command())
        .args_conflicts_with_subcommands(true)
        .arg(
            Arg::new("config")
                .short('c')
                .long("config")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("The settings; without a file the environment alone"),
        )
        .arg(
            Arg::new("check")
                .long("check")
                .action(ArgAction::SetTrue)
                .help("Check settings, certificates and files without calling a broker, say what was understood, and end"),
        )
}

/// What was understood on standard output, what is unwise or wrong on standard error.
fn checked(settings: &Settings) -> u8 {
    for warning in &settings.warnings {
        say(&format!("warning: {warning}"));
    }
    match check::check(settings) {
        Ok(warnings) => {
            for warning in &warnings {
                say(&format!("warning: {warning}"));
            }
            let _ = std::io::stdout().write_all(settings::summary(settings).as_bytes());
            0
        }
        Err(problems) => {
            say(&problems.to_string());
            IMPOSSIBLE
        }
    }
}

fn refuse(text: &str) -> ! {
    say(text);
    exit(i32::from(IMPOSSIBLE))
}

/// Standard error may be closed; that is no reason to panic.
fn say(text: &str) {
    let lines: Vec<String> = text.lines().map(|line| format!("kafka-gateway: {line}")).collect();
    let _ = writeln!(std::io::stderr(), "{}", lines.join("\n"));
}

/// Requests have threads of their own. These take connections, feed Kafka from the write-ahead log, which is one task,
/// and answer operators, who are to be heard while that task is busy.
const WORKERS: usize = 2;

const FAILED: u8 = 1;
const IMPOSSIBLE: u8 = 2;
