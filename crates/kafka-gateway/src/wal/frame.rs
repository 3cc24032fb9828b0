//! How entries lie in a file: a header of the file, then frames without a gap.
//!
//! ```text
//! file:  magic "KGWLOG1\n" | first sequence u64
//! frame: length u32 | crc32 u32 | sequence u64 | synced u64 | payload
//! ```
//! Little-endian. The checksum (CRC-32, IEEE) covers the payload, then length, sequence and `synced`. Sequences go up by
//! one. `synced` says how many bytes of this file were known to be on disk when the frame was written. That number
//! decides what a bad frame at the end of the newest file is: if a later good frame says that the bad one had been on
//! disk, it was damaged there, and that is an error; otherwise the write was torn, and nobody was promised anything.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use crc32fast::Hasher;

use super::disk::{DiskFile, read_some};

/// Of every file with frames.
pub(super) const FILE_HEADER_BYTES: u64 = 16;

/// Of every frame.
pub(super) const FRAME_HEADER_BYTES: usize = 24;

const MAGIC: &[u8; 8] = b"KGWLOG1\n";

/// What is read at once.
const BLOCK_BYTES: usize = 256 << 10;

pub(super) fn file_header(first: u64) -> [u8; 16] {
    let mut header = [0; 16];
    let (magic, number) = header.split_at_mut(8);
    magic.copy_from_slice(MAGIC);
    number.copy_from_slice(&first.to_le_bytes());
    header
}

/// The beginning of a checksum, from the payload: the costly part, done by who appends and not by the one writer.
pub(super) fn checksum(payload: &[u8]) -> Hasher {
    let mut hasher = Hasher::new();
    hasher.update(payload);
    hasher
}

pub(super) fn frame_header(
    length: u32,
    sequence: u64,
    synced: u64,
    mut checksum: Hasher,
) -> [u8; FRAME_HEADER_BYTES] {
    checksum.update(&length.to_le_bytes());
    checksum.update(&sequence.to_le_bytes());
    checksum.update(&synced.to_le_bytes());
    let mut header = [0; FRAME_HEADER_BYTES];
    let parts: [&[u8]; 4] = [
        &length.to_le_bytes(),
        &checksum.finalize().to_le_bytes(),
        &sequence.to_le_bytes(),
        &synced.to_le_bytes(),
    ];
    for (to, from) in header.iter_mut().zip(parts.into_iter().flatten()) {
        *to = *from;
    }
    header
}

/// A frame, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) sequence: u64,
    pub(super) synced: u64,
    pub(super) payload: Bytes,
    /// Where it begins.
    pub(super) offset: u64,
}

impl Frame {
    /// Where the next one begins.
    pub(super) fn end(&self) -> u64 {
        self.offset + (FRAME_HEADER_BYTES + self.payload.len()) as u64
    }
}

/// What the beginning of some bytes is.
enum Parsed {
    Frame(Frame),
    /// So many bytes must be there.
    Need(usize),
    Bad(&'static str),
}

fn parse(bytes: &Bytes, offset: u64, length_max: usize) -> Parsed {
    let mut header = bytes.clone();
    if header.len() < FRAME_HEADER_BYTES {
        return Parsed::Need(FRAME_HEADER_BYTES);
    }
    let length = header.get_u32_le();
    let crc = header.get_u32_le();
    let sequence = header.get_u64_le();
    let synced = header.get_u64_le();
    if length as usize > length_max {
        return Parsed::Bad("a length beyond the end of the file");
    }
    if header.len() < length as usize {
        return Parsed::Need(FRAME_HEADER_BYTES + length as usize);
    }
    let payload = header.split_to(length as usize);
    let mut hasher = checksum(&payload);
    hasher.update(&length.to_le_bytes());
    hasher.update(&sequence.to_le_bytes());
    hasher.update(&synced.to_le_bytes());
    if hasher.finalize() != crc {
        return Parsed::Bad("a checksum that does not match");
    }
    Parsed::Frame(Frame { sequence, synced, payload, offset })
}

/// Why a frame could not be read.
#[derive(Debug)]
pub(super) enum Bad {
    /// The operating system could not read.
    Io(io::Error),
    /// What is there is no frame.
    Frame {
        /// Where it should begin.
        offset: u64,
        /// What is wrong.
        why: &'static str,
    },
}

/// Goes through the frames of one file, in blocks.
pub(super) struct Cursor {
    file: Arc<dyn DiskFile>,
    /// Of the next frame.
    offset: u64,
    block: Bytes,
    /// The next frame's sequence.
    expected: u64,
    /// What is read at once.
    block_bytes: usize,
}

/// A block that is to be read before there is a next frame.
pub(super) struct Fill {
    file: Arc<dyn DiskFile>,
    offset: u64,
    size: usize,
}

impl Fill {
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn read(&self) -> io::Result<Bytes> {
        Ok(read_some(&*self.file, self.offset, self.size)?.into())
    }
}

/// What a cursor has without reading.
pub(super) enum Next {
    Frame(Frame),
    /// Give it this block.
    Fill(Fill),
    /// The bytes up to the limit are read.
    End,
}

impl Cursor {
    pub(super) fn new(file: Arc<dyn DiskFile>, first: u64) -> Self {
        Self::at(file, FILE_HEADER_BYTES, first)
    }

