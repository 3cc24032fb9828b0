//! What all connections of one plugin configuration on one worker share: labels, topic ids, series.

mod meter;

use crate::config::{Config, ReporterSetting};
use crate::connection::Wanted;
use crate::group_lag::{GroupLag, Names};
use crate::host::{Clock, Host};
use crate::metrics::cardinality::{CAPPED, Labels};
use crate::metrics::catalog::{Label, Metric, Reporter};
use crate::metrics::recorder::{CALLBACK_DEFINITIONS_MAX, Recorder};
use crate::metrics::series::{Party, Series, Topic};
use crate::topic_directory::TopicDirectory;
pub(crate) use meter::Meter;

/// The shared part of the filter.
pub struct Filter {
    config: Config,
    wanted: Wanted,
    labels: Labels,
    topics: TopicDirectory,
    recorder: Recorder,
    /// For each reporter that has connections.
    group_lag: [Option<GroupLag>; Reporter::ALL.len()],
    namespace: Box<str>,
    /// Partitions that all connections keep positions of.
    pub(crate) fetched_partitions: u32,
    announced: [bool; Reporter::ALL.len()],
    /// This worker admitted a label value since the last tick.
    admitted: bool,
    /// Milliseconds between the clock that never goes back and the one on the wall.
    unix_offset_ms: i64,
    /// For texts that are put together.
    text: String,
}

impl Filter {
    /// A filter with this configuration. What workers share is kept apart by `namespace`: give the
    /// plugin's root id.
    #[must_use]
    pub fn new(config: Config, namespace: &str) -> Self {
        Self {
            wanted: Wanted::new(config.metrics, config.access_log),
            labels: Labels::new(&config, namespace),
            topics: TopicDirectory::new(namespace, config.limits.topic_ids_max),
            recorder: Recorder::default(),
            group_lag: Default::default(),
            namespace: namespace.into(),
            fetched_partitions: 0,
            announced: [false; Reporter::ALL.len()],
            admitted: false,
            unix_offset_ms: 0,
            text: String::new(),
            config,
        }
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What is looked at in messages.
    pub(crate) fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Says that the filter runs, where the configuration tells which reporter it is; elsewhere the
    /// first connection does.
    pub fn start<H: Host>(&mut self, host: &mut H, now: Clock) {
        self.set_clock(now);
        if let ReporterSetting::Fixed(reporter) = self.config.reporter {
            self.announce(host, reporter);
            self.settle(host);
        }
    }

    /// Hands over what was counted, and does what does not belong into callbacks: call it every
    /// second.
    pub fn on_tick<H: Host>(&mut self, host: &mut H, now: Clock) {
        self.set_clock(now);
        if std::mem::take(&mut self.admitted) {
            self.count_label_values(host);
        }
        self.labels.on_tick();
        self.measure_group_lag(host, seconds(now.monotonic_ns));
        self.recorder.flush(host, &mut self.labels, CALLBACK_DEFINITIONS_MAX);
    }

    /// Tells other workers what this one knows of groups, and sets the gauges to what all know.
    fn measure_group_lag<H: Host>(&mut self, host: &mut H, now_s: u32) {
        for (&reporter, group_lag) in Reporter::ALL.iter().zip(&mut self.group_lag) {
            let Some(group_lag) = group_lag else { continue };
            let mut lags = Vec::new();
            let set = |_: &mut H, group, topic, lag| lags.push((group, topic, lag));
            let untracked = group_lag.tick(host, &self.labels, now_s, set);
            let series = Series::new(Metric::LagUntrackedPartitions, reporter);
            self.recorder.add(series, i64::from(untracked));
            let series = Series::new(Metric::GroupLag, reporter);
            for (group, topic, lag) in lags {
                let series = series.topic(topic).party(group);
                self.recorder.record(host, &mut self.labels, series, lag);
            }
        }
    }

    fn set_clock(&mut self, now: Clock) {
        self.unix_offset_ms = now.unix_ms.saturating_sub(milliseconds(now.monotonic_ns));
    }

    /// Hands everything that was counted to the host: call it before the filter ends.
    pub fn settle<H: Host>(&mut self, host: &mut H) {
        for (&reporter, group_lag) in Reporter::ALL.iter().zip(&mut self.group_lag) {
            let Some(group_lag) = group_lag else { continue };
            let series = Series::new(Metric::GroupLag, reporter);
            group_lag.give_up(host, |host, group, topic, lag| {
                let series = series.topic(topic).party(group);
                self.recorder.record(host, &mut self.labels, series, lag);
            });
        }
        self.recorder.flush(host, &mut self.labels, u32::MAX);
    }

    /// Sets `label_values` to the shared counts. Two workers that admit at the same time may have
    /// set it in the wrong order.
    fn count_label_values<H: Host>(&mut self, host: &mut H) {
        for label in CAPPED {
            for &reporter in Reporter::ALL {
                let count = self.labels.admitted(host, reporter, label);
                if count > 0 {
                    let series = Series::new(Metric::LabelValues, reporter).detail(label);
                    self.recorder.record(host, &mut self.labels, series, u64::from(count));
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
            self.recorder.record(host, &mut self.labels, series, 1);
        }
    }
}

impl Names for Labels {
    fn topic(&self, topic: Topic) -> Option<&[u8]> {
        self.topic_name(topic)
    }

    fn group(&self, group: Party) -> Option<&[u8]> {
        self.party_name(Label::Group, group)
    }
}

/// Whole seconds, for what lasts minutes.
pub(crate) fn seconds(ns: u64) -> u32 {
    u32::try_from(ns / NS_PER_S).unwrap_or(u32::MAX)
}

fn milliseconds(ns: u64) -> i64 {
    i64::try_from(ns / NS_PER_MS).unwrap_or(i64::MAX)
}

const NS_PER_MS: u64 = 1_000_000;
const NS_PER_S: u64 = 1_000_000_000;

#[cfg(test)]
mod tests;
