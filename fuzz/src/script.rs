//! Turns bytes into conversations: messages that are right, nearly right, or no messages at all, in any
//! order on a few connections; and, while all was right, what should be counted.

mod counting;
mod expected;
mod group_lag;
mod settings;
mod words;

use std::collections::VecDeque;

use kafka_filter::config::Config;
use kafka_filter::metrics::catalog::Metric;
use kafka_wire::schema::{self, Api};

use crate::encode::{self, Found, Place, Style};
use crate::host::Faults;
use crate::input::Input;
pub use expected::{Expected, Positions};
use group_lag::GroupLags;
use settings::Settings;
use words::{API_VERSIONS, CONTROLLED_SHUTDOWN, FAVOURITES, GOOD_DAY, NO_CLIENT, PRODUCE};

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
    /// No more offsets than this are committed and await their answer.
    pub offsets_max: u32,
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
    /// Time passes, and then workers have their tick.
    Tick {
        /// How much time.
        seconds: u32,
        /// Which workers.
        workers: [bool; 2],
    },
}

/// A request that was sent and not answered.
#[derive(Clone, Debug)]
struct Awaited {
    /// None for a key that the tables do not have.
    api: Option<&'static Api>,
    version: i16,
    id: i32,
    client: &'static str,
    /// It names a group.
    has_group: bool,
    /// The one that it names first, unless that is too long to be read.
    group: Vec<u8>,
    /// What it commits.
    places: Vec<Place>,
    /// The generation or member epoch that it tells, at least 0.
    generation: i64,
    is_follower: bool,
    is_evicted: bool,
}

#[derive(Default)]
struct Slot {
    awaited: VecDeque<Awaited>,
    /// A request has passed: what follows is believed to be Kafka.
    is_detected: bool,
    has_told_software: bool,
    positions: Positions,
}

struct Builder<'a> {
    input: Input<'a>,
    settings: Settings,
    /// Groups are told apart, and workers hear of each other.
    has_plain_groups: bool,
    /// Nothing can be admitted beside what is the first of its kind.
    loses_all_races: bool,
    style: Style,
    slots: [Slot; SLOTS],
    slot: usize,
    steps: Vec<Step>,
    is_right: bool,
    expected: Expected,
    next_id: i32,
    /// Bytes of the next message to change.
    faults: usize,
    size: usize,
    /// The time that ticks took.
    seconds: u32,
    group_lags: GroupLags,
    /// The most partitions whose positions all connections told at a time: they share one bound.
    positions_most: usize,
    /// Connections that something was sent on.
    is_used: [bool; SLOTS],
}

impl Script {
    /// The script that these bytes tell.
    #[must_use]
    pub fn new(data: &[u8]) -> Self {
        let mut input = Input::new(data);
        let settings = Settings::new(&mut input);
        let mode = input.byte();
        let faults = Faults {
            lost_races: [0, 0, 0, 1, 2][usize::from(mode) % 5],
            refused_metrics: if mode >> 4 == 15 { 3 } else { 0 },
        };
        let reads_max = (mode >> 4 == 14).then_some(usize::from(mode & 3));
        let counts_wait = mode & 8 != 0;
        let config = Config { access_log: mode >> 4 != 13, ..settings.config.clone() };
        let is_right = settings.walks_all() && faults.refused_metrics == 0 && reads_max.is_none();
        let mut builder = Builder {
            input,
            has_plain_groups: settings.groups_are_plain && faults.lost_races == 0 && counts_wait,
            loses_all_races: faults.lost_races == 1,
            settings,
            style: Style::Any,
            slots: Default::default(),
            slot: 0,
            steps: Vec::new(),
            is_right,
            expected: Expected::default(),
            next_id: 1,
            faults: 0,
            size: 0,
            seconds: 0,
            group_lags: GroupLags::default(),
            positions_most: 0,
            is_used: [false; SLOTS],
        };
        while !builder.input.is_empty() && builder.size < SIZE_MAX {
            builder.step();
        }
        let expected = builder.finish();
        // The shortest partition of a commit has a number, an offset, and lengths.
        let offsets_max = u32::try_from(builder.size / 14).unwrap_or(u32::MAX);
        Self {
            config,
            faults,
            counts_wait,
            reads_max,
            steps: builder.steps,
            offsets_max: offsets_max.min(OFFSETS_MAX),
            expected,
        }
    }
}

