//! Frames over arbitrary bytes and splits: the same events for every split, and frames where a plain
//! cutter finds them.

use kafka_wire::schema::{self, Field};
use kafka_wire::{
    Batch, Flow, FrameDecoder, FrameSize, Handler, Head, Outcome, Plan, Stop, Value, Visitor,
};

use crate::encode::{self, Style};
use crate::input::Input;
use crate::source::CheckedSource;
use crate::trace::{Event, Trace};

/// Runs the target.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let watcher = Watcher {
        head_size: input.below(48),
        walk_max: [u32::MAX, 0, 1, 40, 300][input.below(5)],
        unwanted_roles: u32::from_be_bytes(input.array()),
        skip_rest_after: [0, 0, 1, 9][input.below(4)],
    };
    let splits: Vec<usize> = input.bytes().iter().map(|&split| usize::from(split)).collect();
    let stream = stream(&mut input);
    let whole = watcher.watch(&stream, &[stream.len()]);
    let bytewise = watcher.watch(&stream, &[1]);
    assert_eq!(whole, bytewise, "L2: whole and byte by byte");
    let split = watcher.watch(&stream, &splits);
    assert_eq!(whole, split, "L2: whole and split by {splits:?}");
    check_sizes(&stream, &whole);
}

/// Frames as the input tells them, some with a wrong size, and bytes that are no frames.
fn stream(input: &mut Input<'_>) -> Vec<u8> {
    let mut stream = Vec::new();
    while !input.is_empty() && stream.len() < STREAM_MAX {
        let kind = input.byte();
        let mut frame = Vec::new();
        match kind {
            0..=99 => frame.extend_from_slice(input.bytes()),
            100..=199 => {
                // The head tells `Watching::head` what to do with the body that is written here.
                let choice = [2, input.byte(), input.byte(), input.byte()];
                frame.extend_from_slice(&choice);
                let (message, version, tags) = chosen(choice);
                if choice[2] & 4 != 0 {
                    frame.extend_from_slice(&[0, 2, b'i', b'd']);
                }
                if tags {
                    encode::unknown_tags(&mut frame, Style::Any, input);
                }
                frame.extend_from_slice(&encode::body(message, version, Style::Any, input).bytes);
            }
            _ => {
                stream.extend_from_slice(input.bytes());
                continue;
            }
        }
        let wrong = i32::from(kind % 100 > 90) * i32::from(input.byte());
        let size = i32::try_from(frame.len()).unwrap_or(i32::MAX) + wrong;
        stream.extend_from_slice(&size.to_be_bytes());
        stream.extend_from_slice(&frame);
    }
    stream
}

/// What a head's bytes stand for in this target: message, version, whether header tags come first.
fn chosen(choice: [u8; 4]) -> (&'static schema::Message, i16, bool) {
    let apis: Vec<_> = schema::apis().collect();
    let api = apis[usize::from(choice[1]) % apis.len()];
    let message = if choice[2] & 1 == 0 { &api.request } else { &api.response };
    let version = i16::from(choice[3] % (message.versions.last + 2));
    (message, version, choice[2] & 2 != 0)
}

/// What the handler of this run wants.
struct Watcher {
    head_size: usize,
    walk_max: u32,
    unwanted_roles: u32,
    skip_rest_after: u32,
}

impl Watcher {
    /// All that is seen of the stream when it is cut like this, over and over.
    fn watch(&self, stream: &[u8], splits: &[usize]) -> (Vec<Event>, Result<(), Stop>) {
        let trace = Trace::new(self.unwanted_roles, self.skip_rest_after);
        let mut watching = Watching { watcher: self, trace };
        let mut decoder = FrameDecoder::new();
        let result = deliver(&mut decoder, stream, splits, &mut watching);
        (watching.trace.events, result)
    }
}

