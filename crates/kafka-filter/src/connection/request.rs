//! What clients send: which API is called, what is produced, and which requests await a response.

use kafka_wire::header::{self, RequestHeader};
use kafka_wire::schema::{self, Field, Role, RoleSet};
use kafka_wire::{Batch, Flow, FrameSize, Handler, Head, Outcome, Plan, Value, Visitor};

use super::Shared;
use super::tally::{Tally, Way};
use super::topic_scope::TopicScope;
use crate::filter::Meter;
use crate::host::Host;
use crate::in_flight::Sent;
use crate::metrics::catalog::Metric;
use crate::metrics::series::{Reason, Request};
use crate::sniff;

/// State of the direction from client to broker between two callbacks.
#[derive(Default)]
pub(super) struct RequestState {
    /// The request whose frame is not complete yet.
    open: Option<OpenRequest>,
    size: u32,
    /// SaslHandshake v0 was sent: frames without header follow until one has a header again.
    tokens: bool,
    wanted: RoleSet,
    topic: TopicScope,
}

/// A request whose header was decoded.
#[derive(Clone, Copy)]
pub(super) struct OpenRequest {
    pub(super) header: RequestHeader,
    pub(super) request: Request,
    /// Its layout is in the tables.
    known: bool,
    /// Required acknowledgements of a Produce; 0 means that no response comes.
    acks: Option<i64>,
}

/// Handles the frames of one callback.
pub(super) struct RequestHandler<'a, H: Host> {
    meter: Meter<'a, H>,
    state: &'a mut RequestState,
    shared: &'a mut Shared,
    now_ns: u64,
    cause: Option<Reason>,
}

impl RequestState {
    /// The label of the request that is being decoded.
    pub(super) fn current(&self) -> Option<Request> {
        self.open.map(|open| open.request)
    }

    /// Takes the request whose frame will not be completed.
    pub(super) fn take_open(&mut self) -> Option<OpenRequest> {
        self.open.take()
    }
}

impl<'a, H: Host> RequestHandler<'a, H> {
    pub(super) fn new(
        meter: Meter<'a, H>,
        state: &'a mut RequestState,
        shared: &'a mut Shared,
        now_ns: u64,
    ) -> Self {
        Self { meter, state, shared, now_ns, cause: None }
    }

    /// Why decoding was given up, when this handler did.
    pub(super) fn cause(&self) -> Option<Reason> {
        self.cause
    }

    /// The header of this frame, or why there is none.
    fn header(&mut self, bytes: &[u8]) -> Result<RequestHeader, Reason> {
        if !self.shared.detected {
            return sniff::first_request(self.state.size, bytes).ok_or(Reason::NotKafka);
        }
        let header = RequestHeader::parse(bytes).ok_or(Reason::Malformed)?;
        if header.api_key < 0 || header.api_version < 0 {
            return Err(Reason::Malformed);
        }
        Ok(header)
    }

    /// Begins the request: says how its body is to be read.
    fn begin(&mut self, header: RequestHeader) -> Head {
        let request = self.meter.request(header.api_key);
        let api = schema::api(header.api_key);
        let known = api.filter(|api| api.request.versions.contains(header.api_version));
        self.state.open = Some(OpenRequest { header, request, known: known.is_some(), acks: None });
        let unknown = match (api, known) {
            (_, Some(_)) => None,
            (Some(_), None) => Some(Reason::UnknownApiVersion),
            (None, None) => Some(Reason::UnknownApiKey),
        };
        if let Some(reason) = unknown {
            self.undecoded(request, reason);
        }
        let wanted = wanted(header.api_key);
        self.state.wanted = wanted;
        let plan = match known {
            Some(api) if api.request.roles.intersects(wanted) => Plan::Walk {
                message: &api.request,
                version: header.api_version,
                header_tags: header::request_has_tags(&api.request, header.api_version),
                walk_max: self.meter.limits().walk_size_bytes,
            },
            _ => Plan::Skip,
        };
        let walks = matches!(plan, Plan::Walk { .. });
        // The first request's client id is looked at before the connection is believed.
        let client_id = header.has_client_id() && (walks || !self.shared.detected);
        Head { size_bytes: header::REQUEST_HEADER_SIZE, client_id, plan }
    }

    fn give_up(&mut self, reason: Reason) -> Head {
        self.cause = Some(reason);
        Head { size_bytes: 0, client_id: false, plan: Plan::GiveUp }
    }

    fn undecoded(&mut self, request: Request, reason: Reason) {
        let series = self.meter.series(Metric::UndecodedMessages);
        self.meter.add(series.detail(reason).request(request), 1);
    }

    /// A topic of a Produce request ends.
    fn produced(&mut self) {
        let tally = self.state.topic.tally;
        if tally == Tally::default() {
            return;
        }
        let topic = match (self.state.topic.id(), self.state.topic.name()) {
            (Some(id), _) => Some(self.meter.topic_of_id(id)),
            (None, Some(name)) => {
                let found = self.meter.find_topic(name);
                let answered = self.state.open.is_some_and(|open| open.acks != Some(0));
                if found.is_none() && answered && self.shared.unnamed.keep(name, tally) {
                    return;
                }
                found
            }
            (None, None) => None,
        };
        let topic = topic.unwrap_or_else(|| self.meter.topic_overflow());
        tally.count(&mut self.meter, Way::Produced, topic);
    }

