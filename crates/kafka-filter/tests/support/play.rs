//! Plays conversations through the filter as a host would: callbacks with pieces of bytes.

use std::collections::BTreeMap;

use kafka_filter::config::Config;
use kafka_filter::{Clock, Connection, Filter, Source};

use super::host::FakeHost;
use super::random::Random;

/// A conversation and what must have been counted at its end.
pub struct Case {
    pub name: &'static str,
    pub config: &'static str,
    pub steps: Vec<Step>,
    /// One metric a line, all of them that are not zero, `build_info` left out.
    pub expected: String,
}

/// What happens next. Connections are known by their number.
#[derive(Clone)]
pub enum Step {
    /// A client connects; this worker handles it.
    Open(usize, usize),
    /// The client sends.
    Client(usize, Vec<u8>),
    /// The broker sends.
    Broker(usize, Vec<u8>),
    /// Either side closes.
    Close(usize),
    /// Microseconds pass.
    Wait(u64),
    /// A second of the host's clock ends, on every worker.
    Tick,
}

/// How the bytes of a step come.
#[derive(Clone, Copy, Debug)]
pub enum Split {
    /// In one callback.
    Whole,
    /// In callbacks of so many bytes, as many as there are.
    Every(usize),
    /// In one callback, but the one with the conversation's nth byte, which is cut in front of it.
    At(usize),
    /// In two callbacks a step, cut in front of the step's nth byte, counted around its end.
    EachAt(usize),
    /// In callbacks of random sizes.
    Random(u64),
}

/// A process with its workers and connections.
pub struct Process {
    pub host: FakeHost,
    workers: Vec<Filter>,
    connections: BTreeMap<usize, (usize, Connection)>,
    now_ns: u64,
    /// Bytes that were asked for in all.
    pub bytes_read: usize,
}

/// The bytes of one callback; asking for more than there are is an error.
pub struct Callback<'a> {
    bytes: &'a [u8],
    bytes_read: &'a mut usize,
}

impl Source for Callback<'_> {
    type Window = Vec<u8>;

    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn read(&mut self, offset: usize, length: usize) -> Option<Vec<u8>> {
        assert!(length > 0, "a read of nothing");
        let end = offset.checked_add(length).expect("a range");
        assert!(end <= self.bytes.len(), "{offset}..{end} of {} bytes", self.bytes.len());
        *self.bytes_read += length;
        Some(self.bytes[offset..end].to_vec())
    }
}

impl Process {
    /// A process with so many workers.
    pub fn new(config: &str, workers: usize) -> Self {
        let config = Config::parse(config.as_bytes()).expect("a valid configuration");
        let workers = (0..workers).map(|_| Filter::new(config.clone(), "kafka_filter")).collect();
        let mut process = Self {
            host: FakeHost::default(),
            workers,
            connections: BTreeMap::new(),
            now_ns: 1_000_000_000,
            bytes_read: 0,
        };
        let clock = process.clock();
        for filter in &mut process.workers {
            filter.start(&mut process.host, clock);
        }
        process
    }

    /// The time now; the process began at [`STARTED_MS`].
    pub fn clock(&self) -> Clock {
        let unix_ms = STARTED_MS + i64::try_from(self.now_ns / 1_000_000).unwrap();
        Clock { monotonic_ns: self.now_ns, unix_ms }
    }

    /// A second of the host's clock ends.
    pub fn tick(&mut self) {
        let clock = self.clock();
        for filter in &mut self.workers {
            filter.on_tick(&mut self.host, clock);
        }
    }

    pub fn open(&mut self, number: usize, worker: usize) {
        self.open_on(number, worker, None);
    }

    /// A client connects on a listener of this direction.
    pub fn open_on(&mut self, number: usize, worker: usize, direction: Option<i64>) {
        let filter = &mut self.workers[worker];
        let connection = Connection::open(filter, &mut self.host, direction);
        let before = self.connections.insert(number, (worker, connection));
        assert!(before.is_none(), "connection {number} is open already");
    }

