//! Keeps the topic as the plan wants it, and tells the probes what to probe.
//!
//! A look (cluster and topic, 5 s apart at most) follows brokers and leaders; a round (`RECONCILE_INTERVAL_MS`, and at
//! once when brokers change or the topic is gone) carries out the plan's steps one after another, each of them whatever
//! became of the others. The loop neither hangs nor gives up: every call is bounded in time, and what fails is counted,
//! said once, and tried again.
//!
//! What is published outlives failures: partitions and brokers that were known stay targets while the cluster does not
//! answer or the topic is gone, because a probe that could not happen is a failed one. Before the first answer the
//! partitions of `EXPECTED_CLUSTER_SIZE` are, if it is set.
//!
//! `EXPECTED_CLUSTER_SIZE` N: the topic is made once N brokers are there, and the cluster never counts as smaller than
//! N. With more than N brokers all of them are probed. Every round with another number than N is counted and the first
//! one is said.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

mod admin;
mod known;
mod members;
mod moves;
mod report;
mod round;
#[cfg(test)]
mod tests;

use round::Reconciler;

use crate::context::Context;
use crate::health::Loop;
use crate::settings::Settings;
use crate::targets::Targets;

/// Between two looks at brokers and leaders, at most: leaders are labels of what the probes measure.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// The loop; ends when `stop` is cancelled.
pub async fn run(
    context: Arc<Context>,
    targets: watch::Sender<Arc<Targets>>,
    stop: CancellationToken,
) {
    let publish = |now: &Targets| drop(targets.send_replace(Arc::new(now.clone())));
    let mut reconciler = Reconciler::new(
        &*context.cluster,
        &context.settings,
        &context.metrics,
        &context.health,
        Box::new(publish),
    );
    reconciler.start();
    let go_on = async {
        loop {
            let pause = reconciler.turn(Instant::now()).await;
            sleep(pause, || context.health.progress(Loop::Reconcile)).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => (),
        () = go_on => (),
    }
}

/// Sleeps, and marks progress as often as a look would.
async fn sleep(mut pause: Duration, progress: impl Fn()) {
    while !pause.is_zero() {
        let part = pause.min(LOOK_INTERVAL);
        tokio::time::sleep(part).await;
        progress();
        pause -= part;
    }
}

/// Between two looks.
fn look_interval(settings: &Settings) -> Duration {
    settings.topic.reconcile_interval.min(LOOK_INTERVAL)
}

/// How long to wait after this many attempts that did not reach the cluster at all, and none before that did: doubled
/// each time, and never longer than a round.
fn backoff(settings: &Settings, attempts: u32) -> Duration {
    let doublings = attempts.min(settings.kafka.backoff_attempts).saturating_sub(1);
    let scale = settings.kafka.backoff_scale;
    let pause = scale.saturating_mul(2_u32.saturating_pow(doublings));
    pause.min(settings.topic.reconcile_interval.max(scale)).max(SHORTEST_PAUSE)
}

/// Whatever the settings say.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
