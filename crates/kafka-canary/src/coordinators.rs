//! An offset commit to each group coordinator now and then: a cluster whose partitions are well and whose groups are not
//! serves nobody.
//!
//! Each broker that leads a partition of `__consumer_offsets` coordinates the groups that hash there. For each of them
//! one group name is found: `CONSUMER_GROUP_ID` for its own coordinator, `CONSUMER_GROUP_ID-probe-N` for the others. Each
//! coordinator has a task and a connection of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::cluster::CallError;
use crate::context::Context;
use crate::health::Loop;
use crate::targets::{Broker, Targets};
use crate::wire::Connection;
use crate::workers::{Workers, changed, stagger};

/// Commits until `stop`.
pub async fn run(
    context: Arc<Context>,
    mut targets: watch::Receiver<Arc<Targets>>,
    stop: CancellationToken,
) {
    let group = context.settings.probe.group.clone();
    let mut workers = Workers::new();
    let mut told_denied = false;
    let mut unknown = true;
    let shared = Arc::new(Shared { reached: Mutex::new(Instant::now()), moved: Notify::new() });
    let enabled = context.settings.coordinators.enabled;
    let mut remap = tokio::time::interval(REMAP_INTERVAL);
    let mut awake = tokio::time::interval(AWAKE);
    remap.set_missed_tick_behavior(MissedTickBehavior::Delay);
    awake.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let look = tokio::select! {
            () = stop.cancelled() => return,
            () = changed(&mut targets) => true,
            () = shared.moved.notified() => true,
            _ = remap.tick() => true,
            // Who coordinates what could not be learnt: once more.
            _ = awake.tick() => unknown,
        };
        context.health.progress(Loop::Coordinators);
        if !enabled {
            continue;
        }
        shared.watch(&context);
        let now = Arc::clone(&targets.borrow_and_update());
        // Offsets of a topic that is not made yet are refused, and nobody's fault.
        if look && now.topic_partitions > 0 {
            let mapped = tokio::select! {
                () = stop.cancelled() => return,
                mapped = jobs(&context, &now, &group, &mut told_denied) => mapped,
            };
            unknown = mapped.is_none();
            if let Some(mapped) = mapped {
                let jobs = kept(mapped, &now, &workers);
                workers.follow(jobs, |broker, job| {
                    commit(Arc::clone(&context), Arc::clone(&shared), broker, job)
                });
                remap.reset();
            }
            // Tasks say often that their coordinator moved, while it moves.
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(REMAP_PAUSE) => (),
            }
        }
    }
}

/// What one task does.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Job {
    address: String,
    group: String,
}

/// What the tasks tell the loop.
struct Shared {
    /// When the coordinator of `CONSUMER_GROUP_ID` was reached last.
    reached: Mutex<Instant>,
    /// A coordinator said that it is none any more.
    moved: Notify,
}

impl Shared {
    /// Counts each [`JOIN_TIMEOUT`] without the group's coordinator.
    fn watch(&self, context: &Context) {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        // Commits may be due more seldom than that.
        if reached.elapsed() >= JOIN_TIMEOUT.max(context.settings.coordinators.interval * 3) {
            *reached = Instant::now();
            context.metrics.group_join_timed_out();
            warn!("the coordinator of the group {} is not reached", context.settings.probe.group);
        }
    }

