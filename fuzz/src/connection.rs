//! Conversations on connections of two workers, delivered in three ways: the laws L1 to L5.

use std::borrow::Cow;
use std::collections::BTreeSet;

use kafka_filter::metrics::catalog::Metric;
use kafka_filter::{Connection, Filter};

use crate::heap;
use crate::host::{MemoryHost, Snapshot};
use crate::script::{Expected, SLOTS, Script, Step};
use crate::source::CheckedSource;

/// Runs the target.
pub fn run(data: &[u8]) {
    let script = Script::new(data);
    let runs = runs(&script.steps);
    let as_told = Process::watch(&script, &runs, Delivery::AsTold);
    if script.reads_max.is_some() || script.faults.refused_metrics > 0 {
        // Which reads and which series fail depends on the split.
        return;
    }
    let bytewise = Process::watch(&script, &runs, Delivery::Bytewise);
    assert_same(&as_told, &bytewise, "byte by byte");
    let whole = Process::watch(&script, &runs, Delivery::Whole);
    assert_same(&as_told, &whole, "whole");
}

/// Whether each connection of the script is decoded to its end, in the order in which they end.
#[must_use]
pub fn verdicts(data: &[u8]) -> Vec<bool> {
    let script = Script::new(data);
    Process::watch(&script, &runs(&script.steps), Delivery::AsTold).1
}

/// What was counted, and whether each connection was decoded to its end.
type Outcome = (Snapshot, Vec<bool>);

/// Law L2, with no more of two outcomes in the message than differs.
fn assert_same(as_told: &Outcome, other: &Outcome, delivery: &str) {
    assert_eq!(as_told.1, other.1, "L2: verdicts, as told and {delivery}");
    let names: BTreeSet<&String> = as_told.0.keys().chain(other.0.keys()).collect();
    for name in names {
        let (told, other) = (as_told.0.get(name), other.0.get(name));
        assert_eq!(told, other, "L2: {name}, as told and {delivery}");
    }
}

/// How the bytes of a run are handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivery {
    AsTold,
    Bytewise,
    Whole,
}

/// Steps of one direction of one connection without another between them: only inside a run may the
/// split change, and a run has one time.
struct Run<'s> {
    slot: usize,
    way: Way<'s>,
}

enum Way<'s> {
    Pass { is_downstream: bool, pieces: Vec<(&'s [u8], usize)> },
    Close,
}

fn runs(steps: &[Step]) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    for step in steps {
        match step {
            Step::Close { slot } => runs.push(Run { slot: *slot, way: Way::Close }),
            Step::Pass { slot, is_downstream, bytes, piece } => match runs.last_mut() {
                Some(Run { slot: last, way: Way::Pass { is_downstream: way, pieces } })
                    if last == slot && way == is_downstream =>
                {
                    pieces.push((bytes, *piece));
                }
                _ => {
                    let pieces = vec![(&bytes[..], *piece)];
                    let way = Way::Pass { is_downstream: *is_downstream, pieces };
                    runs.push(Run { slot: *slot, way });
                }
            },
        }
    }
    runs
}

/// Two workers of one process, and their connections.
struct Process<'s> {
    script: &'s Script,
    host: MemoryHost,
    filters: [Filter; 2],
    slots: [Option<Connection>; SLOTS],
    /// Whether each connection was still decoded when it ended.
    verdicts: Vec<bool>,
}

