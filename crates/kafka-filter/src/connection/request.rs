//! What clients send: who they are, which API is called, what is produced, fetched and committed,
//! and which requests await a response.

use kafka_wire::header::{self, RequestHeader};
use kafka_wire::schema::{self, Field, Message, Role, RoleSet};
use kafka_wire::{Batch, Codec, Flow, FrameSize, Handler, Head, Outcome, Plan, Value, Visitor};

use super::Shared;
use super::commits::Commit;
use super::tally::{Tally, Way};
use super::topic_scope::TopicScope;
use super::wanted::{self, FETCH, PRODUCE, PUSH_TELEMETRY, SASL_HANDSHAKE};
use crate::filter::{Meter, seconds};
use crate::host::Host;
use crate::in_flight::Sent;
use crate::metrics::catalog::{Label, Metric};
use crate::metrics::groups::MetricGroup;
use crate::metrics::name::VALUE_SIZE_MAX;
use crate::metrics::series::{Detail, Party, Reason, Request, Topic};
use crate::sniff;

/// State of the direction from client to broker between two callbacks.
#[derive(Default)]
pub(super) struct RequestState {
    /// The request whose frame is not complete yet.
    open: Option<OpenRequest>,
    size: u32,
    /// SaslHandshake v0 was sent: frames without header follow until one has a header again.
    tokens: bool,
    /// A broker that replicates: its fetches are no consumer's.
    follower: bool,
    wanted: RoleSet,
    topic: TopicScope,
    partition: i32,
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
    /// The group that it names, the first one if it names several.
    group: Option<Party>,
    /// The generation or the member epoch that it tells.
    generation: i32,
    /// Offsets that it commits.
    commits: u16,
    /// The codec of what a PushTelemetry pushes.
    compression: Option<i64>,
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
        self.state.open = Some(OpenRequest::new(header, request, known.is_some()));
        let unknown = match (api, known) {
            (_, Some(_)) => None,
            (Some(_), None) => Some(Reason::UnknownApiVersion),
            (None, None) => Some(Reason::UnknownApiKey),
        };
        if let Some(reason) = unknown {
            self.undecoded(request, reason);
        }
        let wanted = known.map_or(RoleSet::EMPTY, |api| self.wanted(&api.request));
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
        // The first request's client id is looked at before the connection is believed, those of
        // deprecated requests and of those that move records because they are counted by client.
        let is_deprecated = known.is_some_and(|api| api.refused.contains(header.api_version));
        let is_by_client = is_deprecated || wanted::moves_records(header.api_key);
        let client_id = header.has_client_id() && (walks || is_by_client || !self.shared.detected);
        Head { size_bytes: header::REQUEST_HEADER_SIZE, client_id, plan }
    }

    fn wanted(&self, request: &'static Message) -> RoleSet {
        if request.api_key == FETCH && self.state.follower {
            return wanted::REPLICA;
        }
        self.meter.filter.wanted().of_request(request.api_key)
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
        let client = self.client();
        let topic = match (self.state.topic.id(), self.state.topic.name()) {
            (Some(id), _) => Some(self.meter.topic_of_id(id)),
            (None, Some(name)) => {
                let found = self.meter.find_topic(name);
                let answered = self.state.open.is_some_and(|open| open.acks != Some(0));
                if found.is_none() && answered && self.shared.unnamed.keep(name, client, tally) {
                    return;
                }
                found
            }
            (None, None) => None,
        };
        let topic = topic.unwrap_or_else(|| self.meter.topic_overflow());
        self.shared.identity.saw_topic(&mut self.meter, topic);
        tally.count(&mut self.meter, Way::Produced, topic, client);
    }

    /// The client, where records are counted for it.
    fn client(&mut self) -> Party {
        if self.meter.counts(MetricGroup::Clients) {
            self.shared.identity.client(&mut self.meter)
        } else {
            Party::NONE
        }
    }

    /// The request names a group.
    fn group(&mut self, party: Party) {
        let Some(open) = self.state.open.as_mut() else { return };
        open.group.get_or_insert(party);
        let request = open.request;
        if self.meter.counts(MetricGroup::Groups) {
            let series = self.meter.series(Metric::GroupRequests);
            self.meter.add(series.request(request).party(party), 1);
        }
    }

    /// A consumer asks for the current partition from this offset on.
    fn fetches(&mut self, offset: i64) {
        let (key, partition) = (self.state.topic.key(), self.state.partition);
        let now_s = seconds(self.now_ns);
        let kept = self.shared.follow(&mut self.meter, |lag, max, each| {
            lag.requested(key, partition, offset, now_s, max, each)
        });
        if !kept {
            self.meter.lag_untracked();
        }
    }

    /// A group commits this offset of the current partition, if its coordinator agrees.
    fn commits(&mut self, offset: i64) {
        let scope = &self.state.topic;
        let topic = match (scope.label, scope.id(), scope.name()) {
            (Some(topic), ..) => topic,
            (None, Some(id), _) => self.meter.topic_of_id(id),
            // A topic that no broker has named has no watermark either.
            (None, None, name) => {
                name.and_then(|name| self.meter.find_topic(name)).unwrap_or(Topic::OTHER)
            }
        };
        self.state.topic.label = Some(topic);
        let Some(open) = self.state.open.as_mut() else { return };
        if topic.index().is_none() || offset < 0 {
            return;
        }
        let commit = Commit { topic, partition: self.state.partition, offset };
        if open.commits < u16::MAX && self.shared.commits.push(commit) {
            open.commits = open.commits.saturating_add(1);
        } else {
            self.meter.lag_untracked();
        }
    }

    /// Counts what only some requests have.
    fn count_particular(&mut self, open: &OpenRequest, version: Detail) {
        let OpenRequest { header, request, known, compression, .. } = *open;
        let refused = || schema::api(header.api_key).map(|api| api.refused);
        if known
            && self.meter.counts(MetricGroup::Deprecated)
            && refused().is_some_and(|refused| refused.contains(header.api_version))
        {
            let client = self.shared.identity.client(&mut self.meter);
            let series = self.meter.series(Metric::DeprecatedRequests);
            self.meter.add(series.request(request).detail(version).party(client), 1);
        }
        if header.api_key == PUSH_TELEMETRY
            && let Some(compression) = compression
        {
            let codec = Codec::from_number(compression);
            let series = self.meter.series(Metric::ClientTelemetryPushes);
            self.meter.add(series.detail(codec).party(self.shared.identity.software()), 1);
        }
        if header.api_key == FETCH && self.meter.counts(MetricGroup::Lag) {
            let stale_s = self.meter.limits().lag_stale_seconds;
            let now_s = seconds(self.now_ns);
            self.shared.follow(&mut self.meter, |lag, _, each| lag.expire(now_s, stale_s, each));
        }
    }

    /// The request awaits its response from now on, unless it gets none.
    fn sent(&mut self, open: OpenRequest, size_bytes: u32) {
        let OpenRequest { header, request, known, acks, group, generation, commits, .. } = open;
        if header.api_key == PRODUCE && acks == Some(0) {
            self.meter.add(self.meter.series(Metric::UnacknowledgedRequests), 1);
            return;
        }
        // A broker that replicates is no client that anything is counted for.
        let moves_records =
            wanted::moves_records(header.api_key) && request != Request::FETCH_FOLLOWER;
        let sent = Sent {
            api_key: header.api_key,
            api_version: header.api_version,
            correlation_id: header.correlation_id,
            request,
            group,
            client: if moves_records { self.client() } else { Party::NONE },
            generation,
            commits,
            size_bytes,
            sent_at_ns: self.now_ns,
            perhaps_unanswered: header.api_key == PRODUCE && !known,
        };
        if self.shared.in_flight.push(sent, self.meter.limits().in_flight_max) {
            self.meter.add(self.meter.series(Metric::RequestsInFlight), 1);
            let series = self.meter.series(Metric::InFlightRequestBytes).request(request);
            self.meter.add(series, size_bytes);
        } else {
            self.shared.commits.forget_last(commits);
            self.meter.add(self.meter.series(Metric::InFlightEvicted), 1);
        }
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
            self.shared.identity.saw_client_id(&mut self.meter, id);
            return true;
        }
        self.state.open = None;
        self.cause = Some(Reason::NotKafka);
        false
    }

    fn long_client_id(&mut self) -> bool {
        self.shared.identity.saw_client_id(&mut self.meter, Some(TOO_LONG));
        true
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
        let size_bytes = size.saturating_add(SIZE_FIELD);
        self.meter.add(self.meter.series(Metric::RequestBytes).request(request), size_bytes);
        if outcome == Outcome::OverLimit {
            self.undecoded(request, Reason::OverLimit);
        }
        self.count_particular(&open, version);
        self.sent(open, size_bytes);
    }
}

