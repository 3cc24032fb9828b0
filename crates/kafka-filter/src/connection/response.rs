//! What brokers answer: how long it took, with which errors, which records, which topics are real.

use kafka_wire::header;
use kafka_wire::schema::{self, Field, Role, RoleSet};
use kafka_wire::{Batch, Flow, FrameSize, Handler, Head, Outcome, Plan, Value, Visitor};

use super::Shared;
use super::request::{FETCH, PRODUCE, SIZE_FIELD};
use super::tally::Way;
use super::topic_scope::TopicScope;
use crate::filter::Meter;
use crate::host::Host;
use crate::in_flight::{Entry, Sent};
use crate::metrics::catalog::Metric;
use crate::metrics::series::{Reason, Request, Topic};

/// State of the direction from broker to client between two callbacks.
#[derive(Default)]
pub(super) struct ResponseState {
    /// The request whose response is passing.
    current: Option<Sent>,
    throttle_ms: i64,
    wanted: RoleSet,
    in_topic: bool,
    topic: TopicScope,
    /// Topics of this response, whose time is known at its end.
    topics: Vec<Topic>,
}

/// Handles the frames of one callback.
pub(super) struct ResponseHandler<'a, H: Host> {
    meter: Meter<'a, H>,
    state: &'a mut ResponseState,
    shared: &'a mut Shared,
    now_ns: u64,
    cause: Option<Reason>,
}

impl ResponseState {
    /// The label of the response that is being decoded.
    pub(super) fn current(&self) -> Option<Request> {
        self.current.map(|sent| sent.request)
    }
}

impl<'a, H: Host> ResponseHandler<'a, H> {
    pub(super) fn new(
        meter: Meter<'a, H>,
        state: &'a mut ResponseState,
        shared: &'a mut Shared,
        now_ns: u64,
    ) -> Self {
        Self { meter, state, shared, now_ns, cause: None }
    }

    /// Why decoding was given up, when this handler did.
    pub(super) fn cause(&self) -> Option<Reason> {
        self.cause
    }

    fn give_up(&mut self, reason: Reason) -> Head {
        self.cause = Some(reason);
        Head { plan: Plan::GiveUp, ..UNREAD }
    }

    /// Begins the response to a request: says how its body is to be read.
    fn begin(&mut self, sent: Sent, bytes: &[u8]) -> Head {
        self.state.current = Some(sent);
        self.state.throttle_ms = 0;
        self.state.in_topic = false;
        let Some(api) = schema::api(sent.api_key) else {
            return UNREAD;
        };
        let body = bytes.get(header::RESPONSE_HEADER_SIZE..).unwrap_or_default();
        let version = if sent.api_key == header::API_VERSIONS
            && header::leading_int16(body) == Some(UNSUPPORTED_VERSION)
        {
            // A version that the broker does not know is answered in version 0 (KIP-511).
            0
        } else {
            sent.api_version
        };
        let message = &api.response;
        let wanted = if sent.api_key == FETCH && sent.request != Request::FETCH_FOLLOWER {
            FETCH_ROLES
        } else {
            ROLES
        };
        if !message.versions.contains(version) || !message.roles.intersects(wanted) {
            return UNREAD;
        }
        self.state.wanted = wanted;
        let header_tags = header::response_has_tags(message, version);
        let walk_max = self.meter.limits().walk_size_bytes;
        let plan = Plan::Walk { message, version, header_tags, walk_max };
        Head { size_bytes: header::RESPONSE_HEADER_SIZE, client_id: false, plan }
    }

    fn error_code(&mut self, code: i16) {
        let Some(request) = self.state.current() else { return };
        if code == 0 {
            self.state.topic.success |= self.state.in_topic;
            return;
        }
        let error = self.meter.error(code);
        let series = self.meter.series(Metric::ResponseErrors);
        self.meter.add(series.request(request).detail(error), 1);
        if self.state.in_topic && !self.state.topic.note_error(code) {
            // More kinds of errors than are kept: this one is counted for the topic as far as it
            // is known by now.
            let topic = self.named_topic();
            self.topic_error(topic, request, code, 1);
        }
    }

    fn topic_error(&mut self, topic: Topic, request: Request, code: i16, count: u32) {
        let error = self.meter.error(code);
        let series = self.meter.series(Metric::TopicErrors);
        self.meter.add(series.topic(topic).request(request).detail(error), count);
    }

