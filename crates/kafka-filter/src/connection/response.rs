//! What brokers answer: how long it took, with which errors, which records, how far behind readers
//! are, which topics are real.

mod groups;
mod topics;

use kafka_wire::header;
use kafka_wire::schema::{self, Field, Role, RoleSet};
use kafka_wire::{Batch, Flow, FrameSize, Handler, Head, Outcome, Plan, Value, Visitor};

use super::Shared;
use super::group_scope::GroupScope;
use super::request::SIZE_FIELD;
use super::topic_scope::TopicScope;
use super::wanted::{self, OFFSET_FETCH, PRODUCE};
use crate::filter::Meter;
use crate::host::Host;
use crate::in_flight::{Entry, Sent};
use crate::metrics::catalog::{Label, Metric};
use crate::metrics::groups::MetricGroup;
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
    partition: Partition,
    group: GroupScope,
    /// Topics of this response, whose time is known at its end.
    topics: Vec<Topic>,
}

/// The partition that is being read.
#[derive(Clone, Copy, Default)]
struct Partition {
    index: i32,
    high_watermark: Option<i64>,
    /// The offset behind the last batch.
    next_offset: Option<i64>,
    committed_offset: Option<i64>,
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

    /// The request whose response is passing.
    pub(super) fn answering(&self) -> Option<&Sent> {
        self.current.as_ref()
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
        self.state.partition = Partition::default();
        self.state.group = GroupScope::of_request(sent.group);
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
        let wanted = if sent.request == Request::FETCH_FOLLOWER {
            wanted::RESPONSE
        } else {
            self.meter.filter.wanted().of_response(sent.api_key)
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
        let Some(sent) = self.state.current else { return };
        self.state.group.saw_error_code(code);
        if code == 0 {
            // A coordinator answers without an error for topics that it does not know, too: only
            // an offset shows that there is such a topic.
            let is_shown = sent.api_key != OFFSET_FETCH
                || self.state.partition.committed_offset.is_some_and(|offset| offset >= 0);
            self.state.topic.success |= self.state.in_topic && is_shown;
            self.told_offset(sent);
            return;
        }
        let error = self.meter.error(code);
        let series = self.meter.series(Metric::ResponseErrors);
        self.meter.add(series.request(sent.request).detail(error), 1);
        if !self.state.group.note_error(code) {
            self.group_error(self.state.group.group(), sent.request, code, 1);
        }
        if self.state.in_topic && !self.state.topic.note_error(code) {
            // More kinds of errors than are kept: this one is counted for the topic as far as it
            // is known by now.
            let topic = self.named_topic();
            self.topic_error(topic, sent.request, code, 1);
        }
        if sent.commits > 0 && self.state.in_topic {
            let topic = self.named_topic();
            self.shared.commits.refuse(sent.commits, topic, self.state.partition.index);
        }
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
            let bytes = i64::try_from(matched.unanswered_bytes).unwrap_or(i64::MAX);
            let series = self.meter.series(Metric::InFlightRequestBytes);
            self.meter.add(series.request(Request::known(PRODUCE)), bytes.saturating_neg());
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
        let series = self.meter.series(Metric::InFlightRequestBytes).request(request);
        self.meter.add(series, i64::from(sent.size_bytes).saturating_neg());
        self.meter.add(self.meter.series(Metric::Responses).request(request), 1);
        let size_bytes = size.saturating_add(SIZE_FIELD);
        self.meter.add(self.meter.series(Metric::ResponseBytes).request(request), size_bytes);
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
        if sent.commits > 0 {
            self.committed(sent);
        }
        self.count_group(sent);
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
            (Role::PartitionIndex, Value::Int(index)) => {
                if let Some(sent) = self.state.current {
                    self.partition_ends(sent);
                }
                self.state.partition.index = i32::try_from(index).unwrap_or(-1);
            }
            (Role::HighWatermark, Value::Int(offset)) => {
                self.state.partition.high_watermark = Some(offset);
            }
            (Role::CommittedOffset, Value::Int(offset)) => {
                self.state.partition.committed_offset = Some(offset);
            }
            (Role::GroupId, Value::String(name)) => {
                let group = self.meter.party(Label::Group, name);
                self.state.group.set_group(group);
            }
            (Role::GroupId, Value::Contents(_)) => {
                let group = self.meter.party_overflow(Label::Group);
                self.state.group.set_group(group);
            }
            (Role::Generation, Value::Int(generation)) => {
                self.generation(i32::try_from(generation).unwrap_or(-1));
            }
            (Role::Leader, Value::String(leader)) => self.state.group.set_leader(leader),
            (Role::MemberId, Value::String(member)) => {
                self.joined(member);
                return Flow::SkipRest;
            }
            _ => {}
        }
        Flow::Continue
    }

    fn enter(&mut self, field: &'static Field) {
        if field.role == Role::Groups {
            self.state.group.begin();
        } else {
            self.state.in_topic = true;
            self.state.topic.clear();
        }
    }

    fn leave(&mut self, field: &'static Field) {
        if field.role == Role::Groups {
            if let Some(sent) = self.state.current {
                self.group_ends(sent);
            }
        } else {
            self.answered();
        }
    }

    fn batch(&mut self, _field: &'static Field, batch: &Batch) {
        self.state.partition.next_offset = Some(batch.next_offset());
        // Transaction markers are no user's records (KIP-98). A batch that is cut off at the end of
        // a response does not come here: the client asks for it again.
        if batch.is_control() {
            return;
        }
        self.state.topic.tally.add_bytes(batch.size_bytes);
        self.state.topic.tally.add_batch(batch);
        if self.meter.counts(MetricGroup::EndToEndLatency)
            && !batch.is_log_append_time()
            && batch.max_timestamp > 0
        {
            let topic = self.named_topic();
            let age_ms = self.meter.unix_ms(self.now_ns).saturating_sub(batch.max_timestamp);
            let series = self.meter.series(Metric::TopicEndToEndLatency).topic(topic);
            self.meter.sample(series, u64::try_from(age_ms).unwrap_or(0));
        }
    }
}

/// A response of which nothing is read.
const UNREAD: Head = Head { size_bytes: 0, client_id: false, plan: Plan::Skip };
/// UNSUPPORTED_VERSION.
const UNSUPPORTED_VERSION: i16 = 35;
const ERROR_CODE_SIZE: usize = 2;
/// Topics for which a connection keeps memory between responses.
const IDLE_TOPICS: usize = 16;
const NS_PER_US: u64 = 1_000;
