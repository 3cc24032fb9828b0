//! The loads: pairs in a window, connections one after another, pairs at a fixed rate, connections held open.
//!
//! Every load ends by itself, by time or by count, and every answer is checked: a fast wrong answer is no result.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::broker::Input;
use crate::cpu;
use crate::requests::{CORRELATION, Kind, Plan};

/// How long and against whom.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// The process whose CPU time is taken, if any.
    pub(crate) pid: Option<u32>,
    pub(crate) seconds: f64,
    /// The load ends at this many pairs even when time is left; given, there is no warm-up before it.
    pub(crate) count: Option<u64>,
}

/// What a load measured.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) pairs: u64,
    pub(crate) seconds: f64,
    pub(crate) cpu_ns: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) received_bytes: u64,
    /// Bytes of records received.
    pub(crate) payload_bytes: u64,
    /// Reads that brought responses: pairs divided by it tell how they came in bunches.
    pub(crate) reads: u64,
    /// One entry a pair, where each pair was timed by itself.
    pub(crate) latencies_us: Vec<f64>,
}

/// Keeps `window` requests in flight on one connection.
///
/// # Errors
/// When the connection fails or an answer is wrong.
pub(crate) fn window(target: &Target, plan: &Plan, window: u64) -> Result<Outcome> {
    let mut link = Link::open(target.address, plan)?;
    if target.count.is_none() {
        link.warm_up(plan, window, target.seconds)?;
    }
    measured(target, |outcome| {
        let time = Duration::from_secs_f64(target.seconds);
        *outcome = link.pump(plan, window, time, target.count.unwrap_or(u64::MAX))?;
        Ok(())
    })
}

/// Keeps one request in flight on each of `count` connections, which have `clients` client ids in turn.
///
/// # Errors
/// When a connection fails or an answer is wrong.
pub(crate) fn fan(target: &Target, plan: &Plan, count: u64, clients: u64) -> Result<Outcome> {
    let mut links = Vec::new();
    for number in 0..count {
        let mut plan = plan.clone();
        if clients > 1 {
            plan.client_id = format!("{}-{}", plan.client_id, number % clients);
        }
        links.push((Link::open(target.address, &plan)?, plan));
    }
    let mut run = |seconds: f64| -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let start = Instant::now();
        for (link, plan) in &mut links {
            link.send(plan, 1, &mut outcome)?;
        }
        // Answers are taken in the order of the connections, so each has at most one on its way.
        while start.elapsed().as_secs_f64() < seconds {
            for (link, plan) in &mut links {
                link.receive(plan, &mut outcome)?;
                link.send(plan, 1, &mut outcome)?;
            }
        }
        for (link, plan) in &mut links {
            link.receive(plan, &mut outcome)?;
        }
        outcome.seconds = start.elapsed().as_secs_f64();
        Ok(outcome)
    };
    run(target.seconds * WARM_UP)?;
    measured(target, |outcome| {
        *outcome = run(target.seconds)?;
        Ok(())
    })
}

/// Connects, asks for ApiVersions, closes; one connection after another.
///
/// # Errors
/// When a connection fails or an answer is wrong.
pub(crate) fn connect(target: &Target, plan: &Plan) -> Result<Outcome> {
    let plan = plan.with_kind(Kind::ApiVersions);
    let request = plan.request();
    let one = |outcome: &mut Outcome| -> Result<()> {
        let start = Instant::now();
        let mut link = Link::connect(target.address)?;
        link.stream.write_all(&request)?;
        link.receive(&plan, outcome)?;
        drop(link);
        outcome.latencies_us.push(start.elapsed().as_secs_f64() * 1e6);
        outcome.sent_bytes += request.len() as u64;
        Ok(())
    };
    for _ in 0..20 {
        one(&mut Outcome::default())?;
    }
    measured(target, |outcome| {
        let start = Instant::now();
        let count = target.count.unwrap_or(u64::MAX);
        while start.elapsed().as_secs_f64() < target.seconds && outcome.pairs < count {
            one(outcome)?;
        }
        outcome.seconds = start.elapsed().as_secs_f64();
        // The proxy's part of the last closes belongs to these connections.
        thread::sleep(Duration::from_millis(50));
        Ok(())
    })
}

