//! `kafka-canary check`: one round over all partitions of the topic, for scripts and Kubernetes jobs. Standard output has
//! the report and nothing else; the exit status says the same in a number.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

mod report;
mod round;

use report::Report;

use crate::cluster::{Cluster, ClusterState, TopicState};
use crate::context::Context;
use crate::plan::{self, Movement, Present, Step};
use crate::settings::{Settings, Topic};

/// The subcommand's own flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// JSON instead of a table.
    pub json: bool,
    /// For the whole check.
    pub timeout: Duration,
    /// Whether a topic that is missing is made.
    pub create: bool,
}

/// Checks, reports and gives the exit status: 0 all partitions are served, 1 some are not, 2 impossible configuration,
/// 3 the cluster was not reached or has no such topic.
pub async fn run(settings: Settings, options: Options) -> u8 {
    let deadline = Instant::now() + options.timeout;
    let context = match Context::new(settings) {
        // A check is told by its exit status; it has no traces.
        Ok((context, _)) => context,
        Err(reason) => {
            report::say(&reason);
            return 2;
        }
    };
    let report = match prepare(&context, options, deadline).await {
        Ok((cluster, topic)) => {
            let outcomes = round::run(&context, &topic, deadline).await;
            for broker in unproven(&cluster, &topic) {
                report::say(&format!(
                    "broker {broker} leads no partition of the topic: nothing is said about it"
                ));
            }
            Report {
                cluster: cluster.id,
                topic: context.settings.topic.name.clone(),
                reached: Ok(()),
                outcomes,
            }
        }
        Err(reason) => {
            report::say(&reason);
            let topic = context.settings.topic.name.clone();
            Report { cluster: None, topic, reached: Err(reason), outcomes: Vec::new() }
        }
    };
    report.print(options.json);
    // Closing clients waits for brokers; the process ends right away.
    report.exit_status()
}

/// The cluster and the topic, made if it was missing and may be.
async fn prepare(
    context: &Arc<Context>,
    options: Options,
    deadline: Instant,
) -> Result<(ClusterState, TopicState), String> {
    let wanted = &context.settings.topic;
    let too_late = |what: &str| format!("{what}: not within {} s", options.timeout.as_secs());
    let bootstrap = context.settings.kafka.bootstrap.join(",");
    let cluster = timeout_at(deadline, context.cluster.describe())
        .await
        .map_err(|_| too_late(&format!("the cluster at {bootstrap} was not reached")))?
        .map_err(|error| format!("the cluster at {bootstrap} was not reached: {error}"))?;
    let topic = timeout_at(deadline, context.cluster.topic(&wanted.name))
        .await
        .map_err(|_| too_late("the topic was not described"))?
        .map_err(|error| format!("the topic {} cannot be described: {error}", wanted.name))?;
    let topic = match topic {
        Some(topic) if !topic.partitions.is_empty() => topic,
        _ if !options.create => return Err(format!("the topic {} does not exist", wanted.name)),
        _ => timeout_at(deadline, create(&context.cluster, &cluster, wanted))
            .await
            .map_err(|_| too_late(&format!("the topic {} was not made", wanted.name)))??,
    };
    Ok((cluster, topic))
}

/// Makes the topic as the canary would, and waits until each partition has a leader.
async fn create(
    cluster: &Cluster,
    state: &ClusterState,
    topic: &Topic,
) -> Result<TopicState, String> {
    let brokers = state.brokers.len();
    if let Some(expected) = topic
        .expected_brokers
        .and_then(|size| usize::try_from(size).ok())
        .filter(|size| *size > brokers)
    {
        return Err(format!(
            "the topic is not made: EXPECTED_CLUSTER_SIZE is {expected}, and {brokers} brokers are there"
        ));
    }
    let wanted = plan::wanted(&state.brokers, topic);
    let alive = state.brokers.iter().map(|broker| broker.id).collect();
    let nothing = Present {
        topic: None,
        config: None,
        alive: &alive,
        moving: &std::collections::BTreeSet::new(),
    };
    for step in plan::steps(&wanted, nothing, Movement::Any) {
        if let Step::Create { replicas, config } = step {
            cluster
                .create_topic(&topic.name, &replicas, &config)
                .await
                .map_err(|error| format!("the topic {} cannot be made: {error}", topic.name))?;
        }
    }
    loop {
        match cluster.topic(&topic.name).await {
            Ok(Some(made))
                if made.partitions.len() == brokers
                    && made.partitions.values().all(|partition| partition.leader.is_some()) =>
            {
                return Ok(made);
            }
            // Other brokers learn of it a moment later.
            Ok(_) => sleep(LOOK_PAUSE).await,
            Err(error) if error.is_transient() => sleep(LOOK_PAUSE).await,
            Err(error) => {
                return Err(format!("the topic {} cannot be described: {error}", topic.name));
            }
        }
    }
}

/// Brokers about which a round says nothing.
fn unproven(cluster: &ClusterState, topic: &TopicState) -> Vec<i32> {
    let leads = |id: i32| topic.partitions.values().any(|partition| partition.leader == Some(id));
    cluster.brokers.iter().map(|broker| broker.id).filter(|id| !leads(*id)).collect()
}

const LOOK_PAUSE: Duration = Duration::from_millis(100);
