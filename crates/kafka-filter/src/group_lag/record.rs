//! What workers tell each other about lag: watermarks, commits, and signs of life of groups.
//!
//! Records of one kind merge to the same result in whichever order workers publish them, because
//! the newer one wins and a tie is broken by the values. Seconds come from a clock that all workers
//! of the process share and that never goes back.

/// A record of fixed size in a list that is sorted by partition.
pub(super) trait Record: Copy + PartialEq {
    /// Its place in the list.
    fn partition(&self) -> i32;
    /// Takes one from the front of `bytes`; `None` when there is no whole one.
    fn decode(bytes: &mut &[u8]) -> Option<Self>;
    /// Appends it to `bytes`.
    fn encode(self, bytes: &mut Vec<u8>);
}

/// The high watermark of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) seen_s: u32,
}

/// What a group has committed for a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) partition: i32,
    /// [`NOTHING`] when there is no committed offset.
    pub(super) offset: i64,
    /// Of the group's member that committed; below zero when that is not known.
    pub(super) generation: i32,
    pub(super) at_s: u32,
}

/// The newest generation of a group, and when it was seen alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) generation: i32,
    pub(super) alive_s: u32,
}

impl Mark {
    /// The one that was seen last; in the same second the higher, because watermarks rise.
    pub(super) fn newest(self, other: Self) -> Self {
        // What says the same is no news and need not be stored again.
        if self.offset == other.offset || self.order() >= other.order() { self } else { other }
    }

    fn order(&self) -> (u32, i64) {
        (self.seen_s, self.offset)
    }
}

impl Commit {
    /// The one that was made last, where the other may have been made on another worker.
    pub(super) fn newest(self, other: Self) -> Self {
        if other.confirms(&self) && other.at_s >= self.at_s {
            return Self { at_s: other.at_s, ..self };
        }
        if other.order() > self.order() { other } else { self }
    }

    /// It tells the same offset without knowing whose it is.
    pub(super) fn confirms(&self, other: &Self) -> bool {
        self.generation < 0 && self.offset == other.offset
    }

    /// Whether it is still the group's position: its generation is the newest and alive, or it is
    /// not older than `stale_s`.
    pub(super) fn is_fresh(&self, life: Life, now_s: u32, stale_s: u32) -> bool {
        let is_young = |since_s: u32| now_s.saturating_sub(since_s) <= stale_s;
        let is_alive =
            self.generation >= 0 && self.generation == life.generation && is_young(life.alive_s);
        self.offset >= 0 && (is_alive || is_young(self.at_s))
    }

    fn order(&self) -> (u32, i32, i64) {
        (self.at_s, self.generation, self.offset)
    }
}

impl Life {
    /// No generation was seen.
    pub(super) const NONE: Self = Self { generation: -1, alive_s: 0 };

    /// The higher generation, unless only the lower one shows life: a group that was deleted and
    /// made again counts from the beginning.
    pub(super) fn newest(self, other: Self, stale_s: u32) -> Self {
        if self.generation == other.generation {
            return if other.alive_s > self.alive_s { other } else { self };
        }
        let (high, low) =
            if self.generation > other.generation { (self, other) } else { (other, self) };
        if low.alive_s > high.alive_s.saturating_add(stale_s) { low } else { high }
    }
}

impl Record for Mark {
    fn partition(&self) -> i32 {
        self.partition
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let partition = i32::from_be_bytes(take(bytes)?);
        let offset = i64::from_be_bytes(take(bytes)?);
        let seen_s = u32::from_be_bytes(take(bytes)?);
        Some(Self { partition, offset, seen_s })
    }

    fn encode(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.partition.to_be_bytes());
        bytes.extend_from_slice(&self.offset.to_be_bytes());
        bytes.extend_from_slice(&self.seen_s.to_be_bytes());
    }
}

impl Record for Commit {
    fn partition(&self) -> i32 {
        self.partition
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let partition = i32::from_be_bytes(take(bytes)?);
        let offset = i64::from_be_bytes(take(bytes)?);
        let generation = i32::from_be_bytes(take(bytes)?);
        let at_s = u32::from_be_bytes(take(bytes)?);
        Some(Self { partition, offset, generation, at_s })
    }

    fn encode(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.partition.to_be_bytes());
        bytes.extend_from_slice(&self.offset.to_be_bytes());
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes.extend_from_slice(&self.at_s.to_be_bytes());
    }
}

/// A list of one.
impl Record for Life {
    fn partition(&self) -> i32 {
        0
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let generation = i32::from_be_bytes(take(bytes)?);
        let alive_s = u32::from_be_bytes(take(bytes)?);
        Some(Self { generation, alive_s })
    }

    fn encode(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes.extend_from_slice(&self.alive_s.to_be_bytes());
    }
}

fn take<const SIZE: usize>(bytes: &mut &[u8]) -> Option<[u8; SIZE]> {
    let (front, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*front)
}

/// The offset that means that none is committed.
pub(super) const NOTHING: i64 = -1;
