//! One turn of the loop: a look, and a round when it is due.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::admin::Admin;
use super::known::{self, Known};
use super::members::Members;
use super::moves::Moves;
use super::report::{self, Report};
use super::{SHORTEST_PAUSE, backoff, look_interval};
use crate::cluster::{CallError, TopicState};
use crate::health::{Health, Loop};
use crate::metrics::{Metrics, Operation};
use crate::plan::{self, Movement, Present, Step, TopicConfig, Wanted};
use crate::settings::Settings;
use crate::targets::{Broker, Targets};

/// After a step the next look shows what became of it.
const AFTER_STEP: Duration = Duration::from_secs(1);

/// Calls are bounded by themselves and say then what was silent; this bound is behind theirs.
const GRACE: Duration = Duration::from_secs(1);

/// What is remembered from turn to turn.
pub(super) struct Reconciler<'a, A> {
    admin: &'a A,
    settings: &'a Settings,
    metrics: &'a Metrics,
    health: &'a Health,
    publish: Box<dyn Fn(&Targets) + Send + 'a>,
    members: Members,
    moves: Moves,
    report: Report,
    /// Brokers of the last description.
    described: usize,
    topic: Option<TopicState>,
    /// The canary's configuration was on the topic.
    was_written: bool,
    targets: Targets,
    /// Attempts without the cluster ever having answered; none once it has.
    attempts: Option<u32>,
    due: Option<Instant>,
    /// Partitions that are to be there could not be made: their probes are due all the same.
    not_made: bool,
    /// Why the topic cannot be used.
    unusable: Option<String>,
}

/// What became of a round.
#[derive(Debug, Default, Clone, Copy)]
struct Outcome {
    /// Something was changed.
    changed: bool,
    /// Something failed that may go well soon.
    again: bool,
}

/// What a round plans from.
#[derive(Debug, Clone)]
struct Plan<'a> {
    topic: Option<&'a TopicState>,
    config: Option<&'a BTreeMap<String, String>>,
    movement: Movement,
    moving: BTreeSet<i32>,
}

impl Default for Plan<'_> {
    fn default() -> Self {
        Self { topic: None, config: None, movement: Movement::Any, moving: BTreeSet::new() }
    }
}

impl Plan<'_> {
    /// The same where any replica may be moved.
    fn unhindered(&self) -> Self {
        Self { movement: Movement::Any, ..self.clone() }
    }
}

impl<'a, A: Admin> Reconciler<'a, A> {
    pub(super) fn new(
        admin: &'a A,
        settings: &'a Settings,
        metrics: &'a Metrics,
        health: &'a Health,
        publish: Box<dyn Fn(&Targets) + Send + 'a>,
    ) -> Self {
        let topic = &settings.topic;
        Self {
            admin,
            settings,
            metrics,
            health,
            publish,
            members: Members::new(topic.settling, topic.expected_brokers),
            moves: Moves::new(topic.settling),
            report: Report::default(),
            described: 0,
            topic: None,
            was_written: false,
            targets: Targets::default(),
            attempts: Some(0),
            due: None,
            not_made: false,
            unusable: None,
        }
    }

    /// Says and publishes what is known from the settings alone.
    pub(super) fn start(&mut self) {
        for (key, value) in plan::wanted(&[], &self.settings.topic).config().overruled() {
            warn!(key, value, "TOPIC_CONFIG asks for what the canary sets itself; it is ignored");
        }
        self.publish_targets(known::before_contact(self.settings));
    }

    /// One turn; how long to wait for the next.
    pub(super) async fn turn(&mut self, now: Instant) -> Duration {
        let look = look_interval(self.settings).max(SHORTEST_PAUSE);
        let planned = self.members.planned();
        let had_topic = self.topic.is_some();
        if let Err(failed) = self.look(now).await {
            self.health.cluster(Err(failed.message));
            self.due = None;
            let Some(attempts) = &mut self.attempts else { return look };
            *attempts = attempts.saturating_add(1);
            self.metrics.client_failed(failed.reason);
            return backoff(self.settings, *attempts);
        }
        self.attempts = None;
        let vanished = had_topic && self.topic.is_none();
        let is_due = self.due.is_none_or(|due| due <= now);
        let mut pause = look;
        if is_due || vanished || self.members.planned() != planned {
            let Outcome { changed, again } = self.round(now).await;
            let next = if changed || again { look } else { self.settings.topic.reconcile_interval };
            self.due = Some(now + next);
            if changed {
                pause = look.min(AFTER_STEP);
            }
        }
        let known = Known {
            planned: self.members.planned().len(),
            addressed: &self.members.addressed(),
            topic: self.topic.as_ref(),
            not_made: self.not_made,
        };
        self.publish_targets(known::targets(self.settings, known, &self.targets));
        self.health.cluster(match (&self.topic, &self.unusable) {
            (None, Some(reason)) => Err(reason.clone()),
            (None, None) => {
                Err(format!("the topic {} does not exist yet", self.settings.topic.name))
            }
            (Some(_), _) => Ok(()),
        });
        pause
    }

