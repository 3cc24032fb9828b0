//! The parts, wired, watched and stopped.
//!
//! The addresses are taken before anything else, so that a second process says so at once. What a cluster does never
//! ends the program: only a signal does, or a fault of its own, which is never lived with: a panic in whatever task or
//! thread ends it with status 70, for its supervisor to start it anew. In both cases what was accepted is brought to
//! Kafka first, as far as the time for it reaches; what was not is said as a number.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::task::spawn_blocking;
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;

mod parts;
mod restore;
mod signals;
mod tasks;

use crate::http::{self, Tls, management};
use crate::logs::Logs;
use crate::settings::Settings;
use parts::Parts;
use signals::Signals;
use tasks::Tasks;

/// Why the program ends other than by a signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunError {
    /// Settings that cannot work on this host; the text names the key.
    Configuration(String),
    /// The gateway itself failed.
    Fault(String),
}

impl fmt::Display for RunError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(text) | Self::Fault(text) => to.write_str(text),
        }
    }
}

impl std::error::Error for RunError {}

/// The process's exit status.
#[must_use]
pub fn exit_status(outcome: &Result<(), RunError>) -> u8 {
    match outcome {
        Ok(()) => 0,
        Err(RunError::Configuration(_)) => 2,
        Err(RunError::Fault(_)) => 70,
    }
}

/// Runs until SIGTERM or SIGINT, and then until everything that was accepted is in Kafka, or the time is over.
///
/// # Errors
/// Settings that cannot work on this host, or a fault of the gateway.
pub async fn run(settings: Settings, logs: Logs) -> Result<(), RunError> {
    let producers_side = bind("http.address, http.port", settings.http.listen)?;
    let operators_side = bind("http.metrics_address, http.metrics_port", settings.management)?;
    let mut signals = heard(Signals::new())?;
    let changed = heard(signals::changed())?;
    let panicked = notice_panics();
    if let Err(error) = http::raise_descriptors(settings.http.connections_max) {
        tracing::warn!("{error}");
    }
    let parts = Parts::new(&settings).await.map_err(RunError::Configuration)?;
    announce(&settings, &producers_side, &operators_side);

    let mut tasks = Tasks::default();
    let stops = Stops::default();
    let app = parts.app.clone();
    tasks.start("http", async move {
        if let Err(error) = http::serve(producers_side, app).await {
            tracing::error!(%error, "there are no threads for connections");
        }
    });
    let shown = parts.shown.clone();
    tasks.start("management", management::serve(operators_side, shown, stops.rest.clone()));
    if let Some((pump, reader, search)) = parts.pump {
        let (drain, end) = (stops.drain.clone(), stops.end.clone());
        tasks.start("pump", async move {
            // Requests are served meanwhile: what they bring waits in the log.
            let known = search.find(end.clone()).await;
            pump.run(reader, known, drain, end).await;
        });
    }
    if let Some(tls) = parts.tls.clone() {
        let stop = stops.rest.clone();
        tasks.start("certificates", async move { tls.follow(CERTIFICATES_EVERY, stop).await });
    }
    tasks.start("files", follow_changes(changed, logs, parts.tls.clone(), stops.rest.clone()));

    let outcome = tokio::select! {
        name = signals.next() => {
            tracing::info!(signal = name, "stopping");
            Ok(())
        }
        () = panicked.cancelled() => Err(RunError::Fault("a task panicked".to_owned())),
        ended = tasks.next() => Err(RunError::Fault(ended)),
    };
    if let Err(error) = &outcome {
        tracing::error!(%error, "stopping because of a fault; please report it");
    }
    parts.shown.draining.store(true, Ordering::Release);
    let status = exit_status(&outcome);
    force_exit_after(settings.drain_timeout.saturating_add(GRACE), i32::from(status));
    let drained = Drained { stop: parts.stop, intake: parts.intake, producers: parts.producers };
    tokio::select! {
        () = drain(drained, parts.wal, &mut tasks, &stops, settings.drain_timeout) => (),
        name = signals.next() => {
            tracing::warn!(signal = name, "told twice: ending at once");
            // Threads of librdkafka may hold this process for long; what is in the log is safe there.
            std::process::exit(if status == 0 { TOLD_TWICE } else { i32::from(status) });
        }
    }
    tracing::info!("stopped");
    outcome
}

/// What ends in which order: requests, then the pump, then what people look at.
#[derive(Default)]
struct Stops {
    drain: CancellationToken,
    end: CancellationToken,
    rest: CancellationToken,
}

