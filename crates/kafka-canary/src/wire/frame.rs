//! Requests to frames and frames to responses.
//!
//! A peer's word about a size, a count or a length is checked before memory follows it: a frame has an upper bound and
//! its buffer grows with the bytes that really came; the whole response is walked along its schema before it is decoded.
//! Reference: protocol guide, "Requests and responses"; KIP-482 for the two kinds of headers.

use std::io;

use bytes::{Buf, BufMut, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use kafka_wire::schema::{self, Field};
use kafka_wire::{
    Flow, FrameDecoder, FrameSize, Handler, Head, Outcome, Plan, Source, Stop, Value, Visitor,
};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Largest response that is read. What the canary asks for is some kilobytes: one topic, one topic's configuration,
/// the brokers.
pub(crate) const FRAME_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How far a buffer grows ahead of the bytes that came.
const GROW_BYTES: usize = 16 * 1024;
/// The size in front of a frame, and the correlation id behind it.
const SIZE_BYTES: usize = 4;
const CORRELATION_BYTES: usize = 4;

/// Why no frame came.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The transport failed.
    Io(io::Error),
    /// The peer closed after so many bytes of the frame.
    Closed(usize),
    /// The first four bytes are no size that a frame may have.
    Size([u8; 4]),
}

/// Why a response cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DecodeError {
    /// It answers another request.
    Correlation(i32),
    /// It contradicts its schema.
    Malformed(String),
}

/// A request with its header, as a frame.
pub(super) fn encode<R: Request>(
    request: &R,
    version: i16,
    correlation: i32,
    client_id: &StrBytes,
) -> Result<BytesMut, String> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation)
        .with_client_id(Some(client_id.clone()));
    let mut frame = BytesMut::new();
    frame.put_i32(0);
    header.encode(&mut frame, R::header_version(version)).map_err(|error| error.to_string())?;
    request.encode(&mut frame, version).map_err(|error| error.to_string())?;
    let size = i32::try_from(frame.len().saturating_sub(SIZE_BYTES))
        .map_err(|_| String::from("larger than a frame may be"))?;
    if let Some(place) = frame.get_mut(..SIZE_BYTES) {
        place.copy_from_slice(&size.to_be_bytes());
    }
    Ok(frame)
}

/// Reads one frame, its size included, and not a byte more.
pub(super) async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Result<BytesMut, ReadError> {
    let mut frame = BytesMut::with_capacity(GROW_BYTES);
    fill(stream, &mut frame, SIZE_BYTES).await?;
    let mut start = [0; SIZE_BYTES];
    start.copy_from_slice(frame.get(..SIZE_BYTES).unwrap_or(&[0; SIZE_BYTES]));
    match usize::try_from(i32::from_be_bytes(start)) {
        Ok(size) if (CORRELATION_BYTES..=FRAME_BYTES_MAX).contains(&size) => {
            fill(stream, &mut frame, SIZE_BYTES + size).await?;
            Ok(frame)
        }
        _ => Err(ReadError::Size(start)),
    }
}

async fn fill<S: AsyncRead + Unpin>(
    stream: &mut S,
    frame: &mut BytesMut,
    total: usize,
) -> Result<(), ReadError> {
    while frame.len() < total {
        let missing = total - frame.len();
        frame.reserve(missing.min(GROW_BYTES));
        let mut space = frame.limit(missing);
        match stream.read_buf(&mut space).await {
            Ok(0) => return Err(ReadError::Closed(frame.len())),
            Ok(_) => {}
            Err(error) => return Err(ReadError::Io(error)),
        }
    }
    Ok(())
}

/// The correlation id of a frame.
pub(super) fn correlation(frame: &[u8]) -> Option<i32> {
    let bytes = frame.get(SIZE_BYTES..SIZE_BYTES + CORRELATION_BYTES)?;
    Some(i32::from_be_bytes(bytes.try_into().ok()?))
}

/// The first two bytes of a body behind a header without tags: ApiVersions' error code in every version.
pub(super) fn first_error(frame: &[u8]) -> Option<i16> {
    let body = SIZE_BYTES + CORRELATION_BYTES;
    Some(i16::from_be_bytes(frame.get(body..body + 2)?.try_into().ok()?))
}

/// The response to the request with this correlation id.
pub(super) fn decode<R: Request>(
    mut frame: BytesMut,
    version: i16,
    expected: i32,
) -> Result<R::Response, DecodeError> {
    match correlation(&frame) {
        Some(id) if id == expected => {}
        Some(id) => return Err(DecodeError::Correlation(id)),
        None => return Err(DecodeError::Malformed(String::from("shorter than its header"))),
    }
    let header = R::Response::header_version(version);
    check(&frame, R::KEY, version, header > 0).map_err(DecodeError::Malformed)?;
    frame.advance(SIZE_BYTES);
    let mut body = frame.freeze();
    let malformed = |error: &dyn std::fmt::Display| DecodeError::Malformed(error.to_string());
    ResponseHeader::decode(&mut body, header).map_err(|error| malformed(&error))?;
    R::Response::decode(&mut body, version).map_err(|error| malformed(&error))
}

/// Whether both sides of the walk and of the decoder know this version of a response.
pub(super) fn knows(api_key: i16, version: i16) -> bool {
    schema::api(api_key).is_some_and(|api| api.response.versions.contains(version))
}

/// Walks the response: afterwards each count in it is known to be a count of elements that are really there.
fn check(frame: &[u8], api_key: i16, version: i16, header_tags: bool) -> Result<(), String> {
    let api = schema::api(api_key).ok_or("unknown request")?;
    let walk = Plan::Walk { message: &api.response, version, header_tags, walk_max: u32::MAX };
    let mut walker = Walk { plan: walk, whole: false };
    match FrameDecoder::new().run(&mut Held(frame), &mut walker) {
        Ok(()) if walker.whole => Ok(()),
        Ok(()) => Err(String::from("ends inside a field")),
        Err(Stop::Malformed(malformed)) => Err(malformed.to_string()),
        Err(Stop::Handler | Stop::Source) => Err(String::from("not a frame")),
    }
}

/// Wants no field; the walk itself is the check.
struct Walk {
    plan: Plan,
    whole: bool,
}

impl Visitor for Walk {
    fn wants(&self, _field: &'static Field) -> bool {
        false
    }

    fn value(&mut self, _field: &'static Field, _value: Value<'_>) -> Flow {
        Flow::Continue
    }
}

impl Handler for Walk {
    fn frame_start(&mut self, size: i32) -> FrameSize {
        u32::try_from(size).map_or(FrameSize::GiveUp, FrameSize::Bytes)
    }

    fn head_size(&self) -> usize {
        CORRELATION_BYTES
    }

    fn head(&mut self, _bytes: &[u8]) -> Head {
        Head { size_bytes: CORRELATION_BYTES, client_id: false, plan: self.plan }
    }

    fn frame_end(&mut self, _size: u32, outcome: Outcome) {
        self.whole = outcome == Outcome::Decoded;
    }
}

/// A frame in memory.
struct Held<'a>(&'a [u8]);

impl<'a> Source for Held<'a> {
    type Window = &'a [u8];

    fn len(&self) -> usize {
        self.0.len()
    }

    fn read(&mut self, offset: usize, length: usize) -> Option<&'a [u8]> {
        self.0.get(offset..offset.checked_add(length)?)
    }
}

#[cfg(test)]
mod tests;