    fn reached(&self) {
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// Who coordinates what, as far as it could be learnt.
struct Mapped {
    jobs: BTreeMap<i32, Job>,
    /// The leaders of the partitions of `__consumer_offsets`, if they may be known.
    leaders: Leaders,
}

/// Each partition's leader, if it has one now.
#[derive(Default)]
struct Leaders(BTreeMap<i32, Option<i32>>);

impl Leaders {
    fn of(&self, group: &str) -> Option<i32> {
        let count = i32::try_from(self.0.len()).unwrap_or(i32::MAX);
        self.0.get(&partition_for(group, count)).copied().flatten()
    }
}

/// The brokers that coordinate, and a group for each.
async fn jobs(
    context: &Context,
    targets: &Targets,
    group: &str,
    told_denied: &mut bool,
) -> Option<Mapped> {
    match context.cluster.offset_partitions().await {
        Ok(partitions) if !partitions.is_empty() => {
            return Some(map(Leaders(partitions.into_iter().collect()), targets, group));
        }
        // Kafka makes the topic when the first coordinator is asked for.
        Ok(_) => (),
        Err(error) if is_denied(&error) => {
            if !std::mem::replace(told_denied, true) {
                info!(
                    "__consumer_offsets may not be described ({}): only the coordinator of {group} is probed; allow \
                     Describe on that topic for all of them",
                    error.reason
                );
            }
        }
        Err(error) if error.reason.starts_with("unknown_topic") => (),
        Err(error) => {
            debug!("coordinators are not known: {}", error.message);
            return None;
        }
    }
    match context.cluster.coordinator(group).await {
        Ok(broker) => {
            let job = Job { address: broker.address(), group: group.to_owned() };
            Some(Mapped { jobs: BTreeMap::from([(broker.id, job)]), leaders: Leaders::default() })
        }
        Err(error) => {
            debug!("the coordinator of {group} is not known: {}", error.message);
            None
        }
    }
}

/// One group for each broker that leads a partition of `__consumer_offsets`.
fn map(leaders: Leaders, targets: &Targets, group: &str) -> Mapped {
    let mut missing: BTreeMap<i32, &Broker> = targets
        .brokers
        .iter()
        .filter(|broker| leaders.0.values().any(|leader| *leader == Some(broker.id)))
        .map(|broker| (broker.id, broker))
        .collect();
    let mut jobs = BTreeMap::new();
    let others = (0..NAMES_MAX).map(|n| format!("{group}-probe-{n}"));
    for name in std::iter::once(group.to_owned()).chain(others) {
        if missing.is_empty() {
            break;
        }
        if let Some(broker) = leaders.of(&name).and_then(|id| missing.remove(&id)) {
            jobs.insert(broker.id, Job { address: broker.address(), group: name });
        }
    }
    Mapped { jobs, leaders }
}

/// Adds the jobs of coordinators that are away with nobody in their place: their commits go on failing.
fn kept(mapped: Mapped, targets: &Targets, workers: &Workers<Job>) -> BTreeMap<i32, Job> {
    let Mapped { mut jobs, leaders } = mapped;
    for broker in &targets.brokers {
        if let Some(job) = workers.job(broker.id)
            && !leaders.0.is_empty()
            && leaders.of(&job.group).is_none()
        {
            jobs.entry(broker.id).or_insert_with(|| job.clone());
        }
    }
    jobs
}

/// Commits to one coordinator at each interval, over a connection that is kept.
async fn commit(context: Arc<Context>, shared: Arc<Shared>, broker: i32, job: Job) {
    let settings = &context.settings.coordinators;
    let first = tokio::time::Instant::now() + stagger(broker, settings.interval.min(FIRST_WITHIN));
    let mut due = interval_at(first, settings.interval);
    due.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut kept: Option<Connection> = None;
    loop {
        due.tick().await;
        let outcome = match timeout(settings.timeout, commit_once(&context, &job, &mut kept)).await
        {
            Ok(outcome) => outcome,
            Err(_) => {
                kept = None;
                Err("timeout")
            }
        };
        match outcome {
            Ok(latency) => {
                debug!(broker, group = job.group, ?latency, "committed");
                if job.group == context.settings.probe.group {
                    shared.reached();
                }
            }
            Err(reason) => {
                warn!(broker, group = job.group, reason, "the coordinator did not take a commit");
                shared.moved.notify_one();
            }
        }
        context.metrics.commit(broker, outcome);
    }
}

/// One commit and how long it took, connecting aside.
async fn commit_once(
    context: &Context,
    job: &Job,
    kept: &mut Option<Connection>,
) -> Result<Duration, &'static str> {
    let mut again = kept.is_some();
    loop {
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => context.wire.connect(&job.address).await.map_err(|error| error.reason())?,
        };
        let begun = Instant::now();
        let offset = context.position.get();
        let topic = &context.settings.topic.name;
        match context.cluster.commit(&mut connection, &job.group, topic, 0, offset).await {
            Ok(()) => {
                *kept = Some(connection);
                return Ok(begun.elapsed());
            }
            // The broker had closed the idle connection: no failure yet, any client connects again.
            Err(error) if again && error.reason == "closed" => again = false,
            Err(error) => {
                debug!(group = job.group, "{}", error.message);
                return Err(error.reason);
            }
        }
    }
}

fn is_denied(error: &CallError) -> bool {
    error.reason.ends_with("authorization_failed")
}

/// The partition of `__consumer_offsets` that a group belongs to, as Kafka's `GroupMetadataManager.partitionFor` has it.
fn partition_for(group: &str, count: i32) -> i32 {
    let hash = group
        .encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    // Kafka's Utils.abs: the one number without a positive counterpart is 0.
    hash.checked_abs().unwrap_or(0).checked_rem(count).unwrap_or(0)
}

/// Names that are tried for a broker's group.
const NAMES_MAX: u32 = 4096;

/// The first round is spread over no more than this.
const FIRST_WITHIN: Duration = Duration::from_secs(5);

/// How often coordinators are looked up when nothing seems to have changed, and the least pause between two times.
const REMAP_INTERVAL: Duration = Duration::from_secs(30);
const REMAP_PAUSE: Duration = Duration::from_secs(1);

/// How often the loop shows that it is alive.
const AWAKE: Duration = Duration::from_secs(1);

/// As long as the original waits for its group.
const JOIN_TIMEOUT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
