//! The parts, wired, watched and stopped. The HTTP server has its address before anything else begins, so that a
//! canary that cannot reach its cluster says so. Nothing that a cluster does ends the program: only a signal does, or a
//! fault of the canary itself, which is never lived with: a panic in whatever task ends it with status 70, for
//! Kubernetes to start it anew.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::logs::Logs;
use crate::settings::Settings;
use crate::targets::Targets;
use crate::{connections, coordinators, dynamic, http, probe, reconcile};

/// Why the program ends other than by a signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunError {
    /// Settings that cannot work on this host; the text names the variable.
    Configuration(String),
    /// The canary itself failed.
    Fault(String),
}

impl fmt::Display for RunError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(text) | Self::Fault(text) => out.write_str(text),
        }
    }
}

impl std::error::Error for RunError {}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// Settings that cannot work on this host, or a fault of the canary.
pub async fn run(settings: Settings, logs: Logs) -> Result<(), RunError> {
    let listen = settings.http.listen.clone();
    let listener = http::bind(&listen).await.map_err(|error| {
        RunError::Configuration(format!(
            "KAFKA_CANARY_LISTEN={listen:?} cannot be listened on: {error}; write a free address"
        ))
    })?;
    let mut terminated = Signals::new()
        .map_err(|error| RunError::Fault(format!("no signal can be heard: {error}")))?;
    let panicked = notice_panics();
    let (context, exporter) = Context::new(settings).map_err(RunError::Configuration)?;
    announce(&context.settings, &listener);

    let stop = CancellationToken::new();
    let mut tasks = Tasks::default();
    let shown = http::Shown { metrics: context.metrics.clone(), health: context.health.clone() };
    tasks.start("http", http::run(listener, shown, stop.clone()));
    tasks.start("dynamic", dynamic::run(context.settings.operation.clone(), logs, stop.clone()));
    if let Some(exporter) = exporter {
        tasks.start("traces", exporter.run(stop.clone()));
    }
    tasks.start("status", sample(context.clone(), stop.clone()));
    let (publish, targets) = watch::channel(Arc::new(Targets::default()));
    tasks.start("reconcile", reconcile::run(context.clone(), publish, stop.clone()));
    tasks.start("probe", probe::run(context.clone(), targets.clone(), stop.clone()));
    tasks.start("coordinators", coordinators::run(context.clone(), targets.clone(), stop.clone()));
    tasks.start("connections", connections::run(context.clone(), targets, stop.clone()));

    let outcome = tokio::select! {
        name = terminated.next() => {
            tracing::info!(signal = name, "stopping");
            Ok(())
        }
        () = panicked.cancelled() => Err(RunError::Fault("a task panicked".to_owned())),
        ended = tasks.next() => Err(RunError::Fault(ended)),
    };
    if let Err(error) = &outcome {
        tracing::error!(%error, "stopping because of a fault; please report it");
    }
    force_exit_after(context.settings.operation.stop_timeout, i32::from(exit_status(&outcome)));
    stop.cancel();
    tasks.finish().await;
    tracing::info!("stopped");
    outcome
}

/// The process's exit status.
#[must_use]
pub fn exit_status(outcome: &Result<(), RunError>) -> u8 {
    match outcome {
        Ok(()) => 0,
        Err(RunError::Configuration(_)) => 2,
        Err(RunError::Fault(_)) => 70,
    }
}

/// The loops, by name.
#[derive(Default)]
struct Tasks {
    running: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

impl Tasks {
    fn start(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let id = self.running.spawn(task).id();
        self.names.insert(id, name);
    }

    /// Waits for a loop to end and says how; before the stop none should.
    async fn next(&mut self) -> String {
        match self.running.join_next_with_id().await {
            Some(ended) => self.told(ended),
            None => "no loop is left".to_owned(),
        }
    }

    fn told(&self, ended: Result<(Id, ()), JoinError>) -> String {
        let name = |id| self.names.get(&id).copied().unwrap_or("unnamed");
        match ended {
            Ok((id, ())) => format!("the {} loop ended by itself", name(id)),
            Err(error) => format!("the {} loop failed: {error}", name(error.id())),
        }
    }

    async fn finish(mut self) {
        while let Some(ended) = self.running.join_next_with_id().await {
            if ended.is_err() {
                tracing::error!("{} while stopping", self.told(ended));
            }
        }
    }
}

/// Both ways to be told to end.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Loops have tasks of their own, for brokers and partitions; a panic in any of them is heard here.
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
        tracing::warn!(
            "not everything stopped within {} ms; exiting all the same",
            timeout.as_millis()
        );
        std::process::exit(status);
    };
    if let Err(error) = thread::Builder::new().name("stop".to_owned()).spawn(watch) {
        tracing::error!(%error, "no thread can be started; the stop has no time limit");
    }
}

async fn sample(context: Arc<Context>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(context.settings.status.check_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is now; the first sample belongs to the end of the first interval.
    ticks.tick().await;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => context.health.sample(),
        }
    }
}

fn announce(settings: &Settings, listener: &tokio::net::TcpListener) {
    let address = listener
        .local_addr()
        .map_or_else(|_| settings.http.listen.clone(), |address| address.to_string());
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        bootstrap = settings.kafka.bootstrap.join(","),
        tls = settings.kafka.tls.is_some(),
        sasl = settings.kafka.sasl.as_ref().map_or("none", |sasl| sasl.mechanism()),
        topic = settings.topic.name,
        probe_interval_ms = settings.probe.interval.as_millis(),
        compatibility = ?settings.compatibility,
        address,
        "kafka-canary started"
    );
}