    /// Describes the cluster and the topic, and follows both.
    async fn look(&mut self, now: Instant) -> Result<(), CallError> {
        let (admin, settings) = (self.admin, self.settings);
        let cluster = self.call(Operation::DescribeCluster, "", admin.describe()).await?;
        if cluster.brokers.is_empty() {
            let message = "the cluster described itself without any broker".to_owned();
            return Err(CallError::new("no_brokers", message, true));
        }
        let topic =
            self.call(Operation::DescribeTopic, "", admin.topic(&settings.topic.name)).await?;
        self.described = cluster.brokers.len();
        self.members.described(&cluster.brokers, now);
        let partitions =
            |topic: &Option<TopicState>| topic.as_ref().map_or(0, |topic| topic.partitions.len());
        if partitions(&topic) < partitions(&self.topic) {
            warn!(
                topic = settings.topic.name,
                "the topic was deleted by someone else; it is made again"
            );
            self.forget_topic();
        }
        if let Some(topic) = &topic {
            self.members.placed(topic, now);
        }
        self.topic = topic;
        Ok(())
    }

    /// Plans, and carries the plan out.
    async fn round(&mut self, now: Instant) -> Outcome {
        self.not_made = false;
        let waits_for_brokers = self.compare_size();
        let config = self.config().await;
        let Some(topic) = self.topic.clone() else {
            if waits_for_brokers {
                return Outcome::default();
            }
            // Those that are away join it when they are back.
            let alive = self.members.planned_and_alive();
            let wanted = plan::wanted(&alive, &self.settings.topic);
            return self.carry_out(self.steps(&wanted, Plan::default()), &alive, now).await;
        };
        let planned = self.members.planned();
        let wanted = plan::wanted(&planned, &self.settings.topic);
        let movement = match self.members.is_settling() {
            true => Movement::None,
            false => self.moves.allowed(&planned, now),
        };
        let mut plan =
            Plan { topic: Some(&topic), config: config.as_ref(), movement, ..Plan::default() };
        let mut may_reassign = true;
        if movement != Movement::None {
            let mut is_right = !reassigns(&self.steps(&wanted, plan.unhindered()));
            if !is_right {
                // Known to the controller alone, so it is asked only when it matters.
                match self.moving(&topic).await {
                    Ok(moving) => plan.moving = moving,
                    Err(_) => may_reassign = false,
                }
                is_right = !reassigns(&self.steps(&wanted, plan.unhindered()));
            }
            let held = (!is_right && movement == Movement::Needed).then(|| {
                "moved by someone else; put right later if they stay like that".to_owned()
            });
            self.report.state("replicas of the topic", held);
            if is_right {
                self.moves.right(&planned, now);
            }
        }
        let mut steps = self.steps(&wanted, plan);
        steps.retain(|step| may_reassign || !is_reassign(step));
        self.carry_out(steps, &planned, now).await
    }

    /// Counts and says that the cluster has another size than expected. Whether it is too small to make the topic.
    fn compare_size(&mut self) -> bool {
        let described = self.described;
        let expected =
            self.settings.topic.expected_brokers.and_then(|count| usize::try_from(count).ok());
        let Some(expected) = expected.filter(|expected| *expected != described) else {
            self.report.state("EXPECTED_CLUSTER_SIZE", None);
            return false;
        };
        self.metrics.unexpected_cluster_size();
        let size = format!("{expected} brokers are expected, {described} are there");
        self.report.state("EXPECTED_CLUSTER_SIZE", Some(size.clone()));
        if described < expected {
            self.unusable =
                Some(format!("the topic {} is not made: {size}", self.settings.topic.name));
        }
        described < expected
    }

    async fn moving(&mut self, topic: &TopicState) -> Result<BTreeSet<i32>, CallError> {
        let (admin, settings) = (self.admin, self.settings);
        let partitions: Vec<i32> = topic.partitions.keys().copied().collect();
        let moving = admin.moving(&settings.topic.name, &partitions);
        self.call(Operation::AlterAssignments, "list", moving).await
    }