/// Sends at a fixed rate to each address whatever the answers do; latency counts from when a request was due.
///
/// The addresses take turns request by request, so that a pause of the machine or of the broker meets all alike.
///
/// # Errors
/// When a connection fails or an answer is wrong.
pub(crate) fn rate(
    target: &Target,
    addresses: &[SocketAddr],
    plan: &Plan,
    per_second: f64,
) -> Result<Vec<Outcome>> {
    // Sleeps are to end when they should, not 50 us later.
    let _ = std::fs::write("/proc/self/timerslack_ns", "1");
    let mut links = Vec::new();
    for address in addresses {
        let mut link = Link::open(*address, plan)?;
        link.warm_up(plan, 1, target.seconds)?;
        (link.next, link.awaited) = (0, 0);
        links.push(link);
    }
    let writers: Result<Vec<_>> = links.iter().map(|link| link.stream.try_clone()).collect();
    let schedule = Schedule {
        begin: Instant::now() + Duration::from_millis(20),
        step: 1.0 / (per_second * addresses.len() as f64),
        ways: addresses.len(),
        total: ((target.seconds * per_second) as usize).max(1),
    };
    let request = plan.request();
    thread::scope(|scope| {
        let writers = writers?;
        let sender = scope.spawn(move || schedule.send(writers, request));
        let mut readers = Vec::new();
        for (way, link) in links.iter_mut().enumerate() {
            readers.push(scope.spawn(move || schedule.receive(way, link, plan)));
        }
        let outcomes = readers.into_iter().map(|reader| reader.join().map_err(|_| panicked())?);
        let outcomes: Result<Vec<_>> = outcomes.collect();
        sender.join().map_err(|_| panicked())??;
        outcomes
    })
}

/// Which request is due when: turns of one request to each address, beginning one address later each time.
#[derive(Clone, Copy)]
struct Schedule {
    begin: Instant,
    step: f64,
    ways: usize,
    /// Turns, which is the number of requests to each address.
    total: usize,
}

impl Schedule {
    fn due(&self, turn: usize, way: usize) -> Instant {
        let place = (way + turn) % self.ways;
        self.begin + Duration::from_secs_f64((turn * self.ways + place) as f64 * self.step)
    }

    fn send(&self, mut writers: Vec<TcpStream>, mut request: Vec<u8>) -> Result<()> {
        for turn in 0..self.total {
            request[CORRELATION].copy_from_slice(&(turn as i32).to_be_bytes());
            for place in 0..self.ways {
                let way = (place + self.ways - turn % self.ways) % self.ways;
                let wait = self.due(turn, way).saturating_duration_since(Instant::now());
                if !wait.is_zero() {
                    thread::sleep(wait);
                }
                writers[way].write_all(&request)?;
            }
        }
        Ok(())
    }

    fn receive(&self, way: usize, link: &mut Link, plan: &Plan) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        while outcome.latencies_us.len() < self.total {
            link.receive(plan, &mut outcome)?;
            let now = Instant::now();
            for turn in outcome.latencies_us.len()..outcome.pairs as usize {
                let late = now.saturating_duration_since(self.due(turn, way));
                outcome.latencies_us.push(late.as_secs_f64() * 1e6);
            }
        }
        outcome.seconds = self.begin.elapsed().as_secs_f64();
        Ok(outcome)
    }
}

/// Opens `target.count` connections with ApiVersions, Metadata and one Produce each, to `topics` topics in turn,
/// says so, and holds them until stdin ends.
///
/// # Errors
/// When a connection fails or an answer is wrong.
pub(crate) fn hold(target: &Target, plan: &Plan, topics: u64) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut links = Vec::new();
    let start = Instant::now();
    for number in 0..target.count.unwrap_or(1) {
        let mut plan = plan.clone();
        plan.topic = format!("{}-{}", plan.topic, number % topics.max(1));
        let mut link = Link::open(target.address, &plan)?;
        outcome.pairs += link.pump(&plan, 1, Duration::MAX, 1)?.pairs;
        links.push(link);
    }
    outcome.seconds = start.elapsed().as_secs_f64();
    println!("holding {} connections", links.len());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(outcome)
}

/// One request, and its answer's bytes without their size: for comparing brokers.
///
/// # Errors
/// When the connection fails or the answer is wrong.
pub(crate) fn answer(target: &Target, plan: &Plan) -> Result<Vec<u8>> {
    let mut link = Link::open(target.address, plan)?;
    link.stream.write_all(&plan.request())?;
    loop {
        if let Some(frame) = link.input.frame()? {
            plan.check(frame)?;
            return Ok(frame.to_vec());
        }
        if !link.input.read(&mut link.stream)? {
            return Err(closed());
        }
    }
}

/// Part of a load's time that is spent before anything counts.
const WARM_UP: f64 = 0.2;

fn measured(target: &Target, work: impl FnOnce(&mut Outcome) -> Result<()>) -> Result<Outcome> {
    let used = || target.pid.map_or(Ok(0), cpu::used_ns);
    let before = used()?;
    let mut outcome = Outcome::default();
    work(&mut outcome)?;
    outcome.cpu_ns = used()? - before;
    Ok(outcome)
}

/// One connection to a broker.
pub(crate) struct Link {
    stream: TcpStream,
    input: Input,
    /// The request that was sent last, made once.
    template: (Option<Kind>, Vec<u8>),
    output: Vec<u8>,
    /// Correlation id of the next request.
    next: i32,
    /// Correlation id that the next answer must have.
    awaited: i32,
}

