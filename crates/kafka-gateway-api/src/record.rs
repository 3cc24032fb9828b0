//! A record as a client asks for it. It borrows from the request's body wherever no escape or base64 has to be undone.

use std::borrow::Cow;

/// The header that [`Record::keyed`] adds.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// One record to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// Not yet known to exist, or to be a legal name.
    pub topic: Cow<'a, str>,
    /// `None` lets the key, or chance, decide.
    pub partition: Option<i32>,
    /// `None` is a null key.
    pub key: Option<Cow<'a, [u8]>>,
    /// `None` is a null value, a tombstone in compacted topics.
    pub value: Option<Cow<'a, [u8]>>,
    /// In the order given; names may repeat.
    pub headers: Vec<Header<'a>>,
    /// Milliseconds since the epoch; `None` is the time of its acceptance.
    pub timestamp_ms: Option<i64>,
}

/// A header of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header<'a> {
    /// Kafka asks for a string.
    pub name: Cow<'a, str>,
    /// Kafka allows null.
    pub value: Option<Cow<'a, [u8]>>,
}

impl Record<'_> {
    /// The same with the header `idempotency-key`, by which a copy of it is recognised in the topic. A header of that
    /// name that the client gave stays before it.
    #[must_use]
    pub fn keyed(mut self, value: &str) -> Self {
        let value = Some(Cow::Owned(value.as_bytes().to_vec()));
        self.headers.push(Header { name: Cow::Borrowed(IDEMPOTENCY_KEY), value });
        self
    }

    /// What limits in bytes count: key, value, and names and values of headers.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let part = |bytes: &Option<Cow<'_, [u8]>>| bytes.as_ref().map_or(0, |bytes| bytes.len());
        let headers = self.headers.iter().fold(0_usize, |sum, header| {
            sum.saturating_add(header.name.len()).saturating_add(part(&header.value))
        });
        part(&self.key).saturating_add(part(&self.value)).saturating_add(headers)
    }
}