    /// A topic's part of the response ends.
    fn answered(&mut self) {
        self.state.in_topic = false;
        let Some(sent) = self.state.current else { return };
        match sent.api_key {
            PRODUCE | FETCH => {
                let topic = self.named_topic();
                self.moved(sent, topic);
                self.count_errors(sent.request, topic);
            }
            api_key => {
                if TELLING_APIS.contains(&api_key)
                    && self.state.topic.success
                    && let Some(name) = self.state.topic.name()
                {
                    self.meter.learn_topic(self.state.topic.id(), name);
                }
                if self.state.topic.errors().next().is_some() {
                    let topic = self.named_topic();
                    self.count_errors(sent.request, topic);
                }
            }
        }
    }

    /// The label value of the topic that is being read.
    fn named_topic(&mut self) -> Topic {
        let scope = &self.state.topic;
        match (scope.id(), scope.name()) {
            (Some(id), _) => self.meter.topic_of_id(id),
            (None, Some(name)) if scope.success => self.meter.admit_topic(name),
            (None, Some(name)) => match self.meter.find_topic(name) {
                Some(topic) => topic,
                None => self.meter.topic_overflow(),
            },
            (None, None) => self.meter.topic_overflow(),
        }
    }

    /// Counts what was produced to the topic before it had a name, or what was fetched from it.
    fn moved(&mut self, sent: Sent, topic: Topic) {
        if sent.api_key == PRODUCE {
            let waiting = self.state.topic.name().and_then(|name| self.shared.unnamed.take(name));
            if let Some(tally) = waiting {
                tally.count(&mut self.meter, Way::Produced, topic);
            }
        } else {
            self.state.topic.tally.count(&mut self.meter, Way::Fetched, topic);
        }
        if sent.request == Request::FETCH_FOLLOWER {
            return;
        }
        if self.state.topics.len() < TOPICS_MAX {
            self.state.topics.push(topic);
        } else {
            // Too many to keep until the end: its time is taken now, which is all but the end.
            self.topic_duration(sent, topic);
        }
    }

    fn count_errors(&mut self, request: Request, topic: Topic) {
        for (code, count) in self.state.topic.errors() {
            self.topic_error(topic, request, code, count);
        }
    }

    fn topic_duration(&mut self, sent: Sent, topic: Topic) {
        let series = self.meter.series(Metric::TopicRequestDuration);
        self.meter.sample(series.topic(topic).request(sent.request), self.elapsed_us(sent));
    }

    fn elapsed_us(&self, sent: Sent) -> u64 {
        self.now_ns.saturating_sub(sent.sent_at_ns) / NS_PER_US
    }
}