impl Link {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, LIMIT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        Ok(Self {
            stream,
            input: Input::default(),
            template: (None, Vec::new()),
            output: Vec::new(),
            next: 0,
            awaited: 0,
        })
    }

    /// Connects as clients do: ApiVersions, then Metadata until the topic has a leader.
    pub(crate) fn open(address: SocketAddr, plan: &Plan) -> Result<Self> {
        let mut link = Self::connect(address)?;
        link.pump(&plan.with_kind(Kind::ApiVersions), 1, Duration::MAX, 1)?;
        let metadata = plan.with_kind(Kind::Metadata);
        let deadline = Instant::now() + LIMIT;
        while let Err(error) = link.pump(&metadata, 1, Duration::MAX, 1) {
            if error.kind() != ErrorKind::InvalidData || Instant::now() > deadline {
                return Err(error);
            }
            thread::sleep(Duration::from_millis(100));
        }
        (link.next, link.awaited) = (0, 0);
        Ok(link)
    }

    /// The same load for a short while, before anything counts.
    fn warm_up(&mut self, plan: &Plan, window: u64, seconds: f64) -> Result<()> {
        self.pump(plan, window, Duration::from_secs_f64(seconds * WARM_UP), u64::MAX).map(drop)
    }

    /// Keeps `window` requests in flight for `time` or until `count` are sent, then awaits the rest.
    fn pump(&mut self, plan: &Plan, window: u64, time: Duration, count: u64) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let mut sent = 0;
        let mut due = window.min(count);
        let start = Instant::now();
        while outcome.pairs < sent || due > 0 {
            let asked = Instant::now();
            self.send(plan, due, &mut outcome)?;
            sent += due;
            let before = outcome.pairs;
            let result = self.receive(plan, &mut outcome);
            if result.is_err() {
                self.awaited = self.next;
            }
            result?;
            if window == 1 {
                outcome.latencies_us.push(asked.elapsed().as_secs_f64() * 1e6);
            }
            due = (outcome.pairs - before).min(count - sent);
            if start.elapsed() >= time {
                due = 0;
            }
        }
        outcome.seconds = start.elapsed().as_secs_f64();
        Ok(outcome)
    }

    /// Sends a plan's request once and checks its answer; returns the pairs, which is one.
    pub(crate) fn once(&mut self, plan: &Plan) -> Result<u64> {
        // The template may be that of a plan with the same kind and other names.
        self.template.0 = None;
        Ok(self.pump(plan, 1, Duration::MAX, 1)?.pairs)
    }

    /// Sends bytes as they are.
    pub(crate) fn tell(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes)
    }

    /// Takes the next answer without a look into it.
    pub(crate) fn skip_answer(&mut self) -> Result<()> {
        while self.input.frame()?.is_none() {
            if !self.input.read(&mut self.stream)? {
                return Err(closed());
            }
        }
        Ok(())
    }

    /// Sends the plan's request `count` times with one write.
    fn send(&mut self, plan: &Plan, count: u64, outcome: &mut Outcome) -> Result<()> {
        if self.template.0 != Some(plan.kind) {
            self.template = (Some(plan.kind), plan.request());
        }
        self.output.clear();
        for _ in 0..count {
            let from = self.output.len();
            self.output.extend_from_slice(&self.template.1);
            let field = from + CORRELATION.start..from + CORRELATION.end;
            self.output[field].copy_from_slice(&self.next.to_be_bytes());
            self.next = self.next.wrapping_add(1);
        }
        self.stream.write_all(&self.output)?;
        outcome.sent_bytes += self.output.len() as u64;
        Ok(())
    }

    /// Reads until at least one answer has come, and checks all that came.
    fn receive(&mut self, plan: &Plan, outcome: &mut Outcome) -> Result<()> {
        let mut came = 0;
        while came == 0 {
            if !self.input.read(&mut self.stream)? {
                return Err(closed());
            }
            while let Some(frame) = self.input.frame()? {
                let (correlation, payload) = plan.check(frame)?;
                if correlation != self.awaited {
                    let message = format!("answer {correlation} where {} was due", self.awaited);
                    return Err(Error::new(ErrorKind::InvalidData, message));
                }
                self.awaited = self.awaited.wrapping_add(1);
                outcome.received_bytes += frame.len() as u64 + 4;
                outcome.payload_bytes += payload as u64;
                came += 1;
            }
        }
        outcome.pairs += came;
        outcome.reads += 1;
        Ok(())
    }
}

/// No answer takes longer, unless something hangs.
const LIMIT: Duration = Duration::from_secs(30);

fn panicked() -> Error {
    Error::other("a thread of the load ended early")
}

fn closed() -> Error {
    Error::new(ErrorKind::UnexpectedEof, "the connection was closed while answers were due")
}