    /// The request awaits its response from now on, unless it gets none.
    fn sent(&mut self, open: OpenRequest) {
        let OpenRequest { header, request, known, acks } = open;
        if header.api_key == PRODUCE && acks == Some(0) {
            self.meter.add(self.meter.series(Metric::UnacknowledgedRequests), 1);
            return;
        }
        let sent = Sent {
            api_key: header.api_key,
            api_version: header.api_version,
            correlation_id: header.correlation_id,
            request,
            sent_at_ns: self.now_ns,
            perhaps_unanswered: header.api_key == PRODUCE && !known,
        };
        let metric = if self.shared.in_flight.push(sent, self.meter.limits().in_flight_max) {
            Metric::RequestsInFlight
        } else {
            Metric::InFlightEvicted
        };
        self.meter.add(self.meter.series(metric), 1);
        if header.api_key == SASL_HANDSHAKE && header.api_version == 0 {
            self.state.tokens = true;
        }
    }
}

impl<H: Host> Handler for RequestHandler<'_, H> {
    fn frame_start(&mut self, size: i32) -> FrameSize {
        let checked = match u32::try_from(size) {
            _ if !self.shared.detected => sniff::first_size(size),
            // A token may be empty.
            Ok(0) if !self.state.tokens => Err(Reason::Malformed),
            Ok(size) => Ok(size),
            Err(_) => Err(Reason::Malformed),
        };
        match checked {
            Ok(size) => {
                self.state.size = size;
                FrameSize::Bytes(size)
            }
            Err(reason) => {
                self.cause = Some(reason);
                FrameSize::GiveUp
            }
        }
    }

    fn head_size(&self) -> usize {
        if self.shared.detected {
            header::REQUEST_HEADER_SIZE
        } else {
            sniff::head_size(self.state.size)
        }
    }

    fn head(&mut self, bytes: &[u8]) -> Head {
        if self.state.tokens {
            if !RequestHeader::parse(bytes).is_some_and(sniff::is_plausible) {
                return Head { size_bytes: 0, client_id: false, plan: Plan::Skip };
            }
            self.state.tokens = false;
        }
        match self.header(bytes) {
            Ok(header) => self.begin(header),
            Err(reason) => self.give_up(reason),
        }
    }

    fn client_id(&mut self, id: Option<&[u8]>) -> bool {
        if self.shared.detected || sniff::is_plausible_client_id(id) {
            return true;
        }
        self.state.open = None;
        self.cause = Some(Reason::NotKafka);
        false
    }

    fn frame_end(&mut self, size: u32, outcome: Outcome) {
        let Some(open) = self.state.open.take() else {
            // A token. One too many is not remembered, and its answer will be out of step.
            self.shared.in_flight.push_token(self.meter.limits().in_flight_max);
            return;
        };
        self.shared.detected = true;
        let OpenRequest { header, request, .. } = open;
        let version = self.meter.version(header.api_key, header.api_version);
        self.meter.add(self.meter.series(Metric::Requests).request(request).detail(version), 1);
        let bytes = u64::from(size).saturating_add(SIZE_FIELD);
        self.meter.add_size(self.meter.series(Metric::RequestBytes).request(request), bytes);
        if outcome == Outcome::OverLimit {
            self.undecoded(request, Reason::OverLimit);
        }
        self.sent(open);
    }
}

impl<H: Host> Visitor for RequestHandler<'_, H> {
    fn wants(&self, field: &'static Field) -> bool {
        self.state.wanted.contains(field.role)
    }

    fn value(&mut self, field: &'static Field, value: Value<'_>) -> Flow {
        let topic = &mut self.state.topic;
        match (field.role, value) {
            (Role::Acks, Value::Int(acks)) => {
                if let Some(open) = self.state.open.as_mut() {
                    open.acks = Some(acks);
                }
            }
            (Role::ReplicaId, Value::Int(id)) => {
                if let Some(open) = self.state.open.as_mut()
                    && id >= 0
                {
                    open.request = Request::FETCH_FOLLOWER;
                }
                return Flow::SkipRest;
            }
            (Role::TopicName, Value::String(name)) => topic.set_name(name),
            (Role::TopicId, Value::Uuid(id)) => topic.set_id(id),
            (Role::Records, Value::Records(size_bytes)) => topic.tally.add_bytes(size_bytes),
            _ => {}
        }
        Flow::Continue
    }

    fn enter(&mut self, _field: &'static Field) {
        self.state.topic.clear();
    }

    fn leave(&mut self, _field: &'static Field) {
        self.produced();
    }

    fn batch(&mut self, _field: &'static Field, batch: &Batch) {
        self.state.topic.tally.add_batch(batch);
    }
}

/// What is wanted of a request; most are counted by their header alone.
fn wanted(api_key: i16) -> RoleSet {
    match api_key {
        PRODUCE => PRODUCE_ROLES,
        FETCH => RoleSet::of(&[Role::ReplicaId]),
        _ => RoleSet::EMPTY,
    }
}

const PRODUCE_ROLES: RoleSet =
    RoleSet::of(&[Role::Acks, Role::Topics, Role::TopicName, Role::TopicId, Role::Records]);
pub(super) const PRODUCE: i16 = 0;
pub(super) const FETCH: i16 = 1;
const SASL_HANDSHAKE: i16 = 17;
/// Bytes of a frame's size field, which belong to the frame's bytes on the wire.
pub(super) const SIZE_FIELD: u64 = 4;
