//! Whole messages, in the versions that tests need, field by field from the protocol guide.

use super::wire::{Wire, flexible_part, request, response};

pub const PRODUCE: i16 = 0;
pub const FETCH: i16 = 1;
pub const METADATA: i16 = 3;
pub const FIND_COORDINATOR: i16 = 10;
pub const HEARTBEAT: i16 = 12;
pub const SASL_HANDSHAKE: i16 = 17;
pub const API_VERSIONS: i16 = 18;
pub const CREATE_TOPICS: i16 = 19;
pub const SASL_AUTHENTICATE: i16 = 36;

/// A topic by name, or by id where the version says so.
#[derive(Clone, Copy)]
pub enum Topic {
    Name(&'static str),
    Id(u8),
}

/// Topic ids of tests: sixteen times the same byte.
pub fn id(byte: u8) -> [u8; 16] {
    [byte; 16]
}

/// Its name or its id.
pub fn topic(wire: Wire, topic: Topic) -> Wire {
    match topic {
        Topic::Name(name) => wire.text(name),
        Topic::Id(byte) => wire.raw(&id(byte)),
    }
}

/// Produce 3 to 13. Topics with the record set of each of their partitions.
pub fn produce(
    version: i16,
    correlation_id: i32,
    acks: i16,
    topics: &[(Topic, Vec<Vec<u8>>)],
) -> Vec<u8> {
    request(PRODUCE, version, correlation_id, version >= 9)
        .when(version >= 3, Wire::null_text)
        .i16(acks)
        .i32(30_000)
        .each(topics, |wire, (name, partitions)| {
            let wire = topic(wire, *name);
            wire.each(partitions, |wire, records| wire.i32(0).bytes(records).end()).end()
        })
        .end()
        .frame()
}

/// A Produce response, 1 to 13: topics with the error codes of their partitions.
pub fn produced(
    version: i16,
    correlation_id: i32,
    topics: &[(Topic, &[i16])],
    throttle_ms: i32,
) -> Vec<u8> {
    produce_response(version, correlation_id, topics, throttle_ms).end().frame()
}

/// As [`produced`], naming the new leader's address (KIP-951).
pub fn produced_elsewhere(
    version: i16,
    correlation_id: i32,
    topics: &[(Topic, &[i16])],
) -> Vec<u8> {
    produce_response(version, correlation_id, topics, 0).end_with(&[(0, node_endpoints())]).frame()
}

fn produce_response(
    version: i16,
    correlation_id: i32,
    topics: &[(Topic, &[i16])],
    throttle_ms: i32,
) -> Wire {
    response(correlation_id, version >= 9)
        .each(topics, |wire, (name, errors)| {
            let wire = topic(wire, *name);
            wire.each(errors, |wire, &error| {
                let wire = wire
                    .i32(0)
                    .i16(error)
                    .i64(1_000)
                    .when(version >= 2, |wire| wire.i64(-1))
                    .when(version >= 5, |wire| wire.i64(0))
                    .when(version >= 8, |wire| wire.array(0).null_text());
                if version >= 10 && error == NOT_LEADER {
                    wire.end_with(&[(0, flexible_part().i32(2).i32(7).end())])
                } else {
                    wire.end()
                }
            })
            .end()
        })
        .i32(throttle_ms)
}

fn node_endpoints() -> Wire {
    flexible_part().array(1).i32(2).text("broker-2.example").i32(9092).null_text().end()
}

/// NOT_LEADER_OR_FOLLOWER.
pub const NOT_LEADER: i16 = 6;
/// UNKNOWN_TOPIC_OR_PARTITION.
pub const UNKNOWN_TOPIC: i16 = 3;

/// Fetch 4 to 18 of a consumer (`replica_id` -1) or a follower.
pub fn fetch(version: i16, correlation_id: i32, replica_id: i32, topics: &[Topic]) -> Vec<u8> {
    let wire = request(FETCH, version, correlation_id, version >= 12)
        .when(version <= 14, |wire| wire.i32(replica_id))
        .i32(500)
        .i32(1)
        .i32(50 << 20)
        .i8(0)
        .when(version >= 7, |wire| wire.i32(0).i32(-1))
        .each(topics, |wire, name| {
            topic(wire, *name)
                .array(1)
                .i32(0)
                .when(version >= 9, |wire| wire.i32(-1))
                .i64(0)
                .when(version >= 12, |wire| wire.i32(-1))
                .when(version >= 5, |wire| wire.i64(-1))
                .i32(1 << 20)
                .end()
                .end()
        })
        .when(version >= 7, |wire| wire.array(0))
        .when(version >= 11, |wire| wire.text(""));
    if version >= 15 && replica_id >= 0 {
        wire.end_with(&[(1, flexible_part().i32(replica_id).i64(4).end())]).frame()
    } else {
        wire.end().frame()
    }
}

/// A partition in a Fetch response.
#[derive(Clone, Default)]
pub struct Fetched {
    pub error: i16,
    pub records: Option<Vec<u8>>,
}

/// A partition with these records.
pub fn records(records: Vec<u8>) -> Fetched {
    Fetched { error: 0, records: Some(records) }
}

/// A partition with an error, and null for records.
pub fn failed(error: i16) -> Fetched {
    Fetched { error, records: None }
}

/// A Fetch response, 4 to 18.
pub struct FetchResponse<'a> {
    pub version: i16,
    pub correlation_id: i32,
    pub throttle_ms: i32,
    pub error: i16,
    pub topics: &'a [(Topic, Vec<Fetched>)],
}

