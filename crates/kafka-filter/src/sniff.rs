//! Whether a connection speaks Kafka, from the first bytes that a client sends.
//!
//! Nothing is held back for the verdict. In doubt a connection is left alone: what is not Kafka
//! and is taken for it costs wrong numbers, what is Kafka and is left alone only costs numbers.
//! References: protocol guide; ZooKeeper's `ConnectRequest`.

use kafka_wire::header::RequestHeader;
use kafka_wire::schema;

use crate::metrics::series::Reason;

/// What the size field of the first frame says, if it speaks against Kafka.
pub(crate) fn first_size(size: i32) -> Result<u32, Reason> {
    let [first, second, ..] = size.to_be_bytes();
    // A TLS record: handshake (22), version 3.x.
    if first == 0x16 && second == 0x03 {
        return Err(Reason::Tls);
    }
    // Text such as an HTTP verb or a PROXY preamble reads as a size far over what brokers take.
    match u32::try_from(size) {
        Ok(size) if (HEADER_SIZE_MIN..=FIRST_SIZE_MAX).contains(&size) => Ok(size),
        _ => Err(Reason::NotKafka),
    }
}

/// How many of the first frame's bytes [`first_request`] wants.
pub(crate) fn head_size(size: u32) -> usize {
    if is_zookeeper_size(size) {
        ZOOKEEPER_HEAD_SIZE
    } else {
        kafka_wire::header::REQUEST_HEADER_SIZE
    }
}

/// Whether a frame of `size` bytes that begins with `bytes` can be a client's first request.
pub(crate) fn first_request(size: u32, bytes: &[u8]) -> Option<RequestHeader> {
    let header = RequestHeader::parse(bytes)?;
    (is_plausible(header) && !is_zookeeper(size, bytes)).then_some(header)
}

/// Whether the header calls an API that is known, in a version that is or soon will be.
pub(crate) fn is_plausible(header: RequestHeader) -> bool {
    let Some(api) = schema::api(header.api_key) else {
        return false;
    };
    let newest = i16::from(api.request.versions.last).saturating_add(NEWER_VERSIONS);
    (0..=newest).contains(&header.api_version)
}

/// Whether a first request may have this client id: text, as all clients send.
pub(crate) fn is_plausible_client_id(id: Option<&[u8]>) -> bool {
    id.is_none_or(|id| {
        std::str::from_utf8(id).is_ok_and(|text| !text.chars().any(char::is_control))
    })
}

/// ZooKeeper's first message reads as a Produce v0 with an empty client id.
fn is_zookeeper(size: u32, bytes: &[u8]) -> bool {
    const PASSWORD_LENGTH: [u8; 4] = 16_i32.to_be_bytes();
    is_zookeeper_size(size)
        && bytes.starts_with(&[0; 4])
        && bytes.get(PASSWORD_LENGTH_AT..ZOOKEEPER_HEAD_SIZE) == Some(PASSWORD_LENGTH.as_slice())
}

/// Protocol version, last zxid, timeout, session id, password of 16 bytes, and since 3.4 a flag.
fn is_zookeeper_size(size: u32) -> bool {
    matches!(size, 44 | 45)
}

/// The password's length stands behind 4 + 8 + 4 + 8 bytes.
const PASSWORD_LENGTH_AT: usize = 24;
const ZOOKEEPER_HEAD_SIZE: usize = PASSWORD_LENGTH_AT + 4;
/// The shortest request there is: a header without client id and no body.
const HEADER_SIZE_MIN: u32 = 8;
/// `socket.request.max.bytes` of a broker, by default.
const FIRST_SIZE_MAX: u32 = 100 * 1024 * 1024;
/// How far a client may be ahead of the tables.
const NEWER_VERSIONS: i16 = 8;

const _: () = assert!(ZOOKEEPER_HEAD_SIZE <= kafka_wire::limits::HEAD_MAX);

#[cfg(test)]
mod tests;
