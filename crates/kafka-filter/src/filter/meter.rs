//! How a connection counts: through the labels, topics and series that all share, for its own reporter.

use kafka_wire::{error_code, schema};

use super::{Filter, milliseconds, seconds};
use crate::config::Limits;
use crate::group_lag::{Bounds, GroupLag, GroupOffset};
use crate::host::{Fact, Host};
use crate::metrics::cardinality::Admission;
use crate::metrics::catalog::{Label, Metric, Reporter};
use crate::metrics::groups::MetricGroup;
use crate::metrics::name::{Value, write_value};
use crate::metrics::recorder::CALLBACK_DEFINITIONS_MAX;
use crate::metrics::series::{Detail, Party, Request, Series, Topic};
use crate::topic_directory::{NO_ID, TopicId};

/// A connection's hand on the shared part: counts for its reporter.
pub(crate) struct Meter<'a, H: Host> {
    pub(crate) filter: &'a mut Filter,
    pub(crate) host: &'a mut H,
    pub(crate) reporter: Reporter,
}

impl<H: Host> Meter<'_, H> {
    pub(crate) fn limits(&self) -> &Limits {
        &self.filter.config.limits
    }

    /// The series of a metric, for further labels.
    pub(crate) fn series(&self, metric: Metric) -> Series {
        Series::new(metric, self.reporter)
    }

    /// Whether the metrics of this group are counted.
    pub(crate) fn counts(&self, group: MetricGroup) -> bool {
        self.filter.config.metrics.contains(group)
    }

    /// Adds to a counter or a gauge; the host hears of it at the next tick.
    pub(crate) fn add(&mut self, series: Series, amount: impl Into<i64>) {
        self.filter.recorder.add(series, amount.into());
    }

    /// As [`Self::add`], for amounts that come as sizes.
    pub(crate) fn add_size(&mut self, series: Series, amount: u64) {
        self.add(series, i64::try_from(amount).unwrap_or(i64::MAX));
    }

    /// Has a gauge shown that may stay at zero.
    pub(crate) fn show(&mut self, series: Series) {
        self.filter.recorder.show(series);
    }

    /// Adds a sample to a histogram, or sets a gauge.
    pub(crate) fn sample(&mut self, series: Series, value: u64) {
        let Filter { recorder, labels, .. } = &mut *self.filter;
        recorder.record(self.host, labels, series, value);
    }

    /// Ends a callback: makes series that are new known to the host.
    pub(crate) fn finish(&mut self) {
        let Filter { recorder, labels, .. } = &mut *self.filter;
        recorder.define_new(self.host, labels, CALLBACK_DEFINITIONS_MAX);
    }

    /// Milliseconds since 1970 at this point of the clock that never goes back.
    pub(crate) fn unix_ms(&self, now_ns: u64) -> i64 {
        milliseconds(now_ns).saturating_add(self.filter.unix_offset_ms)
    }

    /// Tells the access log what peers said, escaped as label values are, if it is to know: parts
    /// with `separator` between.
    pub(crate) fn note<'v>(
        &mut self,
        fact: Fact,
        separator: char,
        parts: impl Iterator<Item = &'v [u8]>,
    ) {
        if !self.filter.config.access_log {
            return;
        }
        let text = &mut self.filter.text;
        text.clear();
        for part in parts {
            if !text.is_empty() {
                text.push(separator);
            }
            write_value(text, Value::Peer(part));
        }
        // A quote would end a field of a text log.
        if text.contains(['"', '\\']) {
            *text = text.replace('\\', "%5C").replace('"', "%22");
        }
        self.host.note(fact, text);
    }

    /// Tells the access log the names of topics.
    pub(crate) fn note_topics(&mut self, topics: &[Topic]) {
        let Filter { config, labels, text, .. } = &mut *self.filter;
        if !config.access_log {
            return;
        }
        text.clear();
        for name in topics.iter().filter_map(|&topic| labels.topic_name(topic)) {
            if !text.is_empty() {
                text.push(',');
            }
            write_value(text, Value::Peer(name));
        }
        self.host.note(Fact::Topics, text);
    }

    /// The label value of an API key.
    pub(crate) fn request(&mut self, api_key: i16) -> Request {
        if schema::api(api_key).is_some() {
            return Request::known(api_key);
        }
        match self.number(Label::Request, api_key) {
            Some(index) => Request::admitted(index),
            None => Request::OTHER,
        }
    }

    /// The label value of a version of this API.
    pub(crate) fn version(&mut self, api_key: i16, version: i16) -> Detail {
        let api = schema::api(api_key);
        if api.is_some_and(|api| api.request.versions.contains(version)) {
            return Detail::version(version);
        }
        self.number(Label::ApiVersion, version).map_or(Detail::OTHER, Detail::admitted)
    }

    /// The label value of an error code other than zero.
    pub(crate) fn error(&mut self, code: i16) -> Detail {
        if error_code::name(code).is_some() {
            return Detail::error(code);
        }
        self.number(Label::Error, code).map_or(Detail::OTHER, Detail::admitted)
    }

    /// The topic of this name if it may be a label value already: it was admitted, or a broker has
    /// named it. `None` when it may become one.
    pub(crate) fn find_topic(&mut self, name: &[u8]) -> Option<Topic> {
        match self.filter.labels.find(self.host, Label::Topic, name) {
            Some(admission) => {
                let topic = self.admitted(Label::Topic, admission);
                Some(topic.map_or(Topic::OTHER, Topic::admitted))
            }
            None if self.filter.topics.is_known(self.host, name) => Some(self.admit_topic(name)),
            None => None,
        }
    }

    /// The topic of this name, which a broker's answer has named without error.
    pub(crate) fn admit_topic(&mut self, name: &[u8]) -> Topic {
        self.admit(Label::Topic, name).map_or(Topic::OTHER, Topic::admitted)
    }

    /// The topic with this id, which a broker gave it.
    pub(crate) fn topic_of_id(&mut self, id: &TopicId) -> Topic {
        match self.filter.topics.resolved(id) {
            Some(Topic::DENIED) => return Topic::OTHER,
            Some(Topic::OTHER) => return self.topic_overflow(),
            Some(topic) => return topic,
            None => {}
        }
        let Some(name) = self.filter.topics.name(self.host, id) else {
            return Topic::UNRESOLVED;
        };
        let Filter { labels, .. } = &mut *self.filter;
        let admission = labels.admit(self.host, self.reporter, Label::Topic, &name);
        let topic = match admission {
            Admission::Denied => Topic::DENIED,
            other => self.admitted(Label::Topic, other).map_or(Topic::OTHER, Topic::admitted),
        };
        self.filter.topics.resolve(*id, topic);
        if topic == Topic::DENIED { Topic::OTHER } else { topic }
    }

    /// The client that calls itself so, as far as the configuration wants to tell clients apart;
    /// `None` when too many names were looked at in this second, to be asked for again.
    pub(crate) fn client(&mut self, id: &[u8]) -> Option<Party> {
        let Filter { config, labels, .. } = &mut *self.filter;
        let has_patterns = !config.rewrites.is_empty() || !config.patterns.client_id.is_empty();
        if has_patterns && !labels.may_match() {
            self.overflow(Label::ClientId);
            return None;
        }
        let id = config.rewrites.apply(id);
        if id.is_empty() {
            return Some(Party::NONE);
        }
        let admission = labels.admit(self.host, self.reporter, Label::ClientId, &id);
        let index = self.admitted(Label::ClientId, admission);
        Some(index.map_or(Party::OTHER, Party::admitted))
    }

    /// The group or the software of this name.
    pub(crate) fn party(&mut self, label: Label, name: &[u8]) -> Party {
        if name.is_empty() {
            return Party::NONE;
        }
        self.admit(label, name).map_or(Party::OTHER, Party::admitted)
    }

    /// The version of a client's software.
    pub(crate) fn software_version(&mut self, version: &[u8]) -> Detail {
        let index = self.admit(Label::SoftwareVersion, version);
        let index = index.and_then(|index| u16::try_from(index).ok());
        index.map_or(Detail::OTHER, Detail::admitted)
    }

    /// A topic that is not and will not be a value of the label.
    pub(crate) fn topic_overflow(&mut self) -> Topic {
        self.overflow(Label::Topic);
        Topic::OTHER
    }

    /// A group or software whose name is too long to be shown.
    pub(crate) fn party_overflow(&mut self, label: Label) -> Party {
        self.overflow(label);
        Party::OTHER
    }

    /// The lag of a partition is not followed: there are too many.
    pub(crate) fn lag_untracked(&mut self) {
        self.add(self.series(Metric::LagUntrackedPartitions), 1);
    }

    /// A broker told a consumer how far a partition reaches.
    pub(crate) fn watermark(&mut self, topic: Topic, partition: i32, offset: i64, now_ns: u64) {
        if !self.group_lag().watermark(topic, partition, offset, seconds(now_ns)) {
            self.lag_untracked();
        }
    }

    /// A group has committed an offset.
    pub(crate) fn committed(&mut self, offset: &GroupOffset, now_ns: u64) {
        if !self.group_lag().committed(offset, seconds(now_ns)) {
            self.lag_untracked();
        }
    }

    /// A coordinator told what a group has committed.
    pub(crate) fn told_offset(&mut self, offset: &GroupOffset, now_ns: u64) {
        if !self.group_lag().told(offset, seconds(now_ns)) {
            self.lag_untracked();
        }
    }

    /// A member of this generation took part in its group.
    pub(crate) fn group_is_alive(&mut self, group: Party, generation: i32, now_ns: u64) {
        if self.counts(MetricGroup::Lag) {
            self.group_lag().alive(group, generation, seconds(now_ns));
        }
    }

    fn group_lag(&mut self) -> &mut GroupLag {
        let Filter { group_lag, namespace, config, .. } = &mut *self.filter;
        let [source, destination, proxy] = group_lag;
        let place = match self.reporter {
            Reporter::Source => source,
            Reporter::Destination => destination,
            Reporter::Proxy => proxy,
        };
        let reporter = self.reporter;
        place.get_or_insert_with(|| {
            let bounds = Bounds {
                partitions_max: config.limits.lag_partitions_max,
                pairs_max: config.limits.combinations_max,
                stale_s: config.limits.lag_stale_seconds,
            };
            GroupLag::new(namespace, reporter, bounds)
        })
    }

    /// A broker named a topic without error, perhaps with its id.
    pub(crate) fn learn_topic(&mut self, id: Option<&TopicId>, name: &[u8]) {
        self.filter.topics.learn(self.host, id.unwrap_or(&NO_ID), name);
    }

    fn number(&mut self, label: Label, number: i16) -> Option<u16> {
        self.admit(label, &number.to_be_bytes()).and_then(|index| u16::try_from(index).ok())
    }

    fn admit(&mut self, label: Label, value: &[u8]) -> Option<u32> {
        let admission = self.filter.labels.admit(self.host, self.reporter, label, value);
        self.admitted(label, admission)
    }

    /// The index of a value, unless it reads `__other__`.
    fn admitted(&mut self, label: Label, admission: Admission) -> Option<u32> {
        match admission {
            Admission::Index(index) => Some(index),
            Admission::First(index, count) => {
                self.label_values(label, count);
                Some(index)
            }
            Admission::Refused => {
                self.overflow(label);
                None
            }
            // As the configuration wants it: nothing has overflowed.
            Admission::Denied => None,
        }
    }

    fn label_values(&mut self, label: Label, count: u32) {
        self.filter.admitted = true;
        let series = self.series(Metric::LabelValues).detail(label);
        self.sample(series, u64::from(count));
    }

    fn overflow(&mut self, label: Label) {
        self.add(self.series(Metric::LabelValuesOverflowed).detail(label), 1);
    }
}