impl<H: Host> Visitor for RequestHandler<'_, H> {
    fn wants(&self, field: &'static Field) -> bool {
        self.state.wanted.contains(field.role)
    }

    fn value(&mut self, field: &'static Field, value: Value<'_>) -> Flow {
        let topic = &mut self.state.topic;
        match (field.role, value) {
            (Role::Acks, Value::Int(acks)) => self.set_open(|open| open.acks = Some(acks)),
            (Role::ReplicaId, Value::Int(id)) => return self.replica(id),
            (Role::TopicName, Value::String(name)) => topic.set_name(name),
            (Role::TopicId, Value::Uuid(id)) => topic.set_id(id),
            (Role::Records, Value::Records(size_bytes)) => topic.tally.add_bytes(size_bytes),
            (Role::GroupId, Value::String(name)) => {
                let party = self.shared.identity.group(&mut self.meter, name);
                self.group(party);
            }
            (Role::GroupId, Value::Contents(_)) => {
                let party = self.meter.party_overflow(Label::Group);
                self.group(party);
            }
            (Role::Generation, Value::Int(generation)) => {
                let generation = i32::try_from(generation).unwrap_or(-1);
                self.set_open(|open| open.generation = generation);
            }
            (Role::PartitionIndex, Value::Int(partition)) => {
                self.state.partition = i32::try_from(partition).unwrap_or(-1);
            }
            (Role::FetchOffset, Value::Int(offset)) => self.fetches(offset),
            (Role::CommittedOffset, Value::Int(offset)) => self.commits(offset),
            (Role::SoftwareName, Value::String(name)) => {
                self.shared.identity.saw_software_name(name);
            }
            (Role::SoftwareName, Value::Contents(_)) => {
                self.shared.identity.saw_software_name(TOO_LONG);
            }
            (Role::SoftwareVersion, Value::String(version)) => {
                self.shared.identity.saw_software_version(&mut self.meter, version);
            }
            (Role::SoftwareVersion, Value::Contents(_)) => {
                self.shared.identity.saw_software_version(&mut self.meter, TOO_LONG);
            }
            (Role::CompressionType, Value::Int(compression)) => {
                self.set_open(|open| open.compression = Some(compression));
            }
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

impl<H: Host> RequestHandler<'_, H> {
    fn set_open(&mut self, set: impl FnOnce(&mut OpenRequest)) {
        if let Some(open) = self.state.open.as_mut() {
            set(open);
        }
    }

    /// A Fetch tells who asks: a broker that replicates, or a consumer.
    fn replica(&mut self, id: i64) -> Flow {
        if id < 0 {
            // Versions up to 14 tell it first, later ones only of a broker and at the end.
            return if self.meter.counts(MetricGroup::Lag) {
                Flow::Continue
            } else {
                Flow::SkipRest
            };
        }
        self.set_open(|open| open.request = Request::FETCH_FOLLOWER);
        self.state.follower = true;
        self.shared.follow(&mut self.meter, |lag, _, each| std::mem::take(lag).give_back(each));
        Flow::SkipRest
    }
}

impl OpenRequest {
    fn new(header: RequestHeader, request: Request, known: bool) -> Self {
        Self {
            header,
            request,
            known,
            acks: None,
            group: None,
            generation: -1,
            commits: 0,
            compression: None,
        }
    }
}

/// Stands for a text that is longer than what is looked at: longer than any that is shown.
const TOO_LONG: &[u8] = &[b'x'; VALUE_SIZE_MAX + 1];
/// Bytes of a frame's size field, which belong to the frame's bytes on the wire.
pub(super) const SIZE_FIELD: u32 = 4;