impl<'s> Process<'s> {
    /// What was counted and decided when the script was delivered like this.
    fn watch(script: &'s Script, runs: &[Run<'_>], delivery: Delivery) -> Outcome {
        let filter = || Filter::new(script.config.clone(), "fuzz");
        let mut process = Self {
            script,
            host: MemoryHost::new(script.faults),
            filters: [filter(), filter()],
            slots: [const { None }; SLOTS],
            verdicts: Vec::new(),
        };
        for (index, run) in runs.iter().enumerate() {
            if script.counts_wait && index % TICK_RUNS == TICK_RUNS - 1 {
                process.filters.iter_mut().for_each(|filter| filter.on_tick(&mut process.host));
            }
            let now_ns = u64::try_from(index).unwrap_or(0) * 1_500_000;
            match &run.way {
                Way::Close => process.close(run.slot),
                Way::Pass { is_downstream, pieces } => {
                    process.open(run.slot);
                    for piece in cut(pieces, delivery) {
                        process.pass(run.slot, *is_downstream, now_ns, &piece);
                    }
                }
            }
        }
        process.finish()
    }

    /// Opens a connection where none is; also before a run of no bytes, of which there are no pieces.
    fn open(&mut self, slot: usize) {
        let filter = &mut self.filters[slot / (SLOTS - 1)];
        let host = &mut self.host;
        // The first and the last share their series, from two workers.
        let direction = [None, Some(1), None][slot];
        self.slots[slot].get_or_insert_with(|| Connection::open(filter, host, direction));
    }

    /// One callback.
    fn pass(&mut self, slot: usize, is_downstream: bool, now_ns: u64, bytes: &[u8]) {
        let Some(connection) = self.slots[slot].as_mut() else { return };
        let filter = &mut self.filters[slot / (SLOTS - 1)];
        let host = &mut self.host;
        let was_watched = connection.is_watched();
        let calls = host.calls();
        let opaque = host.total(Metric::ConnectionsOpaque);
        let mut source = match self.script.reads_max {
            Some(reads) => CheckedSource::failing_after(bytes, reads),
            None => CheckedSource::new(bytes),
        };
        if is_downstream {
            connection.on_downstream(filter, host, now_ns, &mut source);
        } else {
            connection.on_upstream(filter, host, now_ns, &mut source);
        }
        if !self.script.counts_wait {
            filter.settle(host);
        }
        let is_watched = connection.is_watched();
        if was_watched {
            let more = host.total(Metric::ConnectionsOpaque) - opaque;
            if self.is_exact() {
                assert_eq!(more, i64::from(!is_watched), "L4: opaque is counted once");
            }
        } else {
            assert!(!is_watched, "L4: opaque for good");
            assert_eq!(host.calls(), calls, "L4: an opaque connection counts nothing");
            assert_eq!(source.read_bytes(), 0, "L4: an opaque connection reads nothing");
        }
        self.check_sums();
    }

    fn close(&mut self, slot: usize) {
        let Some(mut connection) = self.slots[slot].take() else { return };
        let is_watched = connection.is_watched();
        self.verdicts.push(is_watched);
        let filter = &mut self.filters[slot / (SLOTS - 1)];
        let before = heap::live_bytes();
        connection.close(filter, &mut self.host);
        if !self.script.counts_wait {
            filter.settle(&mut self.host);
        }
        let calls = self.host.calls();
        connection.close(filter, &mut self.host);
        assert_eq!(self.host.calls(), calls, "a second close counts nothing");
        drop(connection);
        // The close may also add series, which only lowers what is seen here.
        let held = before - heap::live_bytes();
        let most = if is_watched { self.memory_max() } else { 0 };
        assert!(held <= most, "L3: a connection held {held} bytes, the bound is {most}");
        self.check_sums();
    }

    /// The most that one connection may hold under this configuration.
    fn memory_max(&self) -> isize {
        let in_flight = isize::try_from(self.script.config.limits.in_flight_max).unwrap_or(0);
        // The queue holds tokens besides requests, and grows by doubling.
        CONNECTION_MAX + (4 * in_flight + 16) * ENTRY_MAX
    }

    /// Whether all that was counted is known to the host after every callback.
    fn is_exact(&self) -> bool {
        self.script.faults.refused_metrics == 0 && !self.script.counts_wait
    }

    /// Laws that hold after every callback.
    fn check_sums(&self) {
        if !self.is_exact() {
            return;
        }
        let total = |metric| self.host.total(metric);
        let in_flight = total(Metric::RequestsInFlight);
        let accounted = total(Metric::Responses)
            + total(Metric::UnacknowledgedRequests)
            + total(Metric::InFlightEvicted)
            + in_flight;
        assert_eq!(total(Metric::Requests), accounted, "L5: requests and what became of them");
        let open = self.slots.iter().flatten().count();
        let open = i64::try_from(open).expect("a few");
        assert_eq!(total(Metric::ConnectionsActive), open, "connections open");
        let bound = i64::from(self.script.config.limits.in_flight_max) + 1;
        assert!(in_flight <= bound * open, "L3: {in_flight} in flight on {open} connections");
        assert!(total(Metric::ThrottledResponses) <= total(Metric::Responses));
        assert!(total(Metric::TopicErrors) <= total(Metric::ResponseErrors));
    }

    /// Laws that hold at the end.
    fn finish(mut self) -> Outcome {
        for slot in 0..SLOTS {
            self.close(slot);
        }
        for filter in &mut self.filters {
            filter.settle(&mut self.host);
        }
        let total = |metric| self.host.total(metric);
        assert_eq!(total(Metric::ConnectionsActive), 0, "a gauge that is left over");
        assert_eq!(total(Metric::RequestsInFlight), 0, "a gauge that is left over");
        if self.script.faults.refused_metrics == 0 {
            assert_eq!(total(Metric::ConnectionsOpened), total(Metric::ConnectionsClosed));
        }
        let config = &self.script.config;
        self.host.check_bounds(config.labels, config.limits.topic_ids_max);
        if let Some(expected) = &self.script.expected {
            self.check_expected(expected);
        }
        let before = heap::live_bytes();
        drop(self.filters);
        let held = before - heap::live_bytes();
        assert!(held <= FILTERS_MAX, "L3: two workers held {held} bytes");
        (self.host.snapshot(), self.verdicts)
    }

    /// A conversation of nothing but right messages is counted exactly, and never given up.
    fn check_expected(&self, expected: &Expected) {
        let total = |metric| self.host.total(metric);
        assert_eq!(total(Metric::ConnectionsOpaque), 0, "a right conversation was given up");
        assert_eq!(total(Metric::UndecodedMessages), 0, "a right message was not decoded");
        let counted = Expected {
            requests: (total(Metric::Requests), total(Metric::RequestBytes)),
            responses: (total(Metric::Responses), total(Metric::ResponseBytes)),
            errors: total(Metric::ResponseErrors),
            throttled: (total(Metric::ThrottledResponses), total(Metric::ThrottleTime)),
            unacknowledged: total(Metric::UnacknowledgedRequests),
            evicted: total(Metric::InFlightEvicted),
            produced: crate::records::Count {
                records: total(Metric::TopicProducedRecords),
                bytes: total(Metric::TopicProducedBytes),
                batches: total(Metric::TopicProducedBatches),
            },
            fetched: crate::records::Count {
                records: total(Metric::TopicFetchedRecords),
                bytes: total(Metric::TopicFetchedBytes),
                batches: total(Metric::TopicFetchedBatches),
            },
        };
        assert_eq!(counted, *expected, "counted and expected");
    }
}

