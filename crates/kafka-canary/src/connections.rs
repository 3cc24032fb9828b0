//! A connection to each broker now and then, as a new client would make it: TCP, TLS, ApiVersions, SASL, and closed.
//!
//! Each broker has a task of its own: one that takes no connections is no other's business.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::context::Context;
use crate::health::Loop;
use crate::targets::Targets;
use crate::workers::{Workers, changed, stagger};

/// Checks connections until `stop`.
pub async fn run(
    context: Arc<Context>,
    mut targets: watch::Receiver<Arc<Targets>>,
    stop: CancellationToken,
) {
    let mut workers = Workers::new();
    let mut awake = tokio::time::interval(AWAKE);
    loop {
        let jobs: BTreeMap<i32, String> = targets
            .borrow_and_update()
            .brokers
            .iter()
            .map(|broker| (broker.id, broker.address()))
            .collect();
        workers.follow(jobs, |broker, address| check(Arc::clone(&context), broker, address));
        context.health.progress(Loop::Connections);
        tokio::select! {
            () = stop.cancelled() => return,
            () = changed(&mut targets) => (),
            _ = awake.tick() => (),
        }
    }
}

/// Connects to one broker at each interval, the first time soon.
async fn check(context: Arc<Context>, broker: i32, address: String) {
    let every = context.settings.connections.interval;
    let first = tokio::time::Instant::now() + stagger(broker, every.min(FIRST_WITHIN));
    let mut due = interval_at(first, every);
    due.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        due.tick().await;
        let begun = Instant::now();
        let outcome = context.wire.connect(&address).await;
        let latency = begun.elapsed();
        match outcome {
            Ok(_) => {
                debug!(broker, address, ?latency, "connected");
                context.metrics.connection(broker, latency, Ok(()));
            }
            Err(error) => {
                warn!(broker, address, "no connection: {error}");
                context.metrics.connection(broker, latency, Err(error.reason()));
            }
        }
    }
}

/// The first round is spread over no more than this, however long the interval is.
const FIRST_WITHIN: Duration = Duration::from_secs(5);

/// How often the loop shows that it is alive.
const AWAKE: Duration = Duration::from_secs(5);
