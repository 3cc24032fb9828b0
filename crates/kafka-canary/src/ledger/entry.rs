//! One record, from being sent until it is forgotten. Kept small: there is one for each record of the last minute.

/// What is remembered of a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) id: u64,
    pub(super) timestamp: u64,
    /// Microseconds since the ledger's origin.
    pub(super) sent: u64,
    pub(super) state: State,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Sent; the producer has said nothing yet.
    Pending,
    /// Read before the producer's word came. Whether that counts as read or as unacknowledged, its word decides.
    ReadPending {
        offset: i64,
        latency_us: u64,
    },
    /// Acknowledged and not read.
    Outstanding {
        offset: Option<i64>,
        late: bool,
        /// The reader went past the offset, and was sent back once to look again.
        sent_back: bool,
        /// There is evidence that it will not come.
        gone: bool,
    },
    Read {
        offset: i64,
    },
    Lost,
    /// Read after it was counted as lost.
    Found {
        offset: i64,
    },
    /// Refused or timed out at the producer, and where it was read if it was.
    Failed {
        offset: Option<i64>,
    },
}

impl State {
    /// Whether nothing more needs to happen to it.
    pub(super) fn is_settled(self) -> bool {
        !matches!(self, Self::Pending | Self::ReadPending { .. } | Self::Outstanding { .. })
    }
}
