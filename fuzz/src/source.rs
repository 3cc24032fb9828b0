//! A source that holds its reader to law L1: read only, inside its length, and not over and over.

use kafka_wire::Source;

/// The bytes of one callback.
#[derive(Debug)]
pub struct CheckedSource<'a> {
    bytes: &'a [u8],
    read_bytes: usize,
    reads_left: Option<usize>,
}

impl<'a> CheckedSource<'a> {
    /// A source that gives all of these bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, read_bytes: 0, reads_left: None }
    }

    /// A source of a host that fails after so many reads.
    #[must_use]
    pub fn failing_after(bytes: &'a [u8], reads: usize) -> Self {
        Self { reads_left: Some(reads), ..Self::new(bytes) }
    }

    /// Bytes that were read, each as often as it was.
    #[must_use]
    pub fn read_bytes(&self) -> usize {
        self.read_bytes
    }
}

impl<'a> Source for CheckedSource<'a> {
    type Window = &'a [u8];

    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn read(&mut self, offset: usize, length: usize) -> Option<Self::Window> {
        let end = offset.checked_add(length).expect("L1: a range that overflows was asked for");
        let window = self.bytes.get(offset..end);
        let window = window.unwrap_or_else(|| {
            panic!("L1: bytes {offset}..{end} of {} were asked for", self.bytes.len())
        });
        assert!(length > 0, "L1: a read of nothing at {offset}");
        if let Some(left) = &mut self.reads_left {
            *left = left.checked_sub(1)?;
        }
        self.read_bytes += length;
        let most = self.bytes.len() * REREAD_MAX;
        assert!(
            self.read_bytes <= most,
            "L1: {} bytes read of {}",
            self.read_bytes,
            self.bytes.len()
        );
        Some(window)
    }
}

/// How often a byte may be read on average: the end of a window is read again with the next one.
const REREAD_MAX: usize = 2;