impl Builder<'_> {
    fn step(&mut self) {
        let step = self.input.byte();
        if !matches!(step, 140..=179 | 195..=229) {
            self.group_lags.lose();
        }
        match step {
            0..=69 => self.request(),
            70..=139 => self.response(),
            140..=179 => self.exchange(),
            180..=194 => {
                let is_downstream = self.input.byte() & 1 == 0;
                let bytes = self.input.bytes().to_vec();
                self.is_right = false;
                self.pass(is_downstream, bytes);
            }
            195..=204 => self.close(self.slot),
            205..=216 => self.slot = self.input.below(SLOTS),
            217..=229 => self.tick(),
            230..=239 => self.unknown_request(),
            240..=246 => self.token(),
            _ => self.faults = 1 + self.input.below(3),
        }
    }

    /// A request and its answer as on a good day, after the answers that are due. Its bytes are a block
    /// of their own, so that a change in it moves nothing behind it.
    fn exchange(&mut self) {
        let block = Input::new(self.input.bytes());
        let rest = std::mem::replace(&mut self.input, block);
        self.style = Style::Calm;
        self.request();
        while !self.slots[self.slot].awaited.is_empty() {
            self.response();
        }
        self.style = Style::Any;
        self.input = rest;
    }

    fn tick(&mut self) {
        let seconds = match self.input.byte() {
            0..=200 => 1,
            201..=225 => 9,
            226..=240 => 61,
            241..=250 => 301,
            _ => 100_000,
        };
        let workers = self.input.pick(&[
            [true, true],
            [true, true],
            [true, true],
            [true, false],
            [false, true],
        ]);
        self.seconds = self.seconds.saturating_add(seconds);
        self.steps.push(Step::Tick { seconds, workers });
    }

    /// An API of the tables, twice as often one of those of which more is counted.
    fn api(&mut self) -> Option<&'static Api> {
        let choice = usize::from(self.input.byte());
        if self.style == Style::Calm {
            return schema::api(GOOD_DAY[choice % GOOD_DAY.len()]);
        }
        match FAVOURITES.get(choice % (2 * FAVOURITES.len())) {
            Some(&key) => schema::api(key),
            None => schema::apis().nth(choice % schema::apis().count()),
        }
    }

    /// A request of an API and version that the tables have.
    fn request(&mut self) {
        let Some(api) = self.api().filter(|api| !api.request.versions.is_empty()) else { return };
        let versions = api.request.versions;
        let span = usize::from(versions.last - versions.first) + 1;
        let version =
            i16::from(versions.first) + i16::try_from(self.input.below(span)).unwrap_or(0);
        let id = if self.input.chance(30) { self.input.int32() } else { self.next_id };
        self.next_id = self.next_id.wrapping_add(1);
        let mut message = request_head(api.key, version, id);
        let mut client = NO_CLIENT;
        if !(api.key == CONTROLLED_SHUTDOWN && version == 0) {
            let is_detected = std::mem::replace(&mut self.slots[self.slot].is_detected, true);
            client = words::client_id(&mut message, self.style, is_detected, &mut self.input);
        }
        if api.request.is_flexible(version) {
            encode::unknown_tags(&mut message, self.style, &mut self.input);
        }
        let body = encode::body(&api.request, version, self.style, &mut self.input);
        message.extend_from_slice(&body.bytes);
        if self.input.chance(20) {
            // Clients may send more than their schema says; brokers do not mind.
            message.extend_from_slice(&[0, 0, 0]);
        }
        let found = body.found;
        let is_follower = counting::is_follower(api, &found);
        let size = self.message(true, message);
        self.expected.add(Metric::Requests, 1);
        self.expected.add(Metric::RequestBytes, size);
        self.count_request(api, version, client, &found);
        if api.key == PRODUCE && found.acks == Some(0) {
            self.expected.add(Metric::UnacknowledgedRequests, 1);
            return;
        }
        self.await_response(Awaited {
            api: Some(api),
            version,
            id,
            client,
            has_group: found.groups > 0,
            group: found.group.unwrap_or_default(),
            places: found.places,
            generation: found.generation.unwrap_or(0).max(0),
            is_follower,
            is_evicted: false,
        });
    }

    fn await_response(&mut self, awaited: Awaited) {
        let slot = &mut self.slots[self.slot];
        let tracked = slot.awaited.iter().filter(|other| !other.is_evicted).count();
        let max = usize::try_from(self.settings.config.limits.in_flight_max).unwrap_or(usize::MAX);
        let is_evicted = tracked >= max;
        self.expected.add(Metric::InFlightEvicted, i64::from(is_evicted));
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
        let mut found = Found::default();
        if api.key == API_VERSIONS && self.style == Style::Any && self.input.chance(60) {
            // A version that the broker does not know (KIP-511).
            message.extend_from_slice(&[0, 35, 0, 0, 0, 0]);
            found.errors = 1;
        } else if api.response.versions.contains(awaited.version) {
            if api.key != API_VERSIONS && api.response.is_flexible(awaited.version) {
                encode::unknown_tags(&mut message, self.style, &mut self.input);
            }
            let mut body =
                encode::body(&api.response, awaited.version, self.style, &mut self.input);
            if api.key == API_VERSIONS && body.bytes.starts_with(&[0, 35]) {
                // Would mean another layout.
                body.bytes[1] = 36;
            }
            message.extend_from_slice(&body.bytes);
            found = body.found;
        }
        let size = self.message(false, message);
        if !awaited.is_evicted {
            self.expected.add(Metric::ResponseBytes, size);
            self.count_response(api, &awaited, &found);
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
                client: NO_CLIENT,
                has_group: false,
                group: Vec::new(),
                places: Vec::new(),
                generation: 0,
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
        self.is_used[self.slot] = true;
        self.steps.push(Step::Pass { slot: self.slot, is_downstream, bytes, piece });
    }

    fn close(&mut self, slot: usize) {
        self.steps.push(Step::Close { slot });
        self.end(slot);
    }

    /// A connection ends, with what it still awaits.
    fn end(&mut self, slot: usize) {
        let Slot { awaited, .. } = std::mem::take(&mut self.slots[slot]);
        let left = awaited.iter().filter(|awaited| !awaited.is_evicted).count();
        self.expected.add(Metric::InFlightEvicted, i64::try_from(left).unwrap_or(i64::MAX));
    }
}

fn request_head(key: i16, version: i16, id: i32) -> Vec<u8> {
    [&key.to_be_bytes()[..], &version.to_be_bytes(), &id.to_be_bytes()].concat()
}

/// Offsets that one connection keeps until their commit is answered.
const OFFSETS_MAX: u32 = 4096;
/// Longer scripts find nothing more and take longer.
const SIZE_MAX: usize = 64 * 1024;