impl<H: Host> Handler for ResponseHandler<'_, H> {
    fn frame_start(&mut self, size: i32) -> FrameSize {
        let checked = match (u32::try_from(size), self.shared.in_flight.front()) {
            (_, None) if self.shared.detected => Err(Reason::Desync),
            (_, None) => Err(Reason::NotKafka),
            (Ok(size), Some(Entry::Token)) => Ok(size),
            (Ok(0) | Err(_), Some(_)) => Err(Reason::Malformed),
            (Ok(size), Some(_)) => Ok(size),
        };
        match checked {
            Ok(size) => FrameSize::Bytes(size),
            Err(reason) => {
                self.cause = Some(reason);
                FrameSize::GiveUp
            }
        }
    }

    fn head_size(&self) -> usize {
        match self.shared.in_flight.front() {
            Some(Entry::Request(sent)) if sent.api_key == header::API_VERSIONS => {
                header::RESPONSE_HEADER_SIZE.saturating_add(ERROR_CODE_SIZE)
            }
            _ => header::RESPONSE_HEADER_SIZE,
        }
    }

    fn head(&mut self, bytes: &[u8]) -> Head {
        let id = header::correlation_id(bytes);
        if self.shared.in_flight.take_token(id) {
            return UNREAD;
        }
        let Some(id) = id else {
            return self.give_up(Reason::Malformed);
        };
        let Some(matched) = self.shared.in_flight.take(id) else {
            return self.give_up(Reason::Desync);
        };
        if matched.unanswered > 0 {
            let unanswered = i64::from(matched.unanswered);
            self.meter.add(self.meter.series(Metric::UnacknowledgedRequests), unanswered);
            let series = self.meter.series(Metric::RequestsInFlight);
            self.meter.add(series, unanswered.saturating_neg());
        }
        match matched.entry {
            Entry::Request(sent) => self.begin(sent, bytes),
            Entry::Token | Entry::Evicted(_) => UNREAD,
        }
    }

    fn frame_end(&mut self, size: u32, outcome: Outcome) {
        let Some(sent) = self.state.current.take() else { return };
        let request = sent.request;
        self.meter.add(self.meter.series(Metric::RequestsInFlight), -1);
        self.meter.add(self.meter.series(Metric::Responses).request(request), 1);
        let bytes = u64::from(size).saturating_add(SIZE_FIELD);
        self.meter.add_size(self.meter.series(Metric::ResponseBytes).request(request), bytes);
        let duration = self.meter.series(Metric::RequestDuration).request(request);
        self.meter.sample(duration, self.elapsed_us(sent));
        if self.state.throttle_ms > 0 {
            let series = self.meter.series(Metric::ThrottledResponses).request(request);
            self.meter.add(series, 1);
            let series = self.meter.series(Metric::ThrottleTime).request(request);
            self.meter.add(series, self.state.throttle_ms);
        }
        if outcome == Outcome::OverLimit {
            let series = self.meter.series(Metric::UndecodedMessages);
            self.meter.add(series.detail(Reason::OverLimit).request(request), 1);
        }
        let mut topics = std::mem::take(&mut self.state.topics);
        for topic in topics.drain(..) {
            self.topic_duration(sent, topic);
        }
        if topics.capacity() <= IDLE_TOPICS {
            self.state.topics = topics;
        }
    }
}

impl<H: Host> Visitor for ResponseHandler<'_, H> {
    fn wants(&self, field: &'static Field) -> bool {
        self.state.wanted.contains(field.role)
    }

    fn value(&mut self, field: &'static Field, value: Value<'_>) -> Flow {
        let topic = &mut self.state.topic;
        match (field.role, value) {
            (Role::ErrorCode, Value::Int(code)) => {
                self.error_code(i16::try_from(code).unwrap_or(i16::MAX));
            }
            (Role::ThrottleTimeMs, Value::Int(throttle_ms)) => {
                self.state.throttle_ms = throttle_ms;
            }
            (Role::TopicName, Value::String(name)) => topic.set_name(name),
            (Role::TopicId, Value::Uuid(id)) => topic.set_id(id),
            _ => {}
        }
        Flow::Continue
    }

    fn enter(&mut self, _field: &'static Field) {
        self.state.in_topic = true;
        self.state.topic.clear();
    }

    fn leave(&mut self, _field: &'static Field) {
        self.answered();
    }

    fn batch(&mut self, _field: &'static Field, batch: &Batch) {
        // Transaction markers are no user's records (KIP-98). A batch that is cut off at the end of
        // a response does not come here: the client asks for it again.
        if !batch.is_control() {
            self.state.topic.tally.add_bytes(batch.size_bytes);
            self.state.topic.tally.add_batch(batch);
        }
    }
}

const ROLES: RoleSet = RoleSet::of(&[
    Role::ErrorCode,
    Role::ThrottleTimeMs,
    Role::Topics,
    Role::TopicName,
    Role::TopicId,
]);
const FETCH_ROLES: RoleSet = RoleSet::of(&[
    Role::ErrorCode,
    Role::ThrottleTimeMs,
    Role::Topics,
    Role::TopicName,
    Role::TopicId,
    Role::Records,
]);
/// A response of which nothing is read.
const UNREAD: Head = Head { size_bytes: 0, client_id: false, plan: Plan::Skip };
/// Metadata, CreateTopics, DescribeTopicPartitions: they tell which topics there are.
const TELLING_APIS: [i16; 3] = [3, 19, 75];
/// UNSUPPORTED_VERSION.
const UNSUPPORTED_VERSION: i16 = 35;
const ERROR_CODE_SIZE: usize = 2;
/// Topics of one response that are kept until its end.
const TOPICS_MAX: usize = 1024;
/// Topics for which a connection keeps memory between responses.
const IDLE_TOPICS: usize = 16;
const NS_PER_US: u64 = 1_000;
