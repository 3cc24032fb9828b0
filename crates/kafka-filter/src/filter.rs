//! What all connections of one plugin configuration on one worker share: labels, topic ids, series.

use kafka_wire::{error_code, schema};

use crate::config::{Config, Limits, ReporterSetting};
use crate::host::Host;
use crate::metrics::cardinality::{Admission, Labels};
use crate::metrics::catalog::{Label, Metric, Reporter};
use crate::metrics::recorder::{CALLBACK_DEFINITIONS_MAX, Recorder};
use crate::metrics::series::{Detail, Request, Series, Topic};
use crate::topic_directory::{NO_ID, TopicDirectory, TopicId};

/// The shared part of the filter.
pub struct Filter {
    config: Config,
    labels: Labels,
    topics: TopicDirectory,
    recorder: Recorder,
    announced: [bool; Reporter::ALL.len()],
    /// This worker admitted a label value since the last tick.
    admitted: bool,
}

impl Filter {
    /// A filter with this configuration. What workers share is kept apart by `namespace`: give the
    /// plugin's root id.
    #[must_use]
    pub fn new(config: Config, namespace: &str) -> Self {
        Self {
            labels: Labels::new(config.labels, namespace),
            topics: TopicDirectory::new(namespace, config.limits.topic_ids_max),
            recorder: Recorder::default(),
            announced: [false; Reporter::ALL.len()],
            admitted: false,
            config,
        }
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Says that the filter runs, where the configuration tells which reporter it is; elsewhere the
    /// first connection does.
    pub fn start<H: Host>(&mut self, host: &mut H) {
        if let ReporterSetting::Fixed(reporter) = self.config.reporter {
            self.announce(host, reporter);
            self.settle(host);
        }
    }

    /// Time for what did not fit into the callbacks: call it every second.
    pub fn on_tick<H: Host>(&mut self, host: &mut H) {
        if std::mem::take(&mut self.admitted) {
            self.count_label_values(host);
        }
        self.recorder.flush(host, &self.labels, CALLBACK_DEFINITIONS_MAX);
    }

    /// Hands everything that was counted to the host: call it before the filter ends.
    pub fn settle<H: Host>(&mut self, host: &mut H) {
        self.recorder.flush(host, &self.labels, u32::MAX);
    }

    /// Sets `label_values` to the shared counts. Two workers that admit at the same time may have
    /// set it in the wrong order.
    fn count_label_values<H: Host>(&mut self, host: &mut H) {
        for label in [Label::Topic, Label::Request, Label::ApiVersion, Label::Error] {
            for &reporter in Reporter::ALL {
                let count = self.labels.admitted(host, reporter, label);
                if count > 0 {
                    let series = Series::new(Metric::LabelValues, reporter).detail(label);
                    self.recorder.record(host, &self.labels, series, u64::from(count));
                }
            }
        }
    }

    /// Sets `build_info` for this reporter, once.
    pub(crate) fn announce<H: Host>(&mut self, host: &mut H, reporter: Reporter) {
        if let Some(announced) = self.announced.get_mut(reporter as usize)
            && !*announced
        {
            *announced = true;
            let series = Series::new(Metric::BuildInfo, reporter);
            self.recorder.record(host, &self.labels, series, 1);
        }
    }
}

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

    /// Adds to a counter or a gauge; the host hears of it at the end of the callback.
    pub(crate) fn add(&mut self, series: Series, amount: impl Into<i64>) {
        self.filter.recorder.add(series, amount.into());
    }

    /// As [`Self::add`], for amounts that come as sizes.
    pub(crate) fn add_size(&mut self, series: Series, amount: u64) {
        self.add(series, i64::try_from(amount).unwrap_or(i64::MAX));
    }

    /// Adds a sample to a histogram.
    pub(crate) fn sample(&mut self, series: Series, value: u64) {
        self.filter.recorder.record(self.host, &self.filter.labels, series, value);
    }

    /// Ends a callback: hands its counts to the host.
    pub(crate) fn flush(&mut self) {
        let Filter { recorder, labels, .. } = &mut *self.filter;
        recorder.flush(self.host, labels, CALLBACK_DEFINITIONS_MAX);
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
        match self.filter.labels.find_topic(self.host, name) {
            Some(Admission::Index(index) | Admission::First(index, _)) => {
                Some(Topic::admitted(index))
            }
            Some(Admission::Refused) => Some(self.topic_overflow()),
            None if self.filter.topics.is_known(self.host, name) => Some(self.admit_topic(name)),
            None => None,
        }
    }

    /// The topic of this name, which a broker's answer has named without error.
    pub(crate) fn admit_topic(&mut self, name: &[u8]) -> Topic {
        match self.filter.labels.admit_topic(self.host, self.reporter, name) {
            Admission::Index(index) => Topic::admitted(index),
            Admission::First(index, count) => {
                self.label_values(Label::Topic, count);
                Topic::admitted(index)
            }
            Admission::Refused => self.topic_overflow(),
        }
    }

    /// The topic with this id, which a broker gave it.
    pub(crate) fn topic_of_id(&mut self, id: &TopicId) -> Topic {
        if let Some(topic) = self.filter.topics.resolved(id) {
            if topic == Topic::OTHER {
                self.overflow(Label::Topic);
            }
            return topic;
        }
        let Some(name) = self.filter.topics.name(self.host, id) else {
            return Topic::UNRESOLVED;
        };
        let topic = self.admit_topic(&name);
        self.filter.topics.resolve(*id, topic);
        topic
    }

    /// A topic that is not and will not be a value of the label.
    pub(crate) fn topic_overflow(&mut self) -> Topic {
        self.overflow(Label::Topic);
        Topic::OTHER
    }

    /// A broker named a topic without error, perhaps with its id.
    pub(crate) fn learn_topic(&mut self, id: Option<&TopicId>, name: &[u8]) {
        self.filter.topics.learn(self.host, id.unwrap_or(&NO_ID), name);
    }

    fn number(&mut self, label: Label, number: i16) -> Option<u16> {
        match self.filter.labels.admit_number(self.host, self.reporter, label, number) {
            Admission::Index(index) => u16::try_from(index).ok(),
            Admission::First(index, count) => {
                self.label_values(label, count);
                u16::try_from(index).ok()
            }
            Admission::Refused => {
                self.overflow(label);
                None
            }
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

#[cfg(test)]
mod tests;
