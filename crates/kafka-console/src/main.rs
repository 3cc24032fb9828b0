//! The program `kafka-console`: settings, logs, one source, and pages until a signal.

use std::io::{IsTerminal as _, Write as _};
use std::process::exit;

use kafka_console::http::{self, Access, App, BUILT, Hosts};
use kafka_console::settings::{Settings, SourceSettings, flags};
use kafka_console::source::Source;
use kafka_operations::logs;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

fn main() {
    let settings = match Settings::from_matches(&flags::command().get_matches()) {
        Ok(settings) => settings,
        Err(problems) => refuse(&problems.to_string()),
    };
    let logs = &settings.logs;
    let colours = std::io::stderr().is_terminal();
    let started = logs::filter(&logs.filter)
        .and_then(|filter| logs::start(filter, std::io::stderr, colours, logs.json));
    if let Err(error) = started {
        refuse(&error);
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    let result = match runtime {
        Err(error) => refuse(&format!("the runtime cannot be started: {error}")),
        Ok(runtime) => {
            let result = runtime.block_on(run(settings));
            // A scrape that hangs is not waited for.
            runtime.shutdown_background();
            result
        }
    };
    if let Err(error) = result {
        refuse(&error);
    }
}

async fn run(settings: Settings) -> Result<(), String> {
    let access = Access::new(&settings.access)?;
    if access.is_open() && !settings.listen.ip().is_loopback() {
        tracing::warn!(
            "whoever reaches {} can read this console: --token-file or --trusted-header let in fewer",
            settings.listen
        );
    }
    if !BUILT {
        tracing::warn!("this program was built without its pages: run `make console`");
    }
    let (source, public_url) = match settings.source {
        SourceSettings::Direct(direct) => (Source::direct(direct), None),
        SourceSettings::Prometheus { settings, public_url } => {
            (Source::prometheus(settings), public_url)
        }
    };
    let source = source.map_err(|error| error.to_string())?;
    let stop = CancellationToken::new();
    let hosts = Hosts::new(settings.listen, &settings.allowed_hosts);
    let app = App::new(source, public_url, access, hosts, stop.clone())?;
    let listener = http::bind(settings.listen)
        .await
        .map_err(|error| format!("--listen {}: {error}", settings.listen))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    tracing::info!("listening on http://{address}");
    // For scripts that let the system choose a port. Standard output may be closed.
    let _ = writeln!(std::io::stdout(), "listening on http://{address}");
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let serving = tokio::spawn(http::serve(listener, app));
    tokio::select! {
        _ = terminate.recv() => (),
        _ = interrupt.recv() => (),
    }
    tracing::info!("stopping");
    stop.cancel();
    serving.await.map_err(|error| error.to_string())
}

fn refuse(text: &str) -> ! {
    // Standard error may be closed; that is no reason to panic.
    let lines: Vec<_> = text.lines().map(|line| format!("kafka-console: {line}")).collect();
    let _ = writeln!(std::io::stderr(), "{}", lines.join("\n"));
    exit(2)
}

/// Scrapes and pages are short pieces of work; each thread has a stack and an allocator's arena.
const WORKERS: usize = 2;