/// The callbacks of a run.
fn cut<'s>(pieces: &[(&'s [u8], usize)], delivery: Delivery) -> Vec<Cow<'s, [u8]>> {
    let cut = |size: usize| {
        let borrowed = move |&(bytes, _): &(&'s [u8], usize)| bytes.chunks(size).map(Cow::Borrowed);
        pieces.iter().flat_map(borrowed).collect()
    };
    match (delivery, pieces) {
        (Delivery::Bytewise, _) => cut(1),
        (Delivery::Whole, [(bytes, _)]) => vec![Cow::Borrowed(*bytes)],
        (Delivery::Whole, pieces) => {
            let bytes: Vec<&[u8]> = pieces.iter().map(|(bytes, _)| *bytes).collect();
            vec![Cow::Owned(bytes.concat())]
        }
        (Delivery::AsTold, pieces) => pieces
            .iter()
            .flat_map(|(bytes, size)| bytes.chunks((*size).max(1)).map(Cow::Borrowed))
            .collect(),
    }
}

/// Runs between two ticks.
const TICK_RUNS: usize = 4;
/// State of a connection without its table of requests, in bytes: the decoders' buffers, topics that
/// wait for a name, topics of a long response.
const CONNECTION_MAX: isize = 24 * 1024;
/// Bytes of an entry in the table of requests, at most.
const ENTRY_MAX: isize = 64;
/// What two workers keep under the small caps of these scripts, in bytes.
const FILTERS_MAX: isize = 2 * 1024 * 1024;