/// Hands the stream to the decoder in pieces of these sizes, over and over.
pub fn deliver<H: Handler>(
    decoder: &mut FrameDecoder,
    stream: &[u8],
    splits: &[usize],
    handler: &mut H,
) -> Result<(), Stop> {
    let mut rest = stream;
    let mut sizes = splits.iter().copied().cycle();
    let mut empty = 0;
    loop {
        let size = sizes.next().filter(|_| empty < splits.len()).unwrap_or(rest.len());
        empty = if size == 0 { empty + 1 } else { 0 };
        let (piece, tail) = rest.split_at(size.min(rest.len()));
        rest = tail;
        decoder.run(&mut CheckedSource::new(piece), handler)?;
        if rest.is_empty() {
            return Ok(());
        }
    }
}

/// Frames end where their sizes say: all of them, or those in front of what could not be decoded.
fn check_sizes(stream: &[u8], (events, result): &(Vec<Event>, Result<(), Stop>)) {
    let ends = events.iter().filter_map(|event| match event {
        Event::End(size, _) => Some(*size),
        _ => None,
    });
    let mut rest = stream;
    let mut sizes = Vec::new();
    while let Some((size, tail)) = rest.split_first_chunk::<4>() {
        let size = u32::from_be_bytes(*size);
        let Some(tail) = tail.get(usize::try_from(size).unwrap_or(usize::MAX)..) else { break };
        rest = tail;
        sizes.push(size);
    }
    let ends: Vec<u32> = ends.collect();
    match result {
        Ok(()) => assert_eq!(ends, sizes, "frames"),
        Err(_) => assert!(sizes.starts_with(&ends), "frames {ends:?} of {sizes:?}"),
    }
}

/// One delivery.
struct Watching<'w> {
    watcher: &'w Watcher,
    trace: Trace,
}

impl Handler for Watching<'_> {
    fn frame_start(&mut self, size: i32) -> FrameSize {
        self.trace.begin_message();
        u32::try_from(size).map_or(FrameSize::GiveUp, FrameSize::Bytes)
    }

    fn head_size(&self) -> usize {
        self.watcher.head_size
    }

    fn head(&mut self, bytes: &[u8]) -> Head {
        assert!(bytes.len() <= kafka_wire::limits::HEAD_MAX, "a head of {} bytes", bytes.len());
        self.trace.events.push(Event::Head(bytes.to_vec()));
        let choice = bytes.first_chunk::<4>().copied().unwrap_or_default();
        let (message, version, header_tags) = chosen(choice);
        let plan = match choice[0] {
            0 => Plan::Skip,
            1 => Plan::GiveUp,
            _ => Plan::Walk { message, version, header_tags, walk_max: self.watcher.walk_max },
        };
        // More than was shown is asked for too: only what is there may be taken.
        let size_bytes = if choice[0] == 2 { 4 } else { usize::from(choice[0]) };
        Head { size_bytes, client_id: choice[2] & 4 != 0, plan }
    }

    fn client_id(&mut self, id: Option<&[u8]>) -> bool {
        self.trace.events.push(Event::ClientId(id.map(<[u8]>::to_vec)));
        id != Some(b"no")
    }

    fn frame_end(&mut self, size: u32, outcome: Outcome) {
        self.trace.events.push(Event::End(size, outcome));
    }
}

impl Visitor for Watching<'_> {
    fn wants(&self, field: &'static Field) -> bool {
        self.trace.wants(field)
    }

    fn wants_contents(&self, field: &'static Field) -> bool {
        self.trace.wants_contents(field)
    }

    fn value(&mut self, field: &'static Field, value: Value<'_>) -> Flow {
        self.trace.value(field, value)
    }

    fn contents(&mut self, field: &'static Field, bytes: &[u8]) {
        self.trace.contents(field, bytes);
    }

    fn enter(&mut self, field: &'static Field) {
        self.trace.enter(field);
    }

    fn leave(&mut self, field: &'static Field) {
        self.trace.leave(field);
    }

    fn batch(&mut self, field: &'static Field, batch: &Batch) {
        self.trace.batch(field, batch);
    }
}

/// Longer streams find nothing more and take longer.
const STREAM_MAX: usize = 64 * 1024;
