//! Messages byte by byte, written from the protocol guide: nothing here knows the filter's tables.

/// Bytes of a message in the making. Text, arrays and bytes take the compact form, and structs end
/// in tagged fields, when it is flexible (KIP-482).
#[derive(Clone, Default)]
pub struct Wire {
    bytes: Vec<u8>,
    flexible: bool,
}

/// A request with its header: version 2 when `flexible`, else 1.
pub fn request(key: i16, version: i16, correlation_id: i32, flexible: bool) -> Wire {
    request_of(Some("client-1"), key, version, correlation_id, flexible)
}

/// A request of a client with this client id.
pub fn request_of(
    client_id: Option<&str>,
    key: i16,
    version: i16,
    correlation_id: i32,
    flexible: bool,
) -> Wire {
    let header = Wire::default().i16(key).i16(version).i32(correlation_id);
    // The client id keeps its two-byte length in flexible headers too.
    let header = match client_id {
        Some(id) => header.i16(i16::try_from(id.len()).unwrap()).raw(id.as_bytes()),
        None => header.i16(-1),
    };
    Wire { flexible, ..header }.end()
}

/// A request of `client-1` as another client sends it.
pub fn sent_by(client_id: Option<&[u8]>, frame: &[u8]) -> Vec<u8> {
    // Behind the size, the API key, the version and the correlation id.
    let (head, rest) = frame[4..].split_at(8);
    let rest = rest.strip_prefix(b"\x00\x08client-1").expect("the client id of all requests");
    let id = match client_id {
        Some(id) => [&i16::try_from(id.len()).unwrap().to_be_bytes(), id].concat(),
        None => vec![0xff, 0xff],
    };
    framed(&[head, &id, rest].concat())
}

/// A response with its header: version 1 when `flexible`, else 0.
pub fn response(correlation_id: i32, flexible: bool) -> Wire {
    Wire { flexible, ..Wire::default().i32(correlation_id) }.end()
}

/// A response whose body is flexible and whose header is not: ApiVersions (KIP-511).
pub fn api_versions_response(correlation_id: i32, flexible: bool) -> Wire {
    Wire { flexible, ..Wire::default().i32(correlation_id) }
}

/// Bytes with an int32 size in front.
pub fn framed(bytes: &[u8]) -> Vec<u8> {
    let size = i32::try_from(bytes.len()).unwrap();
    [&size.to_be_bytes(), bytes].concat()
}

impl Wire {
    pub fn i8(self, value: i8) -> Self {
        self.raw(&value.to_be_bytes())
    }

    pub fn i16(self, value: i16) -> Self {
        self.raw(&value.to_be_bytes())
    }

    pub fn i32(self, value: i32) -> Self {
        self.raw(&value.to_be_bytes())
    }

    pub fn i64(self, value: i64) -> Self {
        self.raw(&value.to_be_bytes())
    }

    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    pub fn varint(mut self, mut value: u32) -> Self {
        while value >= 0x80 {
            self.bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
            value >>= 7;
        }
        self.bytes.push(u8::try_from(value).unwrap());
        self
    }

    pub fn text(self, text: &str) -> Self {
        let size = text.len();
        let wire = if self.flexible {
            self.varint(u32::try_from(size).unwrap() + 1)
        } else {
            self.i16(i16::try_from(size).unwrap())
        };
        wire.raw(text.as_bytes())
    }

    pub fn null_text(self) -> Self {
        if self.flexible { self.varint(0) } else { self.i16(-1) }
    }

    /// The count in front of an array's elements.
    pub fn array(self, count: usize) -> Self {
        if self.flexible {
            self.varint(u32::try_from(count).unwrap() + 1)
        } else {
            self.i32(i32::try_from(count).unwrap())
        }
    }

    pub fn null_array(self) -> Self {
        if self.flexible { self.varint(0) } else { self.i32(-1) }
    }

    pub fn bytes(self, bytes: &[u8]) -> Self {
        self.array(bytes.len()).raw(bytes)
    }

    /// The end of a struct: no tagged fields, in flexible versions.
    pub fn end(self) -> Self {
        if self.flexible { self.varint(0) } else { self }
    }

