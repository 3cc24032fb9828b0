//! The topic whose part of a message is being read.

use crate::metrics::cardinality::TOPIC_NAME_SIZE_MAX;
use crate::metrics::series::Topic;
use crate::topic_directory::{NO_ID, TopicId};

use super::fetch_lag::TopicKey;
use super::tally::Tally;

/// Name or id of the topic, and what was seen of it so far.
pub(super) struct TopicScope {
    name: [u8; TOPIC_NAME_SIZE_MAX],
    name_size: usize,
    id: TopicId,
    /// Made once for all partitions.
    key: Option<TopicKey>,
    errors: ErrorCounts,
    /// The value of the label, once it was looked up.
    pub(super) label: Option<Topic>,
    /// It was counted as a value that is not one.
    pub(super) overflowed: bool,
    /// A part of the topic was answered without error.
    pub(super) success: bool,
    pub(super) tally: Tally,
}

impl Default for TopicScope {
    fn default() -> Self {
        Self {
            name: [0; TOPIC_NAME_SIZE_MAX],
            name_size: 0,
            id: NO_ID,
            key: None,
            errors: ErrorCounts::default(),
            label: None,
            overflowed: false,
            success: false,
            tally: Tally::default(),
        }
    }
}

impl TopicScope {
    /// Another topic begins.
    pub(super) fn clear(&mut self) {
        self.key = None;
        self.name_size = 0;
        self.id = NO_ID;
        self.errors = ErrorCounts::default();
        self.label = None;
        self.overflowed = false;
        self.success = false;
        self.tally = Tally::default();
    }

    /// Keeps the name; one that is too long for a topic counts as none.
    pub(super) fn set_name(&mut self, name: &[u8]) {
        self.name_size = 0;
        self.key = None;
        if let Some(place) = self.name.get_mut(..name.len()) {
            place.copy_from_slice(name);
            self.name_size = name.len();
        }
    }

    pub(super) fn set_id(&mut self, id: &TopicId) {
        self.id = *id;
        self.key = None;
    }

    pub(super) fn name(&self) -> Option<&[u8]> {
        self.name.get(..self.name_size).filter(|name| !name.is_empty())
    }

    pub(super) fn id(&self) -> Option<&TopicId> {
        (self.id != NO_ID).then_some(&self.id)
    }

    /// Stands for the topic among the partitions that a connection fetches.
    pub(super) fn key(&mut self) -> TopicKey {
        if let Some(key) = self.key {
            return key;
        }
        let key = match self.id() {
            Some(id) => TopicKey::of_id(id),
            None => TopicKey::of_name(self.name().unwrap_or_default()),
        };
        self.key = Some(key);
        key
    }

    /// Notes an error; false when there are too many different ones to keep.
    pub(super) fn note_error(&mut self, code: i16) -> bool {
        self.errors.note(code)
    }

    /// The errors that were noted, and how often.
    pub(super) fn errors(&self) -> ErrorCounts {
        self.errors
    }
}

/// Error codes other than zero, as often as they came.
#[derive(Clone, Copy, Default)]
pub(super) struct ErrorCounts([(i16, u32); ERRORS_MAX]);

impl ErrorCounts {
    /// Notes an error; false when there are too many different ones to keep.
    pub(super) fn note(&mut self, code: i16) -> bool {
        let place = self.0.iter_mut().find(|(other, count)| *other == code || *count == 0);
        match place {
            Some(place) => {
                *place = (code, place.1.saturating_add(1));
                true
            }
            None => false,
        }
    }

    /// Each error that was noted, and how often.
    pub(super) fn iter(self) -> impl Iterator<Item = (i16, u32)> {
        self.0.into_iter().filter(|(_, count)| *count > 0)
    }
}

/// Different error codes that are kept for one topic or group in one message.
const ERRORS_MAX: usize = 4;