struct Drained {
    stop: CancellationToken,
    intake: Arc<crate::intake::Intake>,
    producers: Arc<crate::producer::Producers>,
}

async fn drain(
    parts: Drained,
    wal: Option<Arc<crate::wal::Wal>>,
    tasks: &mut Tasks,
    stops: &Stops,
    patience: Duration,
) {
    let begun = Instant::now();
    let deadline = begun + patience;
    parts.stop.cancel();
    // Slow clients must not use up the time that records need.
    let requests = begun + patience.mul_f64(REQUESTS_SHARE);
    if timeout_at(requests.into(), tasks.ended("http")).await.is_err() {
        tracing::warn!("some requests were not answered in time: their connections are cut");
    }
    parts.intake.stop();
    stops.drain.cancel();
    if timeout_at(deadline.into(), tasks.ended("pump")).await.is_err() {
        stops.end.cancel();
        tasks.ended("pump").await;
    }
    let producers = parts.producers;
    let ended = spawn_blocking(move || {
        let lost = producers.flush(deadline);
        producers.stop();
        let waiting = wal.map_or(0, |wal| {
            let waiting = wal.state().entries_waiting;
            wal.close();
            waiting
        });
        (lost, waiting)
    });
    match ended.await {
        Ok((lost, waiting)) => {
            if lost > 0 {
                tracing::error!(records = lost, "given up: not acknowledged by Kafka in time");
            }
            if waiting > 0 {
                tracing::warn!(
                    requests = waiting,
                    "left in the write-ahead log for the next start"
                );
            }
        }
        Err(error) => tracing::error!(%error, "the end of the producers failed"),
    }
    stops.rest.cancel();
}

fn bind(key: &str, address: SocketAddr) -> Result<TcpListener, RunError> {
    http::bind(address).map_err(|error| {
        RunError::Configuration(format!(
            "{key}: {address} cannot be listened on: {error}; write a free address"
        ))
    })
}

fn heard<T>(signals: std::io::Result<T>) -> Result<T, RunError> {
    signals.map_err(|error| RunError::Fault(format!("no signal can be heard: {error}")))
}

/// Connections have tasks of their own, and librdkafka threads; a panic in any of them is heard here.
fn notice_panics() -> CancellationToken {
    let panicked = CancellationToken::new();
    let heard = panicked.clone();
    std::panic::set_hook(Box::new(move |panic| {
        tracing::error!("{panic}");
        heard.cancel();
    }));
    panicked
}

/// A thread, and no task: whatever hangs in a library may hold every worker of the runtime.
fn force_exit_after(timeout: Duration, status: i32) {
    let watch = move || {
        thread::sleep(timeout);
        tracing::warn!("not everything stopped within {} ms; exiting", timeout.as_millis());
        std::process::exit(status);
    };
    if let Err(error) = thread::Builder::new().name("stop".to_owned()).spawn(watch) {
        tracing::error!(%error, "no thread can be started; the stop has no time limit");
    }
}

/// SIGHUP: a rotated log file, or new certificates.
async fn follow_changes(
    mut changed: tokio::signal::unix::Signal,
    logs: Logs,
    tls: Option<Arc<Tls>>,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = changed.recv() => (),
        }
        match logs.reopen() {
            Ok(()) => tracing::info!(signal = "SIGHUP", "the log file was opened again"),
            Err(error) => tracing::error!(%error, "the log file stays the old one"),
        }
        if let Some(tls) = &tls {
            tls.reload();
        }
    }
}

fn announce(settings: &Settings, producers_side: &TcpListener, operators_side: &TcpListener) {
    let local = |listener: &TcpListener| {
        listener.local_addr().map_or_else(|_| "unknown".to_owned(), |address| address.to_string())
    };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        listen = local(producers_side),
        management = local(operators_side),
        tls = settings.http.tls.is_some(),
        log = settings.log.as_ref().map(|log| tracing::field::display(log.directory.display())),
        "kafka-gateway started"
    );
}

/// How often to look whether certificates were replaced.
const CERTIFICATES_EVERY: Duration = Duration::from_secs(10);

/// Of the time for the stop, what requests may take.
const REQUESTS_SHARE: f64 = 0.75;

/// For what follows the deadline: closing files and clients.
const GRACE: Duration = Duration::from_secs(5);

/// As a shell says of a program that a signal ended.
const TOLD_TWICE: i32 = 1;
