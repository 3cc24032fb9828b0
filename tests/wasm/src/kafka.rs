//! Kafka messages written by hand from the protocol guide: the other side of what the filter
//! decodes.
//!
//! Nothing is shared with the filter's tables. Classic messages have int16 and int32 lengths;
//! flexible ones (KIP-482) have varint lengths of N+1 and end each structure in tagged fields, here
//! always none.

/// API key of Produce.
pub const PRODUCE: i16 = 0;
/// API key of Fetch.
pub const FETCH: i16 = 1;
/// API key of Metadata.
pub const METADATA: i16 = 3;
/// API key of ApiVersions.
pub const API_VERSIONS: i16 = 18;

/// API key of OffsetCommit.
pub const OFFSET_COMMIT: i16 = 8;

/// Size of a record batch's header; the records follow.
pub const BATCH_HEADER_SIZE: usize = 61;
/// When all records were made, in milliseconds since 1970: as the host's clocks began.
pub const BATCH_TIME_MS: i64 = 1_700_000_000_000;

const NO_TAGS: u8 = 0;

/// Bytes that grow at the end.
#[derive(Clone, Debug, Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
    fn int8(self, value: u8) -> Self {
        self.raw(&[value])
    }
    fn int16(self, value: i16) -> Self {
        self.raw(&value.to_be_bytes())
    }
    fn int32(self, value: i32) -> Self {
        self.raw(&value.to_be_bytes())
    }
    fn int64(self, value: i64) -> Self {
        self.raw(&value.to_be_bytes())
    }
    fn count(self, count: usize) -> Self {
        self.int32(i32::try_from(count).expect("a count"))
    }
    fn string(self, text: &str) -> Self {
        self.int16(i16::try_from(text.len()).expect("a short text")).raw(text.as_bytes())
    }
    fn block(self, bytes: &[u8]) -> Self {
        self.count(bytes.len()).raw(bytes)
    }
    /// Length or count of a flexible message.
    fn compact(mut self, count: usize) -> Self {
        let mut left = count + 1;
        while left >= 0x80 {
            self = self.int8(u8::try_from(left & 0x7F).expect("seven bits") | 0x80);
            left >>= 7;
        }
        self.int8(u8::try_from(left).expect("seven bits"))
    }
    fn compact_string(self, text: &str) -> Self {
        self.compact(text.len()).raw(text.as_bytes())
    }
    fn frame(self) -> Vec<u8> {
        Self::default().count(self.0.len()).raw(&self.0).0
    }
}

/// A request of header v1 with the client id `test`.
fn request(key: i16, version: i16, id: i32) -> Bytes {
    Bytes::default().int16(key).int16(version).int32(id).string("test")
}

/// A request of header v2.
fn flexible_request(key: i16, version: i16, id: i32) -> Bytes {
    request(key, version, id).int8(NO_TAGS)
}

/// A response of header v0.
fn response(id: i32) -> Bytes {
    Bytes::default().int32(id)
}

/// A response of header v1.
fn flexible_response(id: i32) -> Bytes {
    response(id).int8(NO_TAGS)
}

/// ApiVersions v3 request.
#[must_use]
pub fn api_versions_request(id: i32) -> Vec<u8> {
    flexible_request(API_VERSIONS, 3, id)
        .compact_string("wasm-tests")
        .compact_string("1")
        .int8(NO_TAGS)
        .frame()
}

/// ApiVersions v3 response that names as many APIs as a Kafka 4 broker does.
#[must_use]
pub fn api_versions_response(id: i32) -> Vec<u8> {
    let mut body = response(id).int16(0).compact(60);
    for key in 0..60 {
        body = body.int16(key).int16(0).int16(3).int8(NO_TAGS);
    }
    body.int32(0).int8(NO_TAGS).frame()
}

/// Heartbeat v0 request: the smallest there is with a body.
#[must_use]
pub fn heartbeat_request(id: i32) -> Vec<u8> {
    request(12, 0, id).string("group").int32(1).string("member").frame()
}

/// Heartbeat v0 response.
#[must_use]
pub fn heartbeat_response(id: i32, error: i16) -> Vec<u8> {
    response(id).int16(error).frame()
}

/// OffsetCommit v2 request of generation 1 of the group `group`, for partitions 0, 1 and so on.
#[must_use]
pub fn offset_commit_request(id: i32, topic: &str, offsets: &[i64]) -> Vec<u8> {
    let body = request(OFFSET_COMMIT, 2, id).string("group").int32(1).string("member").int64(-1);
    let body = body.count(1).string(topic).count(offsets.len());
    let each = |body: Bytes, (partition, &offset): (i32, &i64)| {
        body.int32(partition).int64(offset).string("")
    };
    (0..).zip(offsets).fold(body, each).frame()
}

/// OffsetCommit v2 response that accepts so many partitions.
#[must_use]
pub fn offset_commit_response(id: i32, topic: &str, partitions: i32) -> Vec<u8> {
    let body = response(id).count(1).string(topic).int32(partitions);
    (0..partitions).fold(body, |body, partition| body.int32(partition).int16(0)).frame()
}

