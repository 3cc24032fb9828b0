//! What a response says of topics and their partitions.

use super::ResponseHandler;
use crate::connection::fetch_lag::Answer;
use crate::connection::tally::Way;
use crate::connection::wanted::{self, FETCH, PRODUCE};
use crate::filter::seconds;
use crate::host::Host;
use crate::in_flight::Sent;
use crate::metrics::catalog::Metric;
use crate::metrics::groups::MetricGroup;
use crate::metrics::series::{Request, Topic};

impl<H: Host> ResponseHandler<'_, H> {
    /// A topic's part of the response ends.
    pub(super) fn answered(&mut self) {
        let Some(sent) = self.state.current else { return };
        self.partition_ends(sent);
        self.state.in_topic = false;
        if wanted::moves_records(sent.api_key) {
            let topic = self.named_topic();
            self.moved(sent, topic);
            self.count_errors(sent.request, topic);
            return;
        }
        if wanted::tells_topics(sent.api_key)
            && self.state.topic.success
            && let Some(name) = self.state.topic.name()
        {
            self.meter.learn_topic(self.state.topic.id(), name);
        }
        if self.state.topic.errors().iter().next().is_some() {
            let topic = self.named_topic();
            self.count_errors(sent.request, topic);
        }
    }

    /// The label value of the topic that is being read, as far as it is known by now.
    pub(super) fn named_topic(&mut self) -> Topic {
        if let Some(topic) = self.state.topic.label {
            return topic;
        }
        let scope = &self.state.topic;
        let topic = match (scope.id(), scope.name()) {
            (Some(id), _) => self.meter.topic_of_id(id),
            (None, Some(name)) if scope.success => self.meter.admit_topic(name),
            (None, Some(name)) => match self.meter.find_topic(name) {
                Some(topic) => topic,
                // A later partition may be answered without error and so confirm the name.
                None if self.state.topic.overflowed => return Topic::OTHER,
                None => {
                    self.state.topic.overflowed = true;
                    return self.meter.topic_overflow();
                }
            },
            (None, None) => self.meter.topic_overflow(),
        };
        self.state.topic.label = Some(topic);
        topic
    }

    /// Whether the topic that is being read has a label value, or is to have one.
    pub(super) fn is_known_topic(&mut self) -> bool {
        let scope = &self.state.topic;
        scope.label.is_some()
            || scope.success
            || scope.id().is_some()
            || scope.name().is_some_and(|name| self.meter.find_topic(name).is_some())
    }

    /// Counts what was produced to the topic before it had a name, or what was fetched from it.
    fn moved(&mut self, sent: Sent, topic: Topic) {
        if sent.api_key == PRODUCE {
            while let Some((client, tally)) =
                self.state.topic.name().and_then(|name| self.shared.unnamed.take(name))
            {
                tally.count(&mut self.meter, Way::Produced, topic, client);
            }
        } else {
            self.state.topic.tally.count(&mut self.meter, Way::Fetched, topic, sent.client);
        }
        if sent.request == Request::FETCH_FOLLOWER {
            return;
        }
        self.shared.identity.saw_topic(&mut self.meter, topic);
        if sent.api_key == FETCH && self.meter.counts(MetricGroup::Lag) {
            self.meter.show(self.meter.series(Metric::TopicFetchLag).topic(topic));
        }
        if !self.meter.counts(MetricGroup::TopicDuration) {
            return;
        }
        if self.state.topics.len() < TOPICS_MAX {
            self.state.topics.push(topic);
        } else {
            // Too many to keep until the end: its time is taken now, which is all but the end.
            self.topic_duration(sent, topic);
        }
    }

    /// The partition that was read ends: another begins, or its topic ends.
    pub(super) fn partition_ends(&mut self, sent: Sent) {
        let partition = std::mem::take(&mut self.state.partition);
        let Some(high_watermark) = partition.high_watermark else { return };
        if sent.api_key != FETCH || sent.request == Request::FETCH_FOLLOWER {
            return;
        }
        let topic = if high_watermark >= 0 {
            self.named_topic()
        } else {
            self.state.topic.label.unwrap_or(Topic::UNRESOLVED)
        };
        let answer = Answer {
            label: topic,
            partition: partition.index,
            high_watermark,
            next_offset: partition.next_offset,
        };
        let (key, now_s) = (self.state.topic.key(), seconds(self.now_ns));
        let kept = self
            .shared
            .follow(&mut self.meter, |lag, max, each| lag.answered(key, &answer, now_s, max, each));
        if !kept {
            self.meter.lag_untracked();
        }
        if high_watermark >= 0 {
            self.meter.watermark(topic, partition.index, high_watermark, self.now_ns);
        }
    }

    fn count_errors(&mut self, request: Request, topic: Topic) {
        for (code, count) in self.state.topic.errors().iter() {
            self.topic_error(topic, request, code, count);
        }
    }

    pub(super) fn topic_error(&mut self, topic: Topic, request: Request, code: i16, count: u32) {
        if self.meter.counts(MetricGroup::Topics) {
            let error = self.meter.error(code);
            let series = self.meter.series(Metric::TopicErrors);
            self.meter.add(series.topic(topic).request(request).detail(error), count);
        }
    }

    pub(super) fn topic_duration(&mut self, sent: Sent, topic: Topic) {
        let series = self.meter.series(Metric::TopicRequestDuration);
        self.meter.sample(series.topic(topic).request(sent.request), self.elapsed_us(sent));
    }
}

/// Topics of one response that are kept until its end.
const TOPICS_MAX: usize = 1024;