/// A Fetch response without an error at the top.
pub fn fetched(version: i16, correlation_id: i32, topics: &[(Topic, Vec<Fetched>)]) -> Vec<u8> {
    FetchResponse { version, correlation_id, throttle_ms: 0, error: 0, topics }.frame()
}

impl FetchResponse<'_> {
    pub fn frame(&self) -> Vec<u8> {
        let version = self.version;
        let wire = response(self.correlation_id, version >= 12)
            .i32(self.throttle_ms)
            .when(version >= 7, |wire| wire.i16(self.error).i32(0))
            .each(self.topics, |wire, (name, partitions)| {
                let wire = topic(wire, *name);
                wire.each(partitions, |wire, partition| part(wire, version, partition)).end()
            });
        let moved =
            |(_, parts): &(Topic, Vec<Fetched>)| parts.iter().any(|p| p.error == NOT_LEADER);
        if version >= 16 && self.topics.iter().any(moved) {
            return wire.end_with(&[(0, node_endpoints())]).frame();
        }
        wire.end().frame()
    }
}

fn part(wire: Wire, version: i16, partition: &Fetched) -> Wire {
    let wire = wire
        .i32(0)
        .i16(partition.error)
        .i64(5_000)
        .i64(5_000)
        .when(version >= 5, |wire| wire.i64(0))
        .null_array()
        .when(version >= 11, |wire| wire.i32(-1));
    let wire = match &partition.records {
        Some(records) => wire.bytes(records),
        None => wire.null_array(),
    };
    if version >= 12 && partition.error == NOT_LEADER {
        wire.end_with(&[(1, flexible_part().i32(2).i32(7).end())])
    } else {
        wire.end()
    }
}

/// Metadata 1 to 13, for these topics by name.
pub fn metadata(version: i16, correlation_id: i32, topics: &[&str]) -> Wire {
    request(METADATA, version, correlation_id, version >= 9)
        .each(topics, |wire, name| {
            wire.when(version >= 10, |wire| wire.raw(&id(0))).text(name).end()
        })
        .when(version >= 4, |wire| wire.i8(1))
        .when((8..=10).contains(&version), |wire| wire.i8(0))
        .when(version >= 8, |wire| wire.i8(0))
        .end()
}

/// A topic in a Metadata response: error code, name, the byte of its id.
pub type Told = (i16, &'static str, u8);

/// A Metadata response, 1 to 13.
pub fn told(version: i16, correlation_id: i32, topics: &[Told]) -> Vec<u8> {
    response(correlation_id, version >= 9)
        .when(version >= 3, |wire| wire.i32(0))
        .array(1)
        .i32(1)
        .text("broker-1.example")
        .i32(9092)
        .null_text()
        .end()
        .when(version >= 2, |wire| wire.text("cluster-1"))
        .i32(1)
        .each(topics, |wire, &(error, name, byte)| {
            let partitions: &[i32] = if error == 0 { &[0, 1] } else { &[] };
            wire.i16(error)
                .text(name)
                .when(version >= 10, |wire| wire.raw(&id(byte)))
                .i8(0)
                .each(partitions, |wire, &index| {
                    wire.i16(0)
                        .i32(index)
                        .i32(1)
                        .when(version >= 7, |wire| wire.i32(3))
                        .array(1)
                        .i32(1)
                        .array(1)
                        .i32(1)
                        .when(version >= 5, |wire| wire.array(0))
                        .end()
                })
                .when(version >= 8, |wire| wire.i32(i32::MIN))
                .end()
        })
        .when((8..=10).contains(&version), |wire| wire.i32(i32::MIN))
        .when(version >= 13, |wire| wire.i16(0))
        .end()
        .frame()
}

/// ApiVersions, 0 to 4.
pub fn api_versions(version: i16, correlation_id: i32) -> Vec<u8> {
    let flexible = version >= 3;
    request(API_VERSIONS, version, correlation_id, flexible)
        .when(flexible, |wire| wire.text("made-by-hand").text("1.0"))
        .end()
        .frame()
}

/// An ApiVersions response, 0 to 4, with an error code and three APIs.
pub fn api_versions_told(version: i16, correlation_id: i32, error: i16) -> Vec<u8> {
    let keys: &[i16] = if error == 0 { &[0, 1, 18] } else { &[18] };
    super::wire::api_versions_response(correlation_id, version >= 3)
        .i16(error)
        .each(keys, |wire, &key| wire.i16(key).i16(0).i16(4).end())
        .when(version >= 1, |wire| wire.i32(0))
        .end()
        .frame()
}

/// Heartbeat 0 to 3: a request whose response has no topic.
pub fn heartbeat(version: i16, correlation_id: i32) -> Vec<u8> {
    request(HEARTBEAT, version, correlation_id, false)
        .text("group-1")
        .i32(5)
        .text("member-1")
        .when(version >= 3, Wire::null_text)
        .frame()
}

/// A Heartbeat response, 0 to 3.
pub fn heartbeat_told(version: i16, correlation_id: i32, error: i16, throttle_ms: i32) -> Vec<u8> {
    response(correlation_id, false)
        .when(version >= 1, |wire| wire.i32(throttle_ms))
        .i16(error)
        .frame()
}
