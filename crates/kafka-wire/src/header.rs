//! Request and response headers: which version a message has, and their fields of fixed place.
//!
//! References: KIP-482 (header versions), KIP-511 (ApiVersions), protocol guide.

use crate::reader::{self, LengthForm};
use crate::schema::Message;

/// The front of a request header, in every header version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// Which API the request calls.
    pub api_key: i16,
    /// Version of request and response.
    pub api_version: i16,
    /// Chosen by the client, sent back by the broker.
    pub correlation_id: i32,
}

/// Bytes of [`RequestHeader`] on the wire.
pub const REQUEST_HEADER_SIZE: usize = 8;
/// Bytes of a response header without tagged fields: the correlation id.
pub const RESPONSE_HEADER_SIZE: usize = 4;

/// `ApiVersions`: its response never has tagged fields in the header, so that a client can read it
/// before it knows the broker (KIP-511).
pub const API_VERSIONS: i16 = 18;
/// `ControlledShutdown`: version 0 has the one request header without a client id.
const CONTROLLED_SHUTDOWN: i16 = 7;

impl RequestHeader {
    /// The header at the front of a request.
    #[must_use]
    pub fn parse(input: &[u8]) -> Option<Self> {
        let (rest, api_key) = reader::int16(input).ok()?;
        let (rest, api_version) = reader::int16(rest).ok()?;
        let (_, correlation_id) = reader::int32(rest).ok()?;
        Some(Self { api_key, api_version, correlation_id })
    }

    /// Whether a client id follows: in all but one message since 0.8.
    #[must_use]
    pub fn has_client_id(&self) -> bool {
        !(self.api_key == CONTROLLED_SHUTDOWN && self.api_version == 0)
    }
}

/// The correlation id at the front of a response.
#[must_use]
pub fn correlation_id(input: &[u8]) -> Option<i32> {
    reader::int32(input).ok().map(|(_, id)| id)
}

/// The 16-bit number at the front of a message body: the error code of an ApiVersions response.
#[must_use]
pub fn leading_int16(input: &[u8]) -> Option<i16> {
    reader::int16(input).ok().map(|(_, number)| number)
}

/// Whether a request of this version has tagged fields in its header (header version 2).
#[must_use]
pub fn request_has_tags(request: &Message, version: i16) -> bool {
    request.is_flexible(version)
}

/// Whether a response of this version has tagged fields in its header (header version 1).
#[must_use]
pub fn response_has_tags(response: &Message, version: i16) -> bool {
    response.api_key != API_VERSIONS && response.is_flexible(version)
}

/// The length of the client id, which keeps the form of two bytes in every header version;
/// `None` is null.
pub(crate) fn client_id_length(input: &[u8]) -> reader::Read<'_, Option<u32>> {
    reader::length(input, LengthForm::Int16)
}

#[cfg(test)]
mod tests;
