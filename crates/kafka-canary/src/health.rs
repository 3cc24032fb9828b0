//! Readiness, liveness and `/status`: what the loops have told, turned into yes or no with a reason.
//!
//! Ready is about the cluster: reached with the configured credentials, and a record was read lately. Live is about the
//! canary: each of its loops has moved lately, whatever the cluster does. A cluster that is down makes the canary not
//! ready and leaves it alive, since a restart would mend nothing. strimzi-canary said yes to both always; so does this
//! under [`Compatibility::Strimzi`].

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

mod samples;

pub use samples::Consuming;
use samples::Samples;

use crate::settings::{Compatibility, Settings};
use crate::targets::Targets;

/// A loop that must go on for the canary to be alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loop {
    /// Keeps the topic and publishes targets.
    Reconcile,
    /// Writes.
    Produce,
    /// Reads.
    Consume,
    /// Commits.
    Coordinators,
    /// Connects.
    Connections,
}

impl Loop {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Reconcile, Self::Produce, Self::Consume, Self::Coordinators, Self::Connections];

    /// Its name in reasons.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Reconcile => "reconcile",
            Self::Produce => "produce",
            Self::Consume => "consume",
            Self::Coordinators => "coordinators",
            Self::Connections => "connections",
        }
    }
}

/// What the loops have told, shared by all of them.
pub struct Health {
    state: Mutex<State>,
}

impl Health {
    /// Nothing is known yet; each loop has as long to begin as it has to go on.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self { state: Mutex::new(State::new(settings, Instant::now())) }
    }

    /// A loop goes on, whether or not what it tries succeeds.
    pub fn progress(&self, of: Loop) {
        self.state().progress(of, Instant::now());
    }

    /// The cluster was reached, or why not.
    pub fn cluster(&self, reached: Result<(), String>) {
        self.state().cluster = Some(reached);
    }

    /// What is probed now.
    pub fn targets(&self, targets: &Targets) {
        self.state().partitions = targets.partitions.len();
    }

    /// A probe that was due has an outcome.
    pub fn produced(&self, _partition: i32, _acknowledged: bool) {
        self.state().samples.produced();
    }

    /// A record of this canary was read.
    pub fn consumed(&self, _partition: i32) {
        self.state().consumed(Instant::now());
    }

    /// Takes a sample for `/status`; to be called each `STATUS_CHECK_INTERVAL_MS`.
    pub fn sample(&self) {
        self.state().samples.take();
    }

    /// `/liveness`.
    ///
    /// # Errors
    /// The loop that is stuck.
    pub fn liveness(&self) -> Result<(), String> {
        self.state().liveness(Instant::now())
    }

    /// `/readiness`.
    ///
    /// # Errors
    /// Why users of the cluster would not be served.
    pub fn readiness(&self) -> Result<(), String> {
        self.state().readiness(Instant::now())
    }

    /// `/status`.
    #[must_use]
    pub fn status(&self) -> Consuming {
        self.state().samples.consuming()
    }

    /// A panic elsewhere leaves plain values here, which are as good as before.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rules, with the time as an argument.
struct State {
    compatibility: Compatibility,
    bootstrap: String,
    loops: Vec<Watched>,
    cluster: Option<Result<(), String>>,
    partitions: usize,
    /// How long ago a record may have been read.
    window: Duration,
    last_consumed: Option<Instant>,
    samples: Samples,
}

struct Watched {
    of: Loop,
    last: Instant,
    limit: Duration,
}

impl State {
    fn new(settings: &Settings, now: Instant) -> Self {
        let interval = |of| match of {
            Loop::Reconcile => Some(settings.topic.reconcile_interval),
            Loop::Produce | Loop::Consume => Some(settings.probe.interval),
            Loop::Coordinators => {
                settings.coordinators.enabled.then_some(settings.coordinators.interval)
            }
            Loop::Connections => Some(settings.connections.interval),
        };
        let requests = settings.kafka.request_timeout.saturating_mul(2);
        let watch = |of| {
            let limit =
                interval(of)?.saturating_mul(3).saturating_add(requests).max(STUCK_AFTER_MIN);
            Some(Watched { of, last: now, limit })
        };
        Self {
            compatibility: settings.compatibility,
            bootstrap: settings.kafka.bootstrap.join(","),
            loops: Loop::ALL.into_iter().filter_map(watch).collect(),
            cluster: None,
            partitions: 0,
            window: settings.probe.interval.saturating_mul(3).max(settings.http.ready_window),
            last_consumed: None,
            samples: Samples::new(&settings.status),
        }
    }

    fn progress(&mut self, of: Loop, now: Instant) {
        if let Some(watched) = self.loops.iter_mut().find(|watched| watched.of == of) {
            watched.last = now;
        }
    }

    fn consumed(&mut self, now: Instant) {
        self.last_consumed = Some(now);
        self.samples.consumed();
    }

    fn liveness(&self, now: Instant) -> Result<(), String> {
        if self.compatibility == Compatibility::Strimzi {
            return Ok(());
        }
        match self.loops.iter().find(|watched| now.duration_since(watched.last) > watched.limit) {
            None => Ok(()),
            Some(stuck) => Err(format!(
                "the {} loop has not moved for {} s; at most {} s are allowed",
                stuck.of.name(),
                now.duration_since(stuck.last).as_secs(),
                stuck.limit.as_secs()
            )),
        }
    }

    fn readiness(&self, now: Instant) -> Result<(), String> {
        if self.compatibility == Compatibility::Strimzi {
            return Ok(());
        }
        // Whoever is served is ready, also while an admin call fails.
        let unread = self.last_consumed.map(|last| now.duration_since(last));
        if unread.is_some_and(|unread| unread <= self.window) {
            return Ok(());
        }
        Err(match (&self.cluster, unread) {
            (None, _) => format!("the cluster at {} was not reached yet", self.bootstrap),
            (Some(Err(reason)), _) => format!("the cluster does not serve: {reason}"),
            (Some(Ok(())), _) if self.partitions == 0 => "no partition is probed yet".to_owned(),
            (Some(Ok(())), None) => "no record was read yet".to_owned(),
            (Some(Ok(())), Some(unread)) => format!(
                "no record was read on any partition for {} s; at most {} s are allowed",
                unread.as_secs(),
                self.window.as_secs()
            ),
        })
    }
}

/// A loop may wait this long whatever its interval is: a few requests that each run into their timeout.
const STUCK_AFTER_MIN: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