    pub fn client(&mut self, number: usize, bytes: &[u8]) {
        let (worker, connection) = self.connections.get_mut(&number).expect("an open connection");
        let mut source = Callback { bytes, bytes_read: &mut self.bytes_read };
        let filter = &mut self.workers[*worker];
        connection.on_downstream(filter, &mut self.host, self.now_ns, &mut source);
    }

    pub fn broker(&mut self, number: usize, bytes: &[u8]) {
        let (worker, connection) = self.connections.get_mut(&number).expect("an open connection");
        let mut source = Callback { bytes, bytes_read: &mut self.bytes_read };
        let filter = &mut self.workers[*worker];
        connection.on_upstream(filter, &mut self.host, self.now_ns, &mut source);
    }

    pub fn close(&mut self, number: usize) {
        let (worker, mut connection) = self.connections.remove(&number).expect("a connection");
        let filter = &mut self.workers[worker];
        connection.close(filter, &mut self.host);
        connection.close(filter, &mut self.host);
    }

    pub fn close_all(&mut self) {
        for number in self.connections.keys().copied().collect::<Vec<_>>() {
            self.close(number);
        }
    }

    pub fn wait(&mut self, microseconds: u64) {
        self.now_ns += microseconds * 1_000;
    }

    pub fn is_watched(&self, number: usize) -> bool {
        self.connections[&number].1.is_watched()
    }

    /// Everything counted so far, `build_info` left out.
    pub fn snapshot(&self) -> BTreeMap<String, i64> {
        let mut snapshot = self.host.snapshot();
        snapshot.retain(|name, _| !name.starts_with("build_info"));
        snapshot
    }

    /// Plays steps whose bytes come as `split` says, and ends the filters.
    pub fn play(&mut self, steps: &[Step], split: Split) {
        self.go_on(steps, split);
        self.settle();
    }

    /// Plays steps, after which more may follow.
    pub fn go_on(&mut self, steps: &[Step], split: Split) {
        let mut cutter = Cutter { split, random: Random::new(seed(split)), passed: 0 };
        for step in steps {
            match step {
                Step::Open(number, worker) => self.open(*number, *worker),
                Step::Client(number, bytes) => {
                    for piece in cutter.cut(bytes) {
                        self.client(*number, piece);
                    }
                }
                Step::Broker(number, bytes) => {
                    for piece in cutter.cut(bytes) {
                        self.broker(*number, piece);
                    }
                }
                Step::Close(number) => self.close(*number),
                Step::Wait(microseconds) => self.wait(*microseconds),
                Step::Tick => self.tick(),
            }
        }
    }

    /// What waits for its series to be defined reaches the host.
    pub fn settle(&mut self) {
        for filter in &mut self.workers {
            filter.settle(&mut self.host);
        }
    }
}

impl Step {
    fn size(&self) -> usize {
        match self {
            Self::Client(_, bytes) | Self::Broker(_, bytes) => bytes.len(),
            Self::Open(..) | Self::Close(_) | Self::Wait(_) | Self::Tick => 0,
        }
    }
}

impl Case {
    /// The process after the conversation.
    pub fn play(&self, split: Split) -> Process {
        let workers = self.steps.iter().filter_map(|step| match step {
            Step::Open(_, worker) => Some(worker + 1),
            _ => None,
        });
        let mut process = Process::new(self.config, workers.max().unwrap_or(1));
        process.play(&self.steps, split);
        process
    }

    /// The same with the metrics of topics and the base alone, which it was written for: what
    /// says who, and how far behind, is turned off.
    #[must_use]
    pub fn topics_only(self) -> Self {
        let rest = self.config.trim_start().strip_prefix('{').unwrap_or("}");
        assert!(!rest.contains("metrics"), "{}: two objects of one name", self.name);
        let comma = if rest.trim_start().starts_with('}') { "" } else { ", " };
        Self { config: format!("{{{TOPICS_ONLY}{comma}{rest}").leak(), ..self }
    }

