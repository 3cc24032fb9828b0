//! The admin calls of a round, so that a test can stand in for a cluster.

use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::{CallError, Cluster, ClusterState, TopicState};
use crate::plan::Step;

/// What a round asks of a cluster.
pub(super) trait Admin: Sync {
    /// Brokers and racks.
    fn describe(&self) -> impl Future<Output = Result<ClusterState, CallError>> + Send;
    /// The topic, if it exists.
    fn topic(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Option<TopicState>, CallError>> + Send;
    /// Which of these partitions are being moved.
    fn moving(
        &self,
        name: &str,
        partitions: &[i32],
    ) -> impl Future<Output = Result<BTreeSet<i32>, CallError>> + Send;
    /// What is set on the topic itself.
    fn topic_config(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<BTreeMap<String, String>, CallError>> + Send;
    /// Carries out one step.
    fn apply(&self, name: &str, step: &Step) -> impl Future<Output = Result<(), CallError>> + Send;
}

impl Admin for Cluster {
    async fn describe(&self) -> Result<ClusterState, CallError> {
        Cluster::describe(self).await
    }

    async fn topic(&self, name: &str) -> Result<Option<TopicState>, CallError> {
        Cluster::topic(self, name).await
    }

    async fn moving(&self, name: &str, partitions: &[i32]) -> Result<BTreeSet<i32>, CallError> {
        self.reassigning(name, partitions).await
    }

    async fn topic_config(&self, name: &str) -> Result<BTreeMap<String, String>, CallError> {
        Cluster::topic_config(self, name).await
    }

    async fn apply(&self, name: &str, step: &Step) -> Result<(), CallError> {
        match step {
            Step::Create { replicas, config } => self.create_topic(name, replicas, config).await,
            Step::AlterConfig { set, .. } => self.alter_config(name, set).await,
            Step::Reassign(replicas) => self.alter_assignments(name, replicas).await,
            Step::AddPartitions { total, replicas } => {
                self.create_partitions(name, *total, replicas).await
            }
            Step::ElectLeaders(partitions) => self.elect_leaders(name, partitions).await,
        }
    }
}
