//! Which of librdkafka's numbers are exported, and under which of kprf's names.

use rdkafka::Statistics;
use rdkafka::statistics::Broker;

/// How a number moves.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// It grows as long as the client lives.
    Total,
    /// It is what it is now.
    Now,
}

type Row<T> = (&'static str, &'static str, Kind, fn(&T) -> i64);

/// Of a client as a whole.
pub(super) const CLIENT: [Row<Statistics>; 10] = [
    (
        "reply_queue_size",
        "Operations (callbacks, events) that wait for the gateway; kprf typed it as a counter",
        Kind::Now,
        |client| client.replyq,
    ),
    (
        "current_messages_in_queue",
        "Records in the clients' queues; kprf typed it as a counter",
        Kind::Now,
        |client| signed(client.msg_cnt),
    ),
    (
        "current_messages_in_queue_bytes",
        "Bytes of records in the clients' queues; kprf typed it as a counter",
        Kind::Now,
        |client| signed(client.msg_size),
    ),
    ("total_requests_count", "Requests sent to brokers", Kind::Total, |client| client.tx),
    ("total_bytes_sent", "Bytes sent to brokers", Kind::Total, |client| client.tx_bytes),
    ("total_responses_received", "Responses of brokers", Kind::Total, |client| client.rx),
    ("total_bytes_received", "Bytes received from brokers", Kind::Total, |client| client.rx_bytes),
    ("total_messages_sent", "Records sent to brokers", Kind::Total, |client| client.txmsgs),
    (
        "total_messages_bytes_sent",
        "Bytes of records sent to brokers, with their framing",
        Kind::Total,
        |client| client.txmsg_bytes,
    ),
    ("metadata_cache_topics_count", "Topics that the clients know", Kind::Now, |client| {
        client.metadata_cache_cnt
    }),
];

/// Of a client's connection to a broker.
pub(super) const BROKER: [Row<Broker>; 12] = [
    (
        "broker_outbuf_count",
        "Requests that wait to be sent; kprf typed it as a counter",
        Kind::Now,
        |broker| broker.outbuf_cnt,
    ),
    (
        "broker_outbuf_msg_count",
        "Records that wait to be sent; kprf typed it as a counter",
        Kind::Now,
        |broker| broker.outbuf_msg_cnt,
    ),
    (
        "broker_waitresp_count",
        "Requests that wait for their response; kprf typed it as a counter",
        Kind::Now,
        |broker| broker.waitresp_cnt,
    ),
    (
        "broker_waitresp_msg_count",
        "Records that wait for their response; kprf typed it as a counter",
        Kind::Now,
        |broker| broker.waitresp_msg_cnt,
    ),
    ("broker_requests_sent", "Requests sent", Kind::Total, |broker| signed(broker.tx)),
    ("broker_requests_sent_bytes", "Bytes sent", Kind::Total, |broker| signed(broker.txbytes)),
    ("broker_transmission_errors", "Errors in sending", Kind::Total, |broker| {
        signed(broker.txerrs)
    }),
    ("broker_request_retries", "Requests sent again", Kind::Total, |broker| {
        signed(broker.txretries)
    }),
    ("request_timeouts", "Requests that were not answered in time", Kind::Total, |broker| {
        signed(broker.req_timeouts)
    }),
    ("broker_responses_count", "Responses received", Kind::Total, |broker| signed(broker.rx)),
    ("broker_bytes_received", "Bytes received", Kind::Total, |broker| signed(broker.rxbytes)),
    ("broker_errors_count", "Errors in receiving", Kind::Total, |broker| signed(broker.rxerrs)),
];

pub(super) const STATE_HELP: &str = "State of the connection, of the client that is furthest: 0 INIT, 1 DOWN, 2 CONNECT, \
     3 AUTH, 4 APIVERSION_QUERY, 5 AUTH_HANDSHAKE, 6 UP, 7 UPDATE";

/// A connection's state, by kprf's numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct State(u8);

impl State {
    /// What kprf did not know is down for it, and for its dashboards.
    pub(super) fn of(name: &str) -> Self {
        Self(match name {
            "INIT" => 0,
            "CONNECT" | "TRY_CONNECT" => 2,
            "AUTH" | "AUTH_LEGACY" | "AUTH_REQ" | "SSL_HANDSHAKE" => 3,
            "APIVERSION_QUERY" => 4,
            "AUTH_HANDSHAKE" => 5,
            "UP" => 6,
            "UPDATE" => 7,
            _ => 1,
        })
    }

    pub(super) fn number(self) -> f64 {
        f64::from(self.0)
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
