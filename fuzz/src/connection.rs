//! Conversations on connections of two workers, delivered in three ways: the laws L1 to L5.

mod outcome;

use std::borrow::Cow;
use std::collections::BTreeMap;

use kafka_filter::metrics::catalog::{Label, Metric};
use kafka_filter::{Clock, Connection, Fact, Filter};

use crate::heap;
use crate::host::MemoryHost;
use crate::script::{Expected, SLOTS, Script, Step};
use crate::source::CheckedSource;
pub use outcome::{Outcome, Verdict};

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
    as_told.assert_same(&bytewise, &script, "byte by byte");
    let whole = Process::watch(&script, &runs, Delivery::Whole);
    as_told.assert_same(&whole, &script, "whole");
}

/// What comes of a script that is delivered as told.
#[must_use]
pub fn outcome(data: &[u8]) -> Outcome {
    let script = Script::new(data);
    Process::watch(&script, &runs(&script.steps), Delivery::AsTold)
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
enum Run<'s> {
    Pass { slot: usize, is_downstream: bool, pieces: Vec<(&'s [u8], usize)> },
    Close { slot: usize },
    Tick { seconds: u32, workers: [bool; 2] },
}

fn runs(steps: &[Step]) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    for step in steps {
        match step {
            Step::Close { slot } => runs.push(Run::Close { slot: *slot }),
            Step::Tick { seconds, workers } => {
                runs.push(Run::Tick { seconds: *seconds, workers: *workers });
            }
            Step::Pass { slot, is_downstream, bytes, piece } => match runs.last_mut() {
                Some(Run::Pass { slot: last, is_downstream: way, pieces })
                    if last == slot && way == is_downstream =>
                {
                    pieces.push((bytes, *piece));
                }
                _ => runs.push(Run::Pass {
                    slot: *slot,
                    is_downstream: *is_downstream,
                    pieces: vec![(&bytes[..], *piece)],
                }),
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
    verdicts: [Verdict; SLOTS],
    now_ns: u64,
    ended: Vec<Verdict>,
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
            verdicts: Default::default(),
            now_ns: STARTED_NS,
            ended: Vec::new(),
        };
        let clock = process.clock();
        process.filters.iter_mut().for_each(|filter| filter.start(&mut process.host, clock));
        for run in runs {
            process.now_ns += RUN_NS;
            match run {
                Run::Close { slot } => process.close(*slot),
                Run::Tick { seconds, workers } => {
                    process.now_ns += u64::from(*seconds) * NS_PER_S;
                    process.tick(*workers);
                }
                Run::Pass { slot, is_downstream, pieces } => {
                    process.open(*slot);
                    for piece in cut(pieces, delivery) {
                        process.pass(*slot, *is_downstream, &piece);
                    }
                }
            }
        }
        process.finish()
    }

    fn clock(&self) -> Clock {
        let passed_ms = i64::try_from(self.now_ns / NS_PER_MS).unwrap_or(i64::MAX);
        Clock { monotonic_ns: self.now_ns, unix_ms: UNIX_MS.saturating_add(passed_ms) }
    }

    fn tick(&mut self, workers: [bool; 2]) {
        let clock = self.clock();
        for (filter, _) in self.filters.iter_mut().zip(workers).filter(|(_, ticks)| *ticks) {
            filter.on_tick(&mut self.host, clock);
        }
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
    fn pass(&mut self, slot: usize, is_downstream: bool, bytes: &[u8]) {
        let now_ns = self.now_ns;
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
        self.hear_facts(slot);
        self.check_sums();
    }

    /// What the access log was told in a callback of this connection.
    fn hear_facts(&mut self, slot: usize) {
        for (fact, text) in self.host.take_facts() {
            assert!(self.script.config.access_log, "{fact:?} is told unasked");
            let before = self.verdicts[slot].facts.insert(fact, text);
            let (Some(before), Some(after)) = (before, self.verdicts[slot].facts.get(&fact)) else {
                continue;
            };
            let is_longer = fact == Fact::Topics && after.starts_with(&before);
            assert!(is_longer, "{fact:?} was {before} and is {after}");
        }
    }

    fn close(&mut self, slot: usize) {
        let Some(mut connection) = self.slots[slot].take() else { return };
        let is_watched = connection.is_watched();
        let most = self.memory_max();
        let filter = &mut self.filters[slot / (SLOTS - 1)];
        let before = heap::live_bytes();
        connection.close(filter, &mut self.host);
        // The close may also add series, which only lowers what is seen here.
        let held = before - heap::live_bytes();
        let most = if is_watched { most } else { 0 };
        assert!(held <= most, "L3: a connection held {held} bytes, the bound is {most}");
        if !self.script.counts_wait {
            filter.settle(&mut self.host);
        }
        let calls = self.host.calls();
        connection.close(filter, &mut self.host);
        assert_eq!(self.host.calls(), calls, "a second close counts nothing");
        self.hear_facts(slot);
        let verdict = std::mem::take(&mut self.verdicts[slot]);
        self.ended.push(Verdict { is_watched, ..verdict });
        self.check_sums();
    }

    /// The most that one connection may hold under this configuration.
    fn memory_max(&self) -> isize {
        let limits = &self.script.config.limits;
        let bytes = |count: u32, size: isize| isize::try_from(count).unwrap_or(0) * size;
        // The queue holds tokens besides requests, and both queues grow by doubling; nodes of trees
        // are half full.
        CONNECTION_MAX
            + bytes(4 * limits.in_flight_max + 16, ENTRY_MAX)
            + bytes(2 * limits.lag_partitions_max + 16, PARTITION_MAX)
            + bytes(2 * self.script.offsets_max, COMMIT_MAX)
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
        let bytes = total(Metric::InFlightRequestBytes);
        assert!(bytes >= in_flight * REQUEST_SIZE_MIN, "{bytes} bytes of {in_flight} requests");
        assert!(in_flight > 0 || bytes == 0, "{bytes} bytes of no requests");
        let bound = i64::from(self.script.config.limits.in_flight_max) + 1;
        assert!(in_flight <= bound * open, "L3: {in_flight} in flight on {open} connections");
        assert!(total(Metric::ThrottledResponses) <= total(Metric::Responses));
        assert!(total(Metric::TopicErrors) <= total(Metric::ResponseErrors));
        assert!(total(Metric::GroupErrors) <= total(Metric::ResponseErrors));
        assert!(total(Metric::DeprecatedRequests) <= total(Metric::Requests));
        assert!(total(Metric::ClientTelemetryPushes) <= total(Metric::Requests));
        let software = total(Metric::ClientSoftwareConnections);
        assert!(software <= total(Metric::ConnectionsOpened), "software of {software} connections");
    }

    /// Laws that hold at the end, before and after the connections that are left close.
    fn finish(mut self) -> Outcome {
        for _ in 0..LAST_TICKS {
            self.tick([true, true]);
        }
        let gauges = self.host.gauges();
        if let Some(Expected { fetch_lag: Some(lag), .. }) = &self.script.expected {
            assert_eq!(self.host.total(Metric::TopicFetchLag), *lag, "lag of what is fetched");
        }
        if let Some(Expected { group_lag: Some(lag), .. }) = &self.script.expected {
            assert_eq!(self.host.total(Metric::GroupLag), *lag, "lag of groups");
        }
        for slot in 0..SLOTS {
            self.close(slot);
        }
        self.tick([true, true]);
        for filter in &mut self.filters {
            filter.settle(&mut self.host);
        }
        self.host.check_nothing_open();
        self.host.check_bounds(&self.script.config);
        if self.script.faults.refused_metrics == 0 {
            let total = |metric| self.host.total(metric);
            assert_eq!(total(Metric::ConnectionsOpened), total(Metric::ConnectionsClosed));
            self.host.check_client_sums(&self.script.config);
        }
        if let Some(expected) = &self.script.expected {
            self.check_expected(expected);
        }
        let before = heap::live_bytes();
        drop(self.filters);
        let held = before - heap::live_bytes();
        assert!(held <= FILTERS_MAX, "L3: two workers held {held} bytes");
        Outcome { counted: self.host.snapshot(), gauges, verdicts: self.ended }
    }

    /// A conversation of nothing but right messages is counted exactly, and never given up.
    fn check_expected(&self, expected: &Expected) {
        for (metric, total) in expected.totals() {
            assert_eq!(self.host.total(metric), total, "{metric:?}, counted and expected");
        }
        let Some(clients) = &expected.clients else { return };
        let counted = [
            Metric::ClientProducedRecords,
            Metric::ClientProducedBytes,
            Metric::ClientFetchedRecords,
            Metric::ClientFetchedBytes,
        ]
        .map(|metric| self.host.sums(metric, Label::ClientId));
        for client in counted.iter().flat_map(BTreeMap::keys).chain(clients.keys()) {
            let counts = counted.each_ref().map(|sums| sums.get(client).copied().unwrap_or(0));
            let expected = clients.get(client).copied().unwrap_or_default();
            assert_eq!(counts, expected, "records and bytes of {client}, counted and expected");
        }
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

/// Ticks until every series of a long callback has been defined.
const LAST_TICKS: u32 = 8;
/// The clock that never goes back when a process starts, and what it gains from run to run.
const STARTED_NS: u64 = 90 * NS_PER_S;
const RUN_NS: u64 = 1_500_000;
/// Milliseconds since 1970 at point 0 of that clock.
const UNIX_MS: i64 = 1_700_000_000_000;
const NS_PER_MS: u64 = 1_000_000;
const NS_PER_S: u64 = 1_000_000_000;
/// A frame's size field, and a header without a client id.
const REQUEST_SIZE_MIN: i64 = 12;
/// State of a connection without its tables, in bytes: the decoders' buffers, topics that wait for a name,
/// topics of a long response.
const CONNECTION_MAX: isize = 24 * 1024;
/// Bytes of an entry in the table of requests, at most.
const ENTRY_MAX: isize = 72;
/// Bytes of a partition that is fetched: topic, number, offsets, label, time.
const PARTITION_MAX: isize = 64;
/// Bytes of an offset whose commit awaits its answer.
const COMMIT_MAX: isize = 16;
/// What two workers keep under the small caps of these scripts, in bytes.
const FILTERS_MAX: isize = 2 * 1024 * 1024;