    /// At a frame that is known to begin there.
    pub(super) fn at(file: Arc<dyn DiskFile>, offset: u64, sequence: u64) -> Self {
        let block_bytes = BLOCK_BYTES;
        Self { file, offset, block: Bytes::new(), expected: sequence, block_bytes }
    }

    /// For one frame and not those behind it.
    pub(super) fn one(file: Arc<dyn DiskFile>, offset: u64, sequence: u64) -> Self {
        Self { block_bytes: FRAME_HEADER_BYTES, ..Self::at(file, offset, sequence) }
    }

    /// The next frame before `limit`, if its block is there.
    pub(super) fn next(&mut self, limit: u64) -> Result<Next, Bad> {
        let left = limit.saturating_sub(self.offset);
        if left == 0 {
            return Ok(Next::End);
        }
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        let bad = |why| Err(Bad::Frame { offset: self.offset, why });
        match parse(&self.block, self.offset, left.saturating_sub(FRAME_HEADER_BYTES)) {
            Parsed::Frame(frame) if frame.sequence != self.expected => bad("another sequence"),
            Parsed::Frame(frame) => {
                self.block.advance(frame.payload.len() + FRAME_HEADER_BYTES);
                self.offset = frame.end();
                self.expected += 1;
                Ok(Next::Frame(frame))
            }
            Parsed::Need(size) if size > left => bad("a file that ends within it"),
            Parsed::Need(size) => {
                let size = size.max(self.block_bytes).min(left);
                Ok(Next::Fill(Fill { file: self.file.clone(), offset: self.offset, size }))
            }
            Parsed::Bad(why) => bad(why),
        }
    }

    /// The block that was asked for, which begins at the next frame.
    pub(super) fn filled(&mut self, block: Bytes, asked: &Fill) -> Result<(), Bad> {
        if block.len() < asked.size {
            let why = "a file that became shorter";
            return Err(Bad::Frame { offset: self.offset, why });
        }
        self.block = block;
        Ok(())
    }

    /// The next frame before `limit`; reads, so it blocks.
    pub(super) fn read(&mut self, limit: u64) -> Result<Option<Frame>, Bad> {
        loop {
            match self.next(limit)? {
                Next::Frame(frame) => return Ok(Some(frame)),
                Next::End => return Ok(None),
                Next::Fill(fill) => {
                    let block = fill.read().map_err(Bad::Io)?;
                    self.filled(block, &fill)?;
                }
            }
        }
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn expected(&self) -> u64 {
        self.expected
    }
}

/// The first sequence that a file's header tells, or `None` if there is no such header.
pub(super) fn read_header(file: &dyn DiskFile) -> io::Result<Option<u64>> {
    let header = read_some(file, 0, 16)?;
    Ok(match header.split_first_chunk::<8>() {
        Some((magic, rest)) if magic == MAGIC => {
            rest.first_chunk::<8>().map(|first| u64::from_le_bytes(*first))
        }
        _ => None,
    })
}

/// Whether a good frame behind a bad one says that the bad one had been on disk.
pub(super) fn was_on_disk(rest: Vec<u8>, offset: u64, expected: u64) -> bool {
    let rest = Bytes::from(rest);
    let frames_max = (rest.len() / FRAME_HEADER_BYTES) as u64;
    (1..rest.len()).any(|at| {
        let mut bytes = rest.slice(at..);
        let claim = match bytes.get(8..FRAME_HEADER_BYTES) {
            None => return false,
            Some(mut numbers) => (numbers.get_u64_le(), numbers.get_u64_le()),
        };
        let after = expected + 1..=expected + frames_max;
        if !after.contains(&claim.0) || claim.1 <= offset || claim.1 > offset + at as u64 {
            return false;
        }
        let length_max = bytes.len();
        matches!(
            parse(&bytes.split_to(length_max), offset + at as u64, length_max),
            Parsed::Frame(_)
        )
    })
}

/// Every good frame with a number from `first` to before `successor`, wherever it begins.
pub(super) fn find_all(bytes: &Bytes, first: u64, successor: Option<u64>) -> BTreeMap<u64, Frame> {
    let mut found = BTreeMap::new();
    let (mut at, mut expected) = (FILE_HEADER_BYTES as usize, first);
    while at < bytes.len() {
        let left = bytes.slice(at..);
        let length_max = left.len();
        let plausible = expected..=expected + (length_max / FRAME_HEADER_BYTES) as u64;
        let sequence = left.get(8..16).map(|mut number| number.get_u64_le());
        let parsed = match sequence {
            Some(number) if plausible.contains(&number) => parse(&left, at as u64, length_max),
            _ => Parsed::Bad("no number that could follow"),
        };
        match parsed {
            Parsed::Frame(frame) if successor.is_none_or(|end| frame.sequence < end) => {
                at += FRAME_HEADER_BYTES + frame.payload.len();
                expected = frame.sequence + 1;
                found.insert(frame.sequence, frame);
            }
            _ => at += 1,
        }
    }
    found
}

/// Names of files with frames: a kind and the first sequence, so that they sort as they follow each other.
pub(super) fn name(folder: &Path, kind: &str, first: u64) -> PathBuf {
    folder.join(format!("{kind}-{first:020}.log"))
}

/// The reverse of [`name`].
pub(super) fn first_of(name: &str, kind: &str) -> Option<u64> {
    let digits = name.strip_prefix(kind)?.strip_prefix('-')?.strip_suffix(".log")?;
    (digits.len() == 20).then(|| digits.parse().ok())?
}
