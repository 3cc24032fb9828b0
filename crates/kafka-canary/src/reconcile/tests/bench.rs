//! A reconciler, a model of a cluster that can be in trouble, and a clock that the test moves.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::sync::Mutex;

use super::super::admin::Admin;
use super::super::*;
use crate::cluster::{CallError, ClusterState, TopicState};
use crate::health::Health;
use crate::metrics::{Metrics, Operation};
use crate::plan::Step;
use crate::plan::model::{Cluster, brokers, show};
use crate::settings::{Given, check};

/// A cluster that may be silent, refuse, or not answer at all.
pub(super) struct Fake {
    model: Mutex<Cluster>,
    trouble: Mutex<Trouble>,
    /// Steps that were asked for.
    asked: Mutex<Vec<String>>,
}

#[derive(Default)]
pub(super) struct Trouble {
    pub(super) unreachable: Option<&'static str>,
    pub(super) hangs: bool,
    /// Steps of this operation whose text contains this are refused with this reason.
    pub(super) refuses: Option<(Operation, &'static str, &'static str)>,
}

impl Fake {
    fn check(&self) -> Result<(), CallError> {
        match self.trouble.lock().expect("no panic").unreachable {
            Some(reason) => Err(CallError::new(reason, format!("no broker: {reason}"), true)),
            None => Ok(()),
        }
    }

    fn state(&self) -> Option<(TopicState, BTreeMap<String, String>, BTreeSet<i32>)> {
        self.model.lock().expect("no panic").state()
    }
}

impl Admin for Fake {
    async fn describe(&self) -> Result<ClusterState, CallError> {
        if self.trouble.lock().expect("no panic").hangs {
            std::future::pending::<()>().await;
        }
        self.check()?;
        let brokers = self.model.lock().expect("no panic").brokers();
        Ok(ClusterState { id: None, controller: None, brokers })
    }

    async fn topic(&self, _: &str) -> Result<Option<TopicState>, CallError> {
        self.check()?;
        Ok(self.state().map(|(topic, ..)| topic))
    }

    async fn moving(&self, _: &str, _: &[i32]) -> Result<BTreeSet<i32>, CallError> {
        Ok(self.state().map(|(.., moving)| moving).unwrap_or_default())
    }

    async fn topic_config(&self, _: &str) -> Result<BTreeMap<String, String>, CallError> {
        Ok(self.state().map(|(_, config, _)| config).unwrap_or_default())
    }

    async fn apply(&self, _: &str, step: &Step) -> Result<(), CallError> {
        let text = show(step);
        self.asked.lock().expect("no panic").push(text.clone());
        if let Some((operation, part, reason)) = self.trouble.lock().expect("no panic").refuses
            && operation == step.operation()
            && text.contains(part)
        {
            return Err(CallError::new(reason, format!("refused: {part}"), false));
        }
        self.model.lock().expect("no panic").apply(step);
        Ok(())
    }
}

pub(super) struct Bench {
    fake: Fake,
    settings: Settings,
    pub(super) metrics: Metrics,
    pub(super) health: Health,
    published: Mutex<Targets>,
}

impl Bench {
    pub(super) fn new(ids: &[i32], variables: &[(&str, &str)]) -> Self {
        let variables: BTreeMap<String, OsString> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        let given = Given::new(|_| None, |name| variables.get(name).cloned());
        let settings = check(given).expect("settings").settings;
        Self {
            fake: Fake {
                model: Mutex::new(Cluster::new(brokers(ids))),
                trouble: Mutex::default(),
                asked: Mutex::default(),
            },
            metrics: Metrics::new(
                &settings.metrics,
                &settings.kafka.client_id,
                &settings.topic.name,
            )
            .expect("metrics"),
            health: Health::new(&settings),
            published: Mutex::default(),
            settings,
        }
    }

    pub(super) fn run(&self) -> Run<'_> {
        let publish = |now: &Targets| *self.published.lock().expect("no panic") = now.clone();
        let mut reconciler = Reconciler::new(
            &self.fake,
            &self.settings,
            &self.metrics,
            &self.health,
            Box::new(publish),
        );
        reconciler.start();
        Run { bench: self, reconciler, now: Instant::now() }
    }

    pub(super) fn model<T>(&self, change: impl FnOnce(&mut Cluster) -> T) -> T {
        change(&mut self.fake.model.lock().expect("no panic"))
    }

    pub(super) fn trouble(&self, trouble: Trouble) {
        *self.fake.trouble.lock().expect("no panic") = trouble;
    }

    /// Steps that were asked for since this was asked last.
    pub(super) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.fake.asked.lock().expect("no panic"))
    }

    /// `partition:leader` of each target, and the brokers.
    pub(super) fn targets(&self) -> String {
        let targets = self.published.lock().expect("no panic");
        let partitions = targets
            .partitions
            .iter()
            .map(|target| format!("{}:{}", target.partition, target.leader));
        let brokers = targets.brokers.iter().map(|broker| broker.id.to_string());
        let (partitions, brokers): (Vec<_>, Vec<_>) = (partitions.collect(), brokers.collect());
        format!("{} on {} of {}", partitions.join(" "), brokers.join(","), targets.topic_partitions)
    }

    pub(super) fn readiness(&self) -> String {
        self.health.readiness().expect_err("nothing was read yet")
    }

    pub(super) fn metric(&self, series: &str) -> f64 {
        let text = String::from_utf8(self.metrics.text().expect("text")).expect("UTF-8");
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series}")).parse().expect("a number")
    }
}

pub(super) struct Run<'a> {
    bench: &'a Bench,
    pub(super) reconciler: Reconciler<'a, Fake>,
    pub(super) now: Instant,
}

impl Run<'_> {
    /// One turn; the seconds to the next, which are over then, and replicas have caught up.
    pub(super) async fn turn(&mut self) -> u64 {
        let pause = self.reconciler.turn(self.now).await;
        self.now += pause;
        self.bench.model(Cluster::catch_up);
        pause.as_secs()
    }

    /// All turns of so many seconds.
    pub(super) async fn pass(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while self.now < end {
            self.turn().await;
        }
    }
}

/// A run whose topic was made and is as it should be.
pub(super) async fn settled(bench: &Bench) -> Run<'_> {
    let mut run = bench.run();
    run.pass(120).await;
    bench.asked();
    run
}