    /// The same with all metrics on. What is expected of it is not known.
    #[must_use]
    pub fn with_all_metrics(self) -> Self {
        let config = match self.config.split_once("\"metrics\": {") {
            Some((before, rest)) => {
                let (_, after) = rest.split_once('}').expect("the end of an object");
                &*format!("{before}\"metrics\": {{}}{after}").leak()
            }
            None => self.config,
        };
        Self { config, expected: String::new(), ..self }
    }

    /// Bytes of the whole conversation, both ways.
    pub fn size(&self) -> usize {
        self.steps.iter().map(Step::size).sum()
    }

    /// Bytes of the largest step.
    pub fn step_size_max(&self) -> usize {
        self.steps.iter().map(Step::size).max().unwrap_or(0)
    }

    /// The expected snapshot.
    pub fn expectation(&self) -> BTreeMap<String, i64> {
        expectation(&self.expected)
    }
}

/// Reads lines of a metric and its value; `#` begins a comment.
pub fn expectation(lines: &str) -> BTreeMap<String, i64> {
    let mut values = BTreeMap::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with('#') {
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
        let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        let before = values.insert(name.trim().to_owned(), value);
        assert!(before.is_none(), "expected twice: {name}");
    }
    values
}

/// What differs between two snapshots, a line each.
pub fn differences(found: &BTreeMap<String, i64>, expected: &BTreeMap<String, i64>) -> Vec<String> {
    let mut names: Vec<&String> = found.keys().chain(expected.keys()).collect();
    names.sort();
    names.dedup();
    let value = |values: &BTreeMap<String, i64>, name: &str| values.get(name).copied().unwrap_or(0);
    names
        .into_iter()
        .filter(|name| value(found, name) != value(expected, name))
        .map(|name| {
            format!("{name}: counted {}, expected {}", value(found, name), value(expected, name))
        })
        .collect()
}

/// Plays the cases in one piece each; says all that is wrong in any of them.
pub fn check(cases: &[Case]) {
    let mut wrong = Vec::new();
    for case in cases {
        let process = case.play(Split::Whole);
        let found = differences(&process.snapshot(), &case.expectation());
        wrong.extend(found.into_iter().map(|difference| format!("{}: {difference}", case.name)));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

const TOPICS_ONLY: &str = r#""metrics": {"clients": false, "software": false, "deprecated": false,
    "groups": false, "lag": false, "end_to_end_latency": false}"#;

/// Milliseconds since 1970 at point 0 of the clock that never goes back.
pub const STARTED_MS: i64 = 1_700_000_000_000;

struct Cutter {
    split: Split,
    random: Random,
    passed: usize,
}

impl Cutter {
    fn cut<'b>(&mut self, bytes: &'b [u8]) -> Vec<&'b [u8]> {
        let start = self.passed;
        self.passed += bytes.len();
        match self.split {
            Split::Whole => vec![bytes],
            Split::Every(size) => bytes.chunks(size).collect(),
            Split::At(at) => match at.checked_sub(start) {
                Some(here) if here > 0 && here < bytes.len() => {
                    let (front, back) = bytes.split_at(here);
                    vec![front, back]
                }
                _ => vec![bytes],
            },
            Split::EachAt(at) => {
                let (front, back) = bytes.split_at(at % bytes.len().max(1));
                vec![front, back].into_iter().filter(|piece| !piece.is_empty()).collect()
            }
            Split::Random(_) => {
                let mut pieces = Vec::new();
                let mut rest = bytes;
                while !rest.is_empty() {
                    let (piece, tail) = rest.split_at(self.random.size(rest.len()));
                    pieces.push(piece);
                    rest = tail;
                }
                pieces
            }
        }
    }
}

fn seed(split: Split) -> u64 {
    match split {
        Split::Random(seed) => seed,
        _ => 0,
    }
}
