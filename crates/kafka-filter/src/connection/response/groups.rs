//! What a response says of groups: errors, rebalances, generations, committed offsets.

use super::ResponseHandler;
use crate::connection::commits::Commit;
use crate::connection::wanted::{self, JOIN_GROUP};
use crate::group_lag::GroupOffset;
use crate::host::Host;
use crate::in_flight::Sent;
use crate::metrics::catalog::Metric;
use crate::metrics::groups::MetricGroup;
use crate::metrics::series::{Party, Request};

impl<H: Host> ResponseHandler<'_, H> {
    pub(super) fn group_error(
        &mut self,
        group: Option<Party>,
        request: Request,
        code: i16,
        count: u32,
    ) {
        if let Some(group) = group
            && self.meter.counts(MetricGroup::Groups)
        {
            let error = self.meter.error(code);
            let series = self.meter.series(Metric::GroupErrors);
            self.meter.add(series.request(request).detail(error).party(group), count);
        }
    }

    /// Counts the errors of the group that was read, and closes its part of the response.
    pub(super) fn group_ends(&mut self, sent: Sent) {
        let (group, errors) = self.state.group.end();
        for (code, count) in errors.iter() {
            self.group_error(group, sent.request, code, count);
        }
    }

    /// Counts what only answers to group requests have.
    pub(super) fn count_group(&mut self, sent: Sent) {
        self.group_ends(sent);
        let Some(group) = self.state.group.answered_group() else { return };
        if sent.api_key == JOIN_GROUP && self.meter.counts(MetricGroup::Groups) {
            let series = self.meter.series(Metric::GroupJoinDuration).party(group);
            self.meter.sample(series, self.elapsed_us(sent));
        }
        if wanted::shows_life(sent.api_key) {
            // A heartbeat tells its generation, an answer to a join the one that begins.
            let generation = self.state.group.generation.max(sent.generation);
            self.meter.group_is_alive(group, generation, self.now_ns);
        }
    }

    /// A generation or a member's epoch in an answer.
    pub(super) fn generation(&mut self, generation: i32) {
        let Some(sent) = self.state.current else { return };
        if let Some(group) = self.state.group.answered_group()
            && wanted::has_member_epoch(sent.api_key)
            && generation > sent.generation.max(0)
        {
            self.rebalanced(group);
        }
        self.state.group.generation = generation;
    }

    /// A member of a classic group is answered: the leader's answer stands for the rebalance.
    pub(super) fn joined(&mut self, member: &[u8]) {
        if self.state.group.is_leader(member)
            && let Some(group) = self.state.group.group()
        {
            self.rebalanced(group);
        }
    }

    fn rebalanced(&mut self, group: Party) {
        if self.meter.counts(MetricGroup::Groups) {
            self.meter.add(self.meter.series(Metric::GroupRebalances).party(group), 1);
        }
    }

    /// An OffsetFetch tells what a group has committed.
    pub(super) fn told_offset(&mut self, sent: Sent) {
        if self.state.in_topic
            && sent.commits == 0
            && self.meter.counts(MetricGroup::Lag)
            && let Some(offset) = self.state.partition.committed_offset.take()
            && let Some(group) = self.state.group.group()
        {
            if offset < 0 && !self.is_known_topic() {
                return;
            }
            let topic = self.named_topic();
            let (partition, generation) = (self.state.partition.index, sent.generation);
            let offset = GroupOffset { group, topic, partition, offset, generation };
            self.meter.told_offset(&offset, self.now_ns);
        }
    }

    /// Applies the offsets that a request has committed, but those that were refused.
    pub(super) fn committed(&mut self, sent: Sent) {
        let (meter, now_ns) = (&mut self.meter, self.now_ns);
        self.shared.commits.answered(sent.commits, |commit| {
            if let Some(group) = sent.group {
                let Commit { topic, partition, offset } = commit;
                let generation = sent.generation;
                let offset = GroupOffset { group, topic, partition, offset, generation };
                meter.committed(&offset, now_ns);
            }
        });
    }
}
