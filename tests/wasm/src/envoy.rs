//! What all workers of one process share: stats, shared data, the log and the clock.

use std::cell::{Ref, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::artifact;
use crate::worker::Worker;

/// A process with the filter in it.
#[derive(Clone, Default)]
pub struct Envoy {
    process: Rc<RefCell<Process>>,
}

/// The state behind an [`Envoy`].
#[derive(Default)]
pub(crate) struct Process {
    pub(crate) stats: BTreeMap<String, Stat>,
    pub(crate) shared: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
    pub(crate) last_version: u32,
    pub(crate) log: Vec<LogLine>,
    pub(crate) clock_ns: u64,
    /// What streams told the access log, by key; the last text of any stream.
    pub(crate) filter_state: BTreeMap<String, String>,
}

/// One stat, as Envoy keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stat {
    /// The sum of what was added.
    Counter(u64),
    /// The present value.
    Gauge(i64),
    /// Every sample, in order.
    Histogram(Vec<u64>),
}

/// One record of the filter's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// 0 trace to 5 critical.
    pub level: u32,
    /// The message.
    pub text: String,
}

/// Level of a warning in the ABI; what is above is worse.
const WARN: u32 = 3;

impl Envoy {
    /// A process without workers, stats or shared data.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What a stream told the access log last under this key.
    #[must_use]
    pub fn filter_state(&self, key: &str) -> Option<String> {
        self.process.borrow().filter_state.get(key).cloned()
    }

    /// Starts the filter's VM on one more worker.
    #[must_use]
    pub fn worker(&self) -> Worker {
        Worker::start(Rc::clone(&self.process), artifact::module())
    }

    /// The same with functions that have their names, for [`Worker::stack_after`].
    #[must_use]
    pub fn named_worker(&self) -> Worker {
        Worker::start(Rc::clone(&self.process), artifact::named_module())
    }

    /// Moves the monotonic clock on.
    pub fn advance_us(&self, microseconds: u64) {
        self.process.borrow_mut().clock_ns += microseconds * 1_000;
    }

    /// The stat of this name, if it was ever defined.
    #[must_use]
    pub fn stat(&self, name: &str) -> Option<Stat> {
        self.process.borrow().stats.get(name).cloned()
    }

    /// All stats by name.
    #[must_use]
    pub fn stats(&self) -> Ref<'_, BTreeMap<String, Stat>> {
        Ref::map(self.process.borrow(), |process| &process.stats)
    }

    /// The value of a counter; 0 when it was never defined.
    #[must_use]
    pub fn counter(&self, name: &str) -> u64 {
        match self.stat(name) {
            None => 0,
            Some(Stat::Counter(value)) => value,
            Some(other) => panic!("{name} is no counter but {other:?}"),
        }
    }

    /// The value of a gauge; 0 when it was never defined.
    #[must_use]
    pub fn gauge(&self, name: &str) -> i64 {
        match self.stat(name) {
            None => 0,
            Some(Stat::Gauge(value)) => value,
            Some(other) => panic!("{name} is no gauge but {other:?}"),
        }
    }

    /// The samples of a histogram; none when it was never defined.
    #[must_use]
    pub fn samples(&self, name: &str) -> Vec<u64> {
        match self.stat(name) {
            None => Vec::new(),
            Some(Stat::Histogram(samples)) => samples,
            Some(other) => panic!("{name} is no histogram but {other:?}"),
        }
    }

    /// Size of the shared data, keys and values; Envoy keeps it until it ends.
    #[must_use]
    pub fn shared_bytes(&self) -> usize {
        let process = self.process.borrow();
        process.shared.iter().map(|(key, (value, _))| key.len() + value.len()).sum()
    }

    /// What the filter logged as a warning or worse.
    #[must_use]
    pub fn complaints(&self) -> Vec<LogLine> {
        self.process.borrow().log.iter().filter(|line| line.level >= WARN).cloned().collect()
    }
}
