//! Headers against a second reading of the protocol guide: fields of fixed place, and the client id.

use kafka_wire::header::{self, RequestHeader};
use kafka_wire::schema::{self, Field};
use kafka_wire::{
    Flow, FrameDecoder, FrameSize, Handler, Head, Malformed, Outcome, Plan, Stop, Value, Visitor,
};

use crate::frame::deliver;
use crate::heap;
use crate::input::Input;

/// Runs the target.
pub fn run(data: &[u8]) {
    check_fields(data);
    let mut input = Input::new(data);
    let splits = [input.below(24), input.below(24), 1];
    // A size that fits, or one of the input's own.
    let frame = if input.chance(200) {
        let message = input.take(usize::MAX);
        [&i32::try_from(message.len()).unwrap_or(i32::MAX).to_be_bytes(), message].concat()
    } else {
        input.take(usize::MAX).to_vec()
    };
    let expected = Seen::by_reference(&frame);
    for splits in [&[frame.len()], &[1][..], &splits] {
        let mut seen = Seen { id: [0; 256], ..Seen::default() };
        let mut decoder = FrameDecoder::new();
        let before = heap::live_bytes();
        seen.result = deliver(&mut decoder, &frame, splits, &mut seen);
        assert_eq!(heap::live_bytes(), before, "L3: decoding took memory");
        assert_eq!(seen, expected, "cut by {splits:?}");
    }
}

/// The functions that read fields of fixed place.
fn check_fields(data: &[u8]) {
    let int16 = |at: usize| {
        let bytes = data.get(at..)?.first_chunk()?;
        Some(i16::from_be_bytes(*bytes))
    };
    let int32 = |at: usize| {
        let bytes = data.get(at..)?.first_chunk()?;
        Some(i32::from_be_bytes(*bytes))
    };
    let expected = int32(4).zip(int16(0)).zip(int16(2)).map(|((correlation_id, key), version)| {
        RequestHeader { api_key: key, api_version: version, correlation_id }
    });
    let parsed = RequestHeader::parse(data);
    assert_eq!(parsed, expected);
    assert_eq!(header::correlation_id(data), int32(0));
    assert_eq!(header::leading_int16(data), int16(0));
    let Some(parsed) = parsed else { return };
    let is_first_shutdown = parsed.api_key == 7 && parsed.api_version == 0;
    assert_eq!(parsed.has_client_id(), !is_first_shutdown);
    let Some(api) = schema::api(parsed.api_key) else { return };
    let request_tags = header::request_has_tags(&api.request, parsed.api_version);
    assert_eq!(request_tags, api.request.is_flexible(parsed.api_version));
    if parsed.api_key == 18 {
        assert!(!header::response_has_tags(&api.response, parsed.api_version), "KIP-511");
    }
}

/// What is seen of one stream whose messages are request headers.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    heads: u32,
    headers: u64,
    ids: u32,
    null_ids: u32,
    id: [u8; 256],
    ends: u32,
    result: Result<(), Stop>,
}

impl Default for Seen {
    fn default() -> Self {
        let result = Ok(());
        Self { heads: 0, headers: 0, ids: 0, null_ids: 0, id: [0; 256], ends: 0, result }
    }
}

impl Seen {
    /// The protocol guide read once more, over the whole stream and without a state machine.
    fn by_reference(stream: &[u8]) -> Self {
        let mut seen = Self::default();
        let mut rest = stream;
        while let Some((size, tail)) = rest.split_first_chunk::<4>() {
            let size = i32::from_be_bytes(*size);
            let Ok(size) = usize::try_from(size) else {
                seen.result = Err(Stop::Handler);
                return seen;
            };
            let here = tail.get(..size).unwrap_or(tail);
            if here.len() < size.min(header::REQUEST_HEADER_SIZE) {
                return seen;
            }
            seen.note_head(&here[..size.min(header::REQUEST_HEADER_SIZE)]);
            let behind = &here[size.min(header::REQUEST_HEADER_SIZE)..];
            if let Err(malformed) = seen.reference_id(behind, size.saturating_sub(8)) {
                seen.result = Err(malformed.into());
                return seen;
            }
            let Some(next) = tail.get(size..) else { return seen };
            seen.ends += 1;
            rest = next;
        }
        seen
    }

    /// The client id of a message with `left` bytes behind its header, those `here` have come.
    fn reference_id(&mut self, here: &[u8], left: usize) -> Result<(), Malformed> {
        if left < 2 {
            return Err(Malformed::Truncated);
        }
        let Some((length, behind)) = here.split_first_chunk::<2>() else {
            return Ok(());
        };
        match (i16::from_be_bytes(*length), usize::try_from(i16::from_be_bytes(*length))) {
            (-1, _) => self.null_ids += 1,
            (_, Err(_)) => return Err(Malformed::Length),
            (_, Ok(length)) if length > left - 2 => return Err(Malformed::Length),
            (_, Ok(length)) if length > kafka_wire::limits::STRING_MAX => self.null_ids += 1,
            (_, Ok(length)) => {
                if let Some(id) = behind.get(..length) {
                    self.note_id(id);
                }
            }
        }
        Ok(())
    }

    fn note_head(&mut self, bytes: &[u8]) {
        self.heads += 1;
        for byte in bytes {
            self.headers = self.headers.wrapping_mul(257).wrapping_add(u64::from(*byte));
        }
    }

    fn note_id(&mut self, id: &[u8]) {
        self.ids += 1;
        self.id[..id.len()].copy_from_slice(id);
    }
}

impl Handler for Seen {
    fn frame_start(&mut self, size: i32) -> FrameSize {
        u32::try_from(size).map_or(FrameSize::GiveUp, FrameSize::Bytes)
    }

    fn head_size(&self) -> usize {
        header::REQUEST_HEADER_SIZE
    }

    fn head(&mut self, bytes: &[u8]) -> Head {
        self.note_head(bytes);
        Head { size_bytes: header::REQUEST_HEADER_SIZE, client_id: true, plan: Plan::Skip }
    }

    fn client_id(&mut self, id: Option<&[u8]>) -> bool {
        match id {
            Some(id) => self.note_id(id),
            None => self.null_ids += 1,
        }
        true
    }

    fn frame_end(&mut self, _size: u32, outcome: Outcome) {
        assert_eq!(outcome, Outcome::Decoded);
        self.ends += 1;
    }
}

impl Visitor for Seen {
    fn wants(&self, _field: &'static Field) -> bool {
        true
    }

    fn value(&mut self, field: &'static Field, _value: Value<'_>) -> Flow {
        panic!("{} of a body that is skipped", field.name)
    }
}