    /// The end of a struct with these tagged fields.
    pub fn end_with(self, tags: &[(u32, Wire)]) -> Self {
        assert!(self.flexible, "tagged fields need a flexible version");
        let mut wire = self.varint(u32::try_from(tags.len()).unwrap());
        for (number, value) in tags {
            wire = wire.varint(*number).varint(u32::try_from(value.bytes.len()).unwrap());
            wire = wire.raw(&value.bytes);
        }
        wire
    }

    /// The elements one after the other.
    pub fn each<T>(self, elements: &[T], write: impl Fn(Self, &T) -> Self) -> Self {
        elements.iter().fold(self.array(elements.len()), write)
    }

    /// `write` where the version has the field.
    pub fn when(self, has: bool, write: impl FnOnce(Self) -> Self) -> Self {
        if has { write(self) } else { self }
    }

    /// The message as a frame.
    pub fn frame(&self) -> Vec<u8> {
        framed(&self.bytes)
    }

    /// The message alone.
    pub fn message(&self) -> &[u8] {
        &self.bytes
    }
}

/// A part of a flexible message, for tagged fields.
pub fn flexible_part() -> Wire {
    Wire { bytes: Vec::new(), flexible: true }
}

/// A record batch of magic 2 (protocol guide, "Record Batch").
#[derive(Clone, Copy)]
pub struct Batch {
    pub records: i32,
    pub attributes: i16,
    /// Bytes after the header.
    pub payload: usize,
    pub base_offset: i64,
    pub max_timestamp: i64,
}

/// A batch of so many records, not compressed.
pub fn batch(records: i32) -> Batch {
    Batch { records, attributes: 0, payload: 40, base_offset: 0, max_timestamp: 1_700_000_000_000 }
}

pub const GZIP: i16 = 1;
pub const SNAPPY: i16 = 2;
pub const LZ4: i16 = 3;
pub const ZSTD: i16 = 4;
pub const LOG_APPEND_TIME: i16 = 0x08;
pub const CONTROL: i16 = 0x20;
pub const TRANSACTIONAL: i16 = 0x10;

impl Batch {
    pub fn attributes(self, attributes: i16) -> Self {
        Self { attributes, ..self }
    }

    pub fn base_offset(self, base_offset: i64) -> Self {
        Self { base_offset, ..self }
    }

    pub fn max_timestamp(self, max_timestamp: i64) -> Self {
        Self { max_timestamp, ..self }
    }

    pub fn payload(self, payload: usize) -> Self {
        Self { payload, ..self }
    }

    pub fn bytes(self) -> Vec<u8> {
        // The payload is noise that looks like numbers and lengths: it must not be looked at.
        let payload: Vec<u8> =
            (0..self.payload).map(|at| [0xff, 0x00, 0x7f, 0x80][at % 4]).collect();
        let length = i32::try_from(BATCH_HEADER - 12 + self.payload).unwrap();
        let wire = Wire::default()
            .i64(self.base_offset)
            .i32(length)
            .i32(0)
            .i8(2)
            .i32(0x1234_5678)
            .i16(self.attributes)
            .i32(self.records - 1)
            .i64(self.max_timestamp)
            .i64(self.max_timestamp)
            .i64(-1)
            .i16(-1)
            .i32(-1)
            .i32(self.records);
        assert_eq!(wire.bytes.len(), BATCH_HEADER);
        wire.raw(&payload).bytes
    }
}

/// Bytes of a batch header.
pub const BATCH_HEADER: usize = 61;

/// A message of an old message set, magic 0 or 1, without a key.
pub fn old_message(magic: i8, attributes: i8, value: &[u8]) -> Vec<u8> {
    let body = Wire::default()
        .i32(0x1234_5678)
        .i8(magic)
        .i8(attributes)
        .when(magic > 0, |wire| wire.i64(1_400_000_000_000))
        .i32(-1)
        .i32(i32::try_from(value.len()).unwrap())
        .raw(value);
    Wire::default().i64(0).i32(i32::try_from(body.bytes.len()).unwrap()).raw(&body.bytes).bytes
}
