//! Turns bytes into conversations: messages that are right, nearly right, or no messages at all, in any
//! order on a few connections; and, while all was right, what should be counted.

use std::collections::VecDeque;

use kafka_filter::config::{Config, LabelCaps, Limits, ReporterSetting};
use kafka_wire::schema::{self, Api};

use crate::encode;
use crate::host::Faults;
use crate::input::Input;
use crate::records::Count;

/// Connections of a script; the last one is another worker's.
pub const SLOTS: usize = 3;

/// A conversation.
#[derive(Debug)]
pub struct Script {
    /// The configuration of both workers.
    pub config: Config,
    /// What the host fails at.
    pub faults: Faults,
    /// Whether what a callback left over waits for the next ones, as it does in a real worker; if not,
    /// all is handed over after each callback, and each can be checked.
    pub counts_wait: bool,
    /// Reads of one callback after which its source fails.
    pub reads_max: Option<usize>,
    /// What happens, in order.
    pub steps: Vec<Step>,
    /// What is counted in the end; none when not all of it was right.
    pub expected: Option<Expected>,
}

/// Something that happens on a connection.
#[derive(Clone, Debug)]
pub enum Step {
    /// Bytes pass, at most `piece` of them in one callback.
    Pass {
        /// Which connection.
        slot: usize,
        /// Whether they go to the broker.
        is_downstream: bool,
        /// The bytes.
        bytes: Vec<u8>,
        /// Bytes of a callback.
        piece: usize,
    },
    /// The connection ends.
    Close {
        /// Which one.
        slot: usize,
    },
}

/// Totals over all labels at the end of a script, all connections closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Requests and their bytes.
    pub requests: (i64, i64),
    /// Responses to requests that were awaited, and their bytes.
    pub responses: (i64, i64),
    /// Error codes other than zero in those.
    pub errors: i64,
    /// Those with a throttle time, and its sum.
    pub throttled: (i64, i64),
    /// Produce requests without acknowledgement.
    pub unacknowledged: i64,
    /// Requests over the bound, and those open when their connection ended.
    pub evicted: i64,
    /// Records sent, their bytes cut-off batches and all.
    pub produced: Count,
    /// Records that consumers got.
    pub fetched: Count,
}

/// A request that was sent and not answered.
#[derive(Clone, Copy)]
struct Awaited {
    /// None for a key that the tables do not have.
    api: Option<&'static Api>,
    version: i16,
    id: i32,
    is_follower: bool,
    is_evicted: bool,
}

#[derive(Default)]
struct Slot {
    awaited: VecDeque<Awaited>,
}

struct Builder<'a> {
    input: Input<'a>,
    config: Config,
    slots: [Slot; SLOTS],
    slot: usize,
    steps: Vec<Step>,
    is_right: bool,
    expected: Expected,
    next_id: i32,
    /// Bytes of the next message to change.
    faults: usize,
    size: usize,
}

impl Script {
    /// The script that these bytes tell.
    #[must_use]
    pub fn new(data: &[u8]) -> Self {
        let mut input = Input::new(data);
        let config = config(&mut input);
        let mode = input.byte();
        let faults = Faults {
            lost_races: [0, 0, 0, 1, 2][usize::from(mode) % 5],
            refused_metrics: if mode >> 4 == 15 { 3 } else { 0 },
        };
        let reads_max = (mode >> 4 == 14).then_some(usize::from(mode & 3));
        let counts_wait = mode & 8 != 0;
        let mut builder = Builder {
            input,
            config: config.clone(),
            slots: Default::default(),
            slot: 0,
            steps: Vec::new(),
            is_right: config.limits.walk_size_bytes == WALK_ALL,
            expected: Expected::default(),
            next_id: 1,
            faults: 0,
            size: 0,
        };
        while !builder.input.is_empty() && builder.size < SIZE_MAX {
            builder.step();
        }
        for slot in 0..SLOTS {
            builder.close(slot);
        }
        let is_right = builder.is_right && faults.refused_metrics == 0 && reads_max.is_none();
        let expected = is_right.then_some(builder.expected);
        Self { config, faults, counts_wait, reads_max, steps: builder.steps, expected }
    }
}

