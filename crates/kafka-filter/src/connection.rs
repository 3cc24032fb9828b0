//! One connection between a client and a broker.
//!
//! The shell calls [`Connection::open`], then [`Connection::on_downstream`] and
//! [`Connection::on_upstream`] with the bytes of each callback as they pass, and
//! [`Connection::close`] once at the end. Whatever the bytes are, they are not held back and the
//! connection goes on; when they cannot be decoded it becomes **opaque**: counted once, its state
//! freed, the rest of its bytes unread.

mod commits;
mod fetch_lag;
mod group_scope;
mod identity;
mod request;
mod response;
mod tally;
mod topic_scope;
mod wanted;

use kafka_wire::schema::Direction;
use kafka_wire::{FrameDecoder, Source, Stop};

use crate::filter::{Filter, Meter};
use crate::host::{Fact, Host};
use crate::in_flight::InFlight;
use crate::metrics::catalog::{Metric, Reporter};
use crate::metrics::series::{Reason, Topic};
use commits::Commits;
use fetch_lag::FetchLag;
use identity::Identity;
use request::{OpenRequest, RequestHandler, RequestState};
use response::{ResponseHandler, ResponseState};
use tally::Unnamed;
pub(crate) use wanted::Wanted;

/// What is known of one connection.
pub struct Connection {
    reporter: Reporter,
    /// Gone when the connection is opaque.
    watch: Option<Box<Watch>>,
    open: bool,
}

/// The state of a connection that is decoded.
#[derive(Default)]
struct Watch {
    downstream: FrameDecoder,
    upstream: FrameDecoder,
    requests: RequestState,
    responses: ResponseState,
    shared: Shared,
}

/// What both directions of a connection work on.
#[derive(Default)]
struct Shared {
    in_flight: InFlight,
    unnamed: Unnamed,
    identity: Identity,
    commits: Commits,
    fetch_lag: FetchLag,
    /// The first request was complete and looked like Kafka.
    detected: bool,
}

impl Connection {
    /// A connection begins on a listener of this direction (Envoy's `TrafficDirection`).
    pub fn open<H: Host>(
        filter: &mut Filter,
        host: &mut H,
        listener_direction: Option<i64>,
    ) -> Self {
        let reporter = filter.config().reporter.resolve(listener_direction);
        filter.announce(host, reporter);
        let mut meter = Meter { filter, host, reporter };
        meter.add(meter.series(Metric::ConnectionsOpened), 1);
        meter.add(meter.series(Metric::ConnectionsActive), 1);
        meter.finish();
        Self { reporter, watch: Some(Box::default()), open: true }
    }

    /// Whether nobody has to look at the next `bytes` from the client: the inside of a payload, or
    /// of an opaque connection. They are taken into account; do not hand them over again.
    pub fn pass_downstream(&mut self, bytes: usize) -> bool {
        self.watch.as_deref_mut().is_none_or(|watch| watch.downstream.pass(bytes))
    }

    /// As [`Self::pass_downstream`], for the next `bytes` from the broker.
    pub fn pass_upstream(&mut self, bytes: usize) -> bool {
        self.watch.as_deref_mut().is_none_or(|watch| watch.upstream.pass(bytes))
    }

    /// Bytes from the client to the broker pass; `now_ns` is a clock that never goes back.
    pub fn on_downstream<S: Source, H: Host>(
        &mut self,
        filter: &mut Filter,
        host: &mut H,
        now_ns: u64,
        source: &mut S,
    ) {
        if self.pass_downstream(source.len()) {
            return;
        }
        let Some(watch) = self.watch.as_deref_mut() else { return };
        let Watch { downstream, requests, shared, .. } = watch;
        let meter = Meter { filter, host, reporter: self.reporter };
        let mut handler = RequestHandler::new(meter, requests, shared, now_ns);
        let outcome = downstream.run(source, &mut handler);
        let cause = handler.cause();
        self.after(filter, host, outcome.map_err(|stop| (stop, Direction::Request)), cause);
    }

    /// Bytes from the broker to the client pass.
    pub fn on_upstream<S: Source, H: Host>(
        &mut self,
        filter: &mut Filter,
        host: &mut H,
        now_ns: u64,
        source: &mut S,
    ) {
        if self.pass_upstream(source.len()) {
            return;
        }
        let Some(watch) = self.watch.as_deref_mut() else { return };
        let Watch { upstream, responses, shared, .. } = watch;
        let meter = Meter { filter, host, reporter: self.reporter };
        let mut handler = ResponseHandler::new(meter, responses, shared, now_ns);
        let outcome = upstream.run(source, &mut handler);
        let cause = handler.cause();
        self.after(filter, host, outcome.map_err(|stop| (stop, Direction::Response)), cause);
    }

