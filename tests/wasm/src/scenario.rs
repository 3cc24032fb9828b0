//! What several tests do: names of stats, bytes in pieces, and one conversation whose figures are
//! known by hand.

use crate::kafka;
use crate::{Envoy, Stream, Worker};

/// The stat name of a metric with these labels, in the catalog's order.
#[must_use]
pub fn series(metric: &str, labels: &[(&str, &str)]) -> String {
    let labels: String =
        labels.iter().map(|(label, value)| format!("{label}=.={value};.;")).collect();
    format!("kafka_filter_{metric}.{labels}")
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client.
    Down,
    /// From the broker.
    Up,
}

/// Sends bytes in callbacks of at most `piece` bytes.
pub fn send(worker: &mut Worker, stream: Stream, way: Way, bytes: &[u8], piece: usize) {
    for part in bytes.chunks(piece) {
        match way {
            Way::Down => worker.downstream(stream, part),
            Way::Up => worker.upstream(stream, part),
        }
    }
}

/// A message, and how long after the one before it its last byte passes.
pub type Step = (Way, Vec<u8>, u64);

/// A client's day with the topic `orders`: six requests, five answers, one error.
///
/// It says hello, asks for metadata, produces 10 records acknowledged in 700 us and 3 without
/// acknowledgement, fetches 12 in two batches in 2,000 us, and its heartbeat is answered
/// REBALANCE_IN_PROGRESS.
#[must_use]
pub fn orders() -> Vec<Step> {
    let fetched = [kafka::batch(5, 500), kafka::batch(7, 700)].concat();
    vec![
        (Way::Down, kafka::api_versions_request(1), 0),
        (Way::Up, kafka::api_versions_response(1), 1_500),
        (Way::Down, kafka::metadata_request(2, &["orders"]), 10),
        (Way::Up, kafka::metadata_response(2, &["orders"]), 250),
        (Way::Down, kafka::produce_request(3, 1, "orders", &kafka::batch(10, 1_000)), 10),
        (Way::Up, kafka::produce_response(3, "orders", 0), 700),
        (Way::Down, kafka::produce_request(4, 0, "orders", &kafka::batch(3, 100)), 10),
        (Way::Down, kafka::fetch_request(5, "orders"), 10),
        (Way::Up, kafka::fetch_response(5, "orders", &fetched), 2_000),
        (Way::Down, kafka::heartbeat_request(6), 10),
        (Way::Up, kafka::heartbeat_response(6, REBALANCE_IN_PROGRESS), 90),
    ]
}

/// Plays a conversation; the clock stands still within a message.
pub fn play(envoy: &Envoy, worker: &mut Worker, stream: Stream, steps: &[Step], piece: usize) {
    for (way, bytes, after_us) in steps {
        envoy.advance_us(*after_us);
        send(worker, stream, *way, bytes, piece);
    }
}

/// Seconds after which every series that a test makes has had its turn to be defined.
pub const LONG: u32 = 30;

/// More than any callback brings.
pub const WHOLE: usize = 1 << 30;
const REBALANCE_IN_PROGRESS: i16 = 27;