    /// What is set on the topic, if it exists and can be read.
    async fn config(&mut self) -> Option<BTreeMap<String, String>> {
        self.topic.as_ref()?;
        let (admin, settings) = (self.admin, self.settings);
        let config = admin.topic_config(&settings.topic.name);
        let config = self.call(Operation::AlterConfiguration, "read", config).await.ok()?;
        let is_written = TopicConfig::is_written(&config);
        if self.was_written && !is_written {
            warn!(
                topic = settings.topic.name,
                "the canary's configuration is gone from the topic: it is taken for a new one"
            );
            self.forget_topic();
        }
        self.was_written = is_written;
        Some(config)
    }

    fn steps(&self, wanted: &Wanted, plan: Plan<'_>) -> Vec<Step> {
        let Plan { topic, config, movement, moving } = plan;
        plan::steps(
            wanted,
            Present { topic, config, alive: &self.members.alive(), moving: &moving },
            movement,
        )
    }

    /// Carries steps out one after another; a failure stops those only that must not come before it.
    async fn carry_out(&mut self, steps: Vec<Step>, brokers: &[Broker], now: Instant) -> Outcome {
        let (admin, settings) = (self.admin, self.settings);
        let mut outcome = Outcome::default();
        let mut min_in_sync_too_high = false;
        for step in steps {
            if min_in_sync_too_high && is_reassign(&step) {
                continue;
            }
            let makes = matches!(step, Step::Create { .. } | Step::AddPartitions { .. });
            let applied = admin.apply(&settings.topic.name, &step);
            let result = self.call(step.operation(), &report::name(&step), applied).await;
            self.not_made |= makes && result.as_ref().is_err_and(|failed| !is_already_so(failed));
            match result {
                Ok(()) => {
                    outcome.changed = true;
                    info!(topic = settings.topic.name, ?step, "carried out");
                    match step {
                        Step::Create { .. } => self.unusable = None,
                        Step::Reassign(_) => self.moves.moved(brokers, now),
                        _ => (),
                    }
                }
                Err(failed) => {
                    outcome.again |= failed.is_transient() || is_already_so(&failed);
                    if let Step::AlterConfig { lowers_min_in_sync, .. } = step {
                        min_in_sync_too_high |= lowers_min_in_sync;
                    }
                    if let Step::Create { .. } = step {
                        self.unusable =
                            Some(format!("the topic cannot be made: {}", failed.message));
                    }
                }
            }
        }
        outcome
    }

    /// One admin call: bounded in time, counted, and said when it fails.
    async fn call<T>(
        &mut self,
        operation: Operation,
        what: &str,
        future: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let limit = self.settings.kafka.request_timeout + GRACE;
        self.health.progress(Loop::Reconcile);
        let result = tokio::time::timeout(limit, future).await.unwrap_or_else(|_| {
            let message =
                format!("{}: no answer within {} ms", operation.label(), limit.as_millis());
            Err(CallError::new("timeout", message, true))
        });
        self.health.progress(Loop::Reconcile);
        let counted = match &result {
            Err(failed) if is_already_so(failed) => Ok(()),
            other => other.as_ref().map(drop),
        };
        self.metrics.operation(operation, counted.map_err(|failed: &CallError| failed.reason));
        self.report.call(operation, what, counted);
        result
    }

    fn forget_topic(&mut self) {
        self.members.forget_replicas();
        self.moves.forget();
        self.was_written = false;
    }

    fn publish_targets(&mut self, now: Targets) {
        if now == self.targets {
            return;
        }
        let ids = |targets: &Targets| {
            targets.brokers.iter().map(|broker| broker.id).collect::<BTreeSet<_>>()
        };
        if ids(&now) != ids(&self.targets) || now.partitions.len() != self.targets.partitions.len()
        {
            info!(brokers = ?ids(&now), partitions = now.partitions.len(), of = now.topic_partitions, "targets");
        }
        self.metrics.targets_changed(&self.targets, &now);
        self.health.targets(&now);
        (self.publish)(&now);
        self.targets = now;
    }
}

fn is_reassign(step: &Step) -> bool {
    matches!(step, Step::Reassign(_))
}

fn reassigns(steps: &[Step]) -> bool {
    steps.iter().any(is_reassign)
}

/// Not a failure: what was asked for is so already, or is being done.
fn is_already_so(failed: &CallError) -> bool {
    matches!(
        failed.reason,
        "topic_already_exists" | "election_not_needed" | "reassignment_in_progress"
    )
}