/// Small bounds, so that they are reached.
fn config(input: &mut Input<'_>) -> Config {
    let caps = input.byte();
    let limits = input.byte();
    let cap = |shift: u8| u32::from(caps >> shift & 3);
    Config {
        reporter: ReporterSetting::Auto,
        labels: LabelCaps {
            topic: cap(0),
            request: cap(2),
            api_version: cap(4),
            error: cap(6),
            ..Config::default().labels
        },
        limits: Limits {
            in_flight_max: [1, 2, 5, 64][usize::from(limits & 3)],
            walk_size_bytes: [WALK_ALL, WALK_ALL, 30, 300][usize::from(limits >> 2 & 3)],
            topic_ids_max: 1 + u32::from(limits >> 4),
            ..Config::default().limits
        },
        ..Config::default()
    }
}

impl Builder<'_> {
    fn step(&mut self) {
        match self.input.byte() {
            0..=89 => self.request(),
            90..=179 => self.response(),
            180..=194 => {
                let is_downstream = self.input.byte() & 1 == 0;
                let bytes = self.input.bytes().to_vec();
                self.is_right = false;
                self.pass(is_downstream, bytes);
            }
            195..=204 => self.close(self.slot),
            205..=219 => self.slot = self.input.below(SLOTS),
            220..=234 => self.unknown_request(),
            235..=244 => self.token(),
            _ => self.faults = 1 + self.input.below(3),
        }
    }

    /// A request of an API and version that the tables have.
    fn request(&mut self) {
        let choice = usize::from(self.input.byte());
        let key = FAVOURITES.get(choice % (2 * FAVOURITES.len())).copied();
        let api = key.and_then(schema::api);
        let api = api.unwrap_or_else(|| {
            let count = schema::apis().count();
            schema::apis().nth(choice % count).unwrap_or(schema::apis().next().expect("an API"))
        });
        let versions = api.request.versions;
        if versions.is_empty() {
            return;
        }
        let span = usize::from(versions.last - versions.first) + 1;
        let version =
            i16::from(versions.first) + i16::try_from(self.input.below(span)).unwrap_or(0);
        let id = if self.input.chance(30) { self.input.int32() } else { self.next_id };
        self.next_id = self.next_id.wrapping_add(1);
        let mut message = request_head(api.key, version, id);
        if !(api.key == 7 && version == 0) {
            client_id(&mut message, &mut self.input);
        }
        if api.request.is_flexible(version) {
            encode::unknown_tags(&mut message, &mut self.input);
        }
        let body = encode::body(&api.request, version, &mut self.input);
        message.extend_from_slice(&body.bytes);
        if self.input.chance(20) {
            // Clients may send more than their schema says; brokers do not mind.
            message.extend_from_slice(&[0, 0, 0]);
        }
        let size = self.message(true, message);
        self.expected.requests.0 += 1;
        self.expected.requests.1 += size;
        if api.key == PRODUCE {
            let mut sent = body.records;
            sent.bytes += body.other_record_bytes;
            self.expected.produced.add(sent);
            // Control batches are a broker's; what counts of one from a client is not defined.
            self.is_right &= !body.has_control;
            if body.acks == Some(0) {
                self.expected.unacknowledged += 1;
                return;
            }
        }
        let is_follower = api.key == FETCH && body.replica_id.is_some_and(|replica| replica >= 0);
        self.await_response(Awaited {
            api: Some(api),
            version,
            id,
            is_follower,
            is_evicted: false,
        });
    }

    fn await_response(&mut self, awaited: Awaited) {
        let slot = &mut self.slots[self.slot];
        let tracked = slot.awaited.iter().filter(|other| !other.is_evicted).count();
        let max = usize::try_from(self.config.limits.in_flight_max).unwrap_or(usize::MAX);
        let is_evicted = tracked >= max;
        self.expected.evicted += i64::from(is_evicted);
        slot.awaited.push_back(Awaited { is_evicted, ..awaited });
    }

    /// The response to the oldest request, or bytes of the input where there is none.
    fn response(&mut self) {
        let Some(awaited) = self.slots[self.slot].awaited.pop_front() else {
            return;
        };
        let mut message = awaited.id.to_be_bytes().to_vec();
        let Some(api) = awaited.api else {
            message.extend_from_slice(self.input.bytes());
            self.message(false, message);
            return;
        };
        let mut errors = 0;
        let mut throttle_ms = 0;
        let mut fetched = Count::default();
        if api.key == API_VERSIONS && self.input.chance(60) {
            // A version that the broker does not know (KIP-511).
            message.extend_from_slice(&[0, 35, 0, 0, 0, 0]);
            errors = 1;
        } else if api.response.versions.contains(awaited.version) {
            if api.key != API_VERSIONS && api.response.is_flexible(awaited.version) {
                encode::unknown_tags(&mut message, &mut self.input);
            }
            let mut body = encode::body(&api.response, awaited.version, &mut self.input);
            if api.key == API_VERSIONS && body.bytes.starts_with(&[0, 35]) {
                // Would mean another layout.
                body.bytes[1] = 36;
            }
            message.extend_from_slice(&body.bytes);
            errors = body.errors;
            throttle_ms = body.throttle_ms.max(0);
            if api.key == FETCH && !awaited.is_follower {
                fetched = body.records;
            }
        }
        let size = self.message(false, message);
        if !awaited.is_evicted {
            self.expected.responses.0 += 1;
            self.expected.responses.1 += size;
            self.expected.errors += errors;
            self.expected.throttled.0 += i64::from(throttle_ms > 0);
            self.expected.throttled.1 += throttle_ms;
            self.expected.fetched.add(fetched);
        }
    }

    /// A request of any key and version.
    fn unknown_request(&mut self) {
        self.is_right = false;
        let key = match self.input.byte() {
            choice @ 0..=200 => i16::from(choice % 100),
            _ => self.input.int16(),
        };
        let version = match self.input.byte() {
            choice @ 0..=200 => i16::from(choice % 30),
            _ => self.input.int16(),
        };
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        let mut message = request_head(key, version, id);
        message.extend_from_slice(self.input.bytes());
        self.message(true, message);
        if !self.input.chance(60) {
            let api = schema::api(key).filter(|api| api.request.versions.contains(version));
            self.await_response(Awaited {
                api,
                version,
                id,
                is_follower: false,
                is_evicted: false,
            });
        }
    }

    /// A frame without a header, as raw SASL tokens are.
    fn token(&mut self) {
        self.is_right = false;
        let is_downstream = self.input.byte() & 1 == 0;
        let message = self.input.bytes().to_vec();
        self.message(is_downstream, message);
    }

    /// Frames a message, changes it where that was asked for, and passes it on; returns its bytes.
    fn message(&mut self, is_downstream: bool, message: Vec<u8>) -> i64 {
        let size = i32::try_from(message.len()).unwrap_or(i32::MAX);
        let mut frame = [&size.to_be_bytes(), &message[..]].concat();
        for _ in 0..std::mem::take(&mut self.faults) {
            self.is_right = false;
            let place = usize::from(self.input.int16().unsigned_abs()) % frame.len();
            frame[place] ^= self.input.byte();
        }
        // ZooKeeper's first message and this one cannot be told apart.
        self.is_right &= !(matches!(size, 44 | 45) && message.starts_with(&[0; 4]));
        self.pass(is_downstream, frame);
        i64::from(size) + 4
    }

    fn pass(&mut self, is_downstream: bool, bytes: Vec<u8>) {
        self.size += bytes.len();
        let piece = [usize::MAX, usize::MAX, 1, 2, 5, 16, 100, 300][self.input.below(8)];
        self.steps.push(Step::Pass { slot: self.slot, is_downstream, bytes, piece });
    }

    fn close(&mut self, slot: usize) {
        self.steps.push(Step::Close { slot });
        let left = self.slots[slot].awaited.drain(..).filter(|awaited| !awaited.is_evicted);
        self.expected.evicted += i64::try_from(left.count()).unwrap_or(i64::MAX);
    }
}

fn request_head(key: i16, version: i16, id: i32) -> Vec<u8> {
    [&key.to_be_bytes()[..], &version.to_be_bytes(), &id.to_be_bytes()].concat()
}

/// A client id as clients send: text, none, or more than is looked at.
fn client_id(message: &mut Vec<u8>, input: &mut Input<'_>) {
    match input.byte() {
        0..=100 => message.extend_from_slice(&[0, 3, b'a', b'p', b'p']),
        101..=200 => message.extend_from_slice(&[0xff, 0xff]),
        201..=240 => message.extend_from_slice(&[0, 0]),
        _ => {
            message.extend_from_slice(&[1, 44]);
            message.extend_from_slice(&[b'z'; 300]);
        }
    }
}

const PRODUCE: i16 = 0;
const FETCH: i16 = 1;
/// Its response never has tagged fields in the header (KIP-511).
const API_VERSIONS: i16 = 18;
/// APIs of which more is counted than their header, or that change how bytes are read.
const FAVOURITES: &[i16] = &[PRODUCE, FETCH, 3, 18, 17, 19, 75, 2];
const WALK_ALL: u32 = 8 * 1024 * 1024;
/// Longer scripts find nothing more and take longer.
const SIZE_MAX: usize = 64 * 1024;