/// Metadata v1 request for these topics.
#[must_use]
pub fn metadata_request(id: i32, topics: &[&str]) -> Vec<u8> {
    let body = request(METADATA, 1, id).count(topics.len());
    topics.iter().fold(body, |body, topic| body.string(topic)).frame()
}

/// Metadata v1 response: one broker, each topic with one partition.
#[must_use]
pub fn metadata_response(id: i32, topics: &[&str]) -> Vec<u8> {
    let mut body =
        response(id).count(1).int32(1).string("localhost").int32(9092).int16(-1).int32(1);
    body = body.count(topics.len());
    for topic in topics {
        body = body.int16(0).string(topic).int8(0).count(1);
        body = body.int16(0).int32(0).int32(1).count(1).int32(1).count(1).int32(1);
    }
    body.frame()
}

/// Metadata v12 request for all topics.
#[must_use]
pub fn metadata_by_id_request(id: i32) -> Vec<u8> {
    // Null list: all topics; then two flags.
    flexible_request(METADATA, 12, id).int8(0).int8(0).int8(0).int8(NO_TAGS).frame()
}

/// Metadata v12 response, which tells the id of each topic (KIP-516).
#[must_use]
pub fn metadata_by_id_response(id: i32, topics: &[(&str, [u8; 16])]) -> Vec<u8> {
    let mut body = flexible_response(id).int32(0);
    body = body.compact(1).int32(1).compact_string("localhost").int32(9092).int8(0).int8(NO_TAGS);
    body = body.compact_string("cluster").int32(1).compact(topics.len());
    for (name, topic_id) in topics {
        body = body.int16(0).compact_string(name).raw(topic_id).int8(0).compact(1);
        body = body.int16(0).int32(0).int32(1).int32(0);
        body = body.compact(1).int32(1).compact(1).int32(1).compact(0).int8(NO_TAGS);
        body = body.int32(i32::MIN).int8(NO_TAGS);
    }
    body.int8(NO_TAGS).frame()
}

/// One record batch of magic 2, not compressed, with `records` records in `payload_size` bytes.
#[must_use]
pub fn batch(records: i32, payload_size: usize) -> Vec<u8> {
    let after_length = i32::try_from(BATCH_HEADER_SIZE - 12 + payload_size).expect("a batch");
    let header = Bytes::default().int64(0).int32(after_length).int32(0).int8(2).int32(0);
    let header = header.int16(0).int32(records - 1).int64(BATCH_TIME_MS).int64(BATCH_TIME_MS);
    let header = header.int64(-1).int16(-1).int32(-1).int32(records);
    assert_eq!(header.0.len(), BATCH_HEADER_SIZE);
    header.raw(&vec![0xA5; payload_size]).0
}

/// Produce v7 request to partition 0 of a topic.
#[must_use]
pub fn produce_request(id: i32, acks: i16, topic: &str, records: &[u8]) -> Vec<u8> {
    let body = request(PRODUCE, 7, id).int16(-1).int16(acks).int32(1_000);
    body.count(1).string(topic).count(1).int32(0).block(records).frame()
}

/// Produce v7 response for partition 0 of a topic.
#[must_use]
pub fn produce_response(id: i32, topic: &str, error: i16) -> Vec<u8> {
    let body = response(id).count(1).string(topic).count(1);
    body.int32(0).int16(error).int64(0).int64(-1).int64(0).int32(0).frame()
}

/// Produce v13 request to partition 0 of a topic that is named by id alone.
#[must_use]
pub fn produce_by_id_request(id: i32, topic_id: [u8; 16], records: &[u8]) -> Vec<u8> {
    let body = flexible_request(PRODUCE, 13, id).int8(0).int16(-1).int32(1_000);
    let body =
        body.compact(1).raw(&topic_id).compact(1).int32(0).compact(records.len()).raw(records);
    body.int8(NO_TAGS).int8(NO_TAGS).int8(NO_TAGS).frame()
}

/// Produce v13 response for partition 0 of a topic.
#[must_use]
pub fn produce_by_id_response(id: i32, topic_id: [u8; 16]) -> Vec<u8> {
    let body = flexible_response(id).compact(1).raw(&topic_id).compact(1);
    let body = body.int32(0).int16(0).int64(0).int64(-1).int64(0).compact(0).int8(0).int8(NO_TAGS);
    body.int8(NO_TAGS).int32(0).int8(NO_TAGS).frame()
}

/// Fetch v11 request of a consumer for partition 0 of a topic.
#[must_use]
pub fn fetch_request(id: i32, topic: &str) -> Vec<u8> {
    let body = request(FETCH, 11, id)
        .int32(-1)
        .int32(500)
        .int32(1)
        .int32(i32::MAX)
        .int8(0)
        .int32(0)
        .int32(-1);
    let body = body.count(1).string(topic).count(1);
    let body = body.int32(0).int32(-1).int64(0).int64(0).int32(1 << 20);
    body.count(0).string("").frame()
}

/// Fetch v11 response with the records of partition 0 of a topic.
#[must_use]
pub fn fetch_response(id: i32, topic: &str, records: &[u8]) -> Vec<u8> {
    let body = response(id).int32(0).int16(0).int32(0).count(1).string(topic).count(1);
    let body = body.int32(0).int16(0).int64(100).int64(100).int64(0).int32(-1).int32(-1);
    body.block(records).frame()
}
