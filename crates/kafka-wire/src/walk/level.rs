//! The walker's stack: one level a struct that is being read, of a depth that is fixed.

use crate::schema::Field;

/// Structs inside one another, the message itself included; a test holds the tables against it.
pub const STACK_MAX: usize = 8;

/// A struct, or an array of structs of which one is being read.
#[derive(Clone, Copy)]
pub(super) struct Level {
    /// The field whose value it is; none for the message.
    pub(super) scope: Option<&'static Field>,
    pub(super) fields: &'static [Field],
    /// Index of the next field to look at.
    pub(super) next: usize,
    /// Elements of the array that come after this one.
    pub(super) elements: u32,
    pub(super) phase: Phase,
}

/// What comes next in a struct.
#[derive(Clone, Copy)]
pub(super) enum Phase {
    /// An ordinary field, or the end of them.
    Ordinary,
    /// How many tagged fields there are.
    TagCount,
    /// The number of a tagged field, or the end of the struct after the last.
    TagNumber { tags: u32 },
    /// The size of the tagged field of this number; `tags` more come after it.
    TagSize { tags: u32, number: u32 },
    /// The value of a tagged field that the schema knows.
    TagBegin { tags: u32, outer_limit: u32, field: &'static Field },
    /// The end of that value.
    TagValue { tags: u32, outer_limit: u32 },
}

/// Levels from the message down to the struct that is being read.
pub(super) struct Stack {
    current: Level,
    outer: [Option<Level>; OUTER_MAX],
    depth: usize,
}

const OUTER_MAX: usize = STACK_MAX - 1;

impl Level {
    pub(super) fn of(field: &'static Field, fields: &'static [Field], elements: u32) -> Self {
        Self { scope: Some(field), fields, next: 0, elements, phase: Phase::Ordinary }
    }
}

impl Stack {
    /// The message alone, or a header's tagged fields with the message under them.
    pub(super) fn new(fields: &'static [Field], header_tags: bool) -> Self {
        let message = Level { scope: None, fields, next: 0, elements: 0, phase: Phase::Ordinary };
        let mut stack = Self { current: message, outer: [None; OUTER_MAX], depth: 0 };
        if header_tags {
            // Read like a struct without fields in front of the message.
            stack.push(Level { fields: &[], phase: Phase::TagCount, ..message });
        }
        stack
    }

    #[inline]
    pub(super) fn level(&self) -> &Level {
        &self.current
    }

    #[inline]
    pub(super) fn level_mut(&mut self) -> &mut Level {
        &mut self.current
    }

    /// Goes into a struct; false when the stack is full.
    pub(super) fn push(&mut self, level: Level) -> bool {
        let Some(slot) = self.outer.get_mut(self.depth) else {
            return false;
        };
        *slot = Some(self.current);
        self.current = level;
        self.depth = self.depth.saturating_add(1);
        true
    }

    /// Goes to the next element, or out of the struct; false after the message's end.
    pub(super) fn next_element(&mut self) -> bool {
        if let Some(elements) = self.current.elements.checked_sub(1) {
            self.current.elements = elements;
            self.current.next = 0;
            self.current.phase = Phase::Ordinary;
            return true;
        }
        let Some(depth) = self.depth.checked_sub(1) else {
            return false;
        };
        self.depth = depth;
        match self.outer.get(depth) {
            Some(Some(outer)) => self.current = *outer,
            _ => return false,
        }
        true
    }
}