    /// The connection ends: gives back what it added to gauges. Calls after the first do nothing.
    pub fn close<H: Host>(&mut self, filter: &mut Filter, host: &mut H) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let watch = self.watch.take();
        let mut meter = Meter { filter, host, reporter: self.reporter };
        if let Some(watch) = watch {
            watch.give_back(&mut meter, true);
        }
        meter.add(meter.series(Metric::ConnectionsClosed), 1);
        meter.add(meter.series(Metric::ConnectionsActive), -1);
        meter.finish();
    }

    /// Whether the connection is still decoded.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.watch.is_some()
    }

    /// Ends a callback: gives up if decoding stopped, and makes new series known to the host.
    fn after<H: Host>(
        &mut self,
        filter: &mut Filter,
        host: &mut H,
        outcome: Result<(), (Stop, Direction)>,
        cause: Option<Reason>,
    ) {
        let mut meter = Meter { filter, host, reporter: self.reporter };
        if let Err((stop, direction)) = outcome
            && let Some(watch) = self.watch.take()
        {
            let reason = match stop {
                Stop::Handler => cause.unwrap_or(Reason::Malformed),
                Stop::Source => Reason::Limit,
                // Before the first request was whole, bytes that make no sense are just not Kafka.
                Stop::Malformed(_) if !watch.shared.detected => Reason::NotKafka,
                Stop::Malformed(_) => Reason::Malformed,
            };
            if reason == Reason::Malformed {
                watch.count_malformed(&mut meter, direction);
            }
            watch.give_back(&mut meter, reason != Reason::NotKafka);
            meter.note(Fact::OpaqueReason, '/', [reason.word().as_bytes()].into_iter());
            meter.add(meter.series(Metric::ConnectionsOpaque).detail(reason), 1);
        }
        meter.finish();
    }
}

impl Shared {
    /// Changes what is known of the partitions that the connection fetches. The change gets the most
    /// partitions that there may be, by one bound for all connections of the worker, and whom to tell
    /// of contributions to the gauge.
    fn follow<H: Host, R>(
        &mut self,
        meter: &mut Meter<'_, H>,
        change: impl FnOnce(&mut FetchLag, u32, &mut dyn FnMut(Topic, i64)) -> R,
    ) -> R {
        let own = self.fetch_lag.len();
        let others = meter.filter.fetched_partitions.saturating_sub(own);
        let max = meter.limits().lag_partitions_max.saturating_sub(others);
        let series = meter.series(Metric::TopicFetchLag);
        let mut each = |topic, change: i64| meter.add(series.topic(topic), change);
        let result = change(&mut self.fetch_lag, max, &mut each);
        meter.filter.fetched_partitions = others.saturating_add(self.fetch_lag.len());
        result
    }
}

impl Watch {
    /// The message that was being decoded in this direction is the malformed one.
    fn count_malformed<H: Host>(&self, meter: &mut Meter<'_, H>, direction: Direction) {
        let request = match direction {
            Direction::Request => self.requests.current(),
            Direction::Response => self.responses.current(),
        };
        if let Some(request) = request {
            let series = meter.series(Metric::UndecodedMessages);
            meter.add(series.detail(Reason::Malformed).request(request), 1);
        }
    }

    /// Counts what is left and takes back what was added to gauges. Requests that will not be seen
    /// answered any more are evicted; one that was begun counts if it `is_kafka`.
    fn give_back<H: Host>(mut self: Box<Self>, meter: &mut Meter<'_, H>, is_kafka: bool) {
        let mut evicted: i64 = 0;
        if let Some(open) = self.requests.take_open().filter(|_| is_kafka) {
            evicted = 1;
            let OpenRequest { header, request, .. } = open;
            let version = meter.version(header.api_key, header.api_version);
            meter.add(meter.series(Metric::Requests).request(request).detail(version), 1);
        }
        self.shared.unnamed.give_up(meter);
        // A response that has begun is no longer in the queue, but its request still in the gauges.
        let mut in_flight: i64 = 0;
        for sent in self.shared.in_flight.requests().chain(self.responses.answering()) {
            in_flight = in_flight.saturating_add(1);
            let series = meter.series(Metric::InFlightRequestBytes).request(sent.request);
            meter.add(series, i64::from(sent.size_bytes).saturating_neg());
        }
        meter.add(meter.series(Metric::RequestsInFlight), in_flight.saturating_neg());
        meter.add(meter.series(Metric::InFlightEvicted), in_flight.saturating_add(evicted));
        self.shared.follow(meter, |lag, _, each| std::mem::take(lag).give_back(each));
    }
}
