//! Requests that await a response on one connection, in the order in which they were sent.
//!
//! Brokers answer in order (protocol guide, "Network"), so this is a queue; correlation ids are the
//! client's choice, may repeat, and only check that both sides are in step. The queue has a bound:
//! requests beyond it are remembered as a number of responses to let pass, so that matching goes on
//! behind them.

use std::collections::VecDeque;

use crate::metrics::series::{Party, Request};

/// Requests awaiting a response.
#[derive(Default)]
pub(crate) struct InFlight {
    queue: VecDeque<Entry>,
    tracked: u32,
}

/// What a response may belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A request.
    Request(Sent),
    /// A SASL token without a header, whose answer has none either.
    Token,
    /// So many requests in a row of which nothing is remembered.
    Evicted(u32),
}

/// A request that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) api_key: i16,
    pub(crate) api_version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) request: Request,
    /// The group that it names, the first one if it names several.
    pub(crate) group: Option<Party>,
    /// Who sent it, if records move by it.
    pub(crate) client: Party,
    /// The generation or the member epoch that it tells; below zero for none.
    pub(crate) generation: i32,
    /// How many offsets it commits.
    pub(crate) commits: u16,
    /// Bytes on the wire, the size field among them.
    pub(crate) size_bytes: u32,
    /// When its last byte passed.
    pub(crate) sent_at_ns: u64,
    /// A Produce of unknown layout: perhaps without acknowledgement, and so without a response.
    pub(crate) perhaps_unanswered: bool,
}

/// What a response was found to belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Matched {
    pub(crate) entry: Entry,
    /// Requests in front of it that got no response and now never will.
    pub(crate) unanswered: u32,
    /// Bytes of those requests.
    pub(crate) unanswered_bytes: u64,
}

impl InFlight {
    /// Requests that are tracked now.
    #[cfg(test)]
    pub(crate) fn tracked(&self) -> u32 {
        self.tracked
    }

    /// What the next response should belong to.
    pub(crate) fn front(&self) -> Option<&Entry> {
        self.queue.front()
    }

    /// Adds a request; false if it is evicted at once because `max` are tracked.
    pub(crate) fn push(&mut self, sent: Sent, max: u32) -> bool {
        if self.tracked >= max {
            self.evict();
            return false;
        }
        self.tracked = self.tracked.saturating_add(1);
        self.queue.push_back(Entry::Request(sent));
        true
    }

    /// Adds a token; false when there are `max` already.
    pub(crate) fn push_token(&mut self, max: u32) -> bool {
        let room = usize::try_from(max).unwrap_or(usize::MAX);
        if self.queue.len() > room {
            return false;
        }
        self.queue.push_back(Entry::Token);
        true
    }

    /// The entry that a response with this correlation id belongs to, without those in front of it
    /// that may stay without an answer; `None` when the two sides are out of step.
    pub(crate) fn take(&mut self, correlation_id: i32) -> Option<Matched> {
        let passed_over = self.queue.iter().take_while(|entry| match entry {
            Entry::Request(sent) => {
                sent.perhaps_unanswered && sent.correlation_id != correlation_id
            }
            Entry::Token => true,
            Entry::Evicted(_) => false,
        });
        // Nothing is taken before it is sure that the response belongs to something.
        let passed_over = passed_over.count();
        match self.queue.get(passed_over)? {
            Entry::Request(sent) if sent.correlation_id != correlation_id => return None,
            _ => {}
        }
        let mut unanswered: u32 = 0;
        let mut unanswered_bytes: u64 = 0;
        for _ in 0..passed_over {
            if let Some(Entry::Request(sent)) = self.pop() {
                unanswered = unanswered.saturating_add(1);
                unanswered_bytes = unanswered_bytes.saturating_add(u64::from(sent.size_bytes));
            }
        }
        let entry = self.take_front()?;
        Some(Matched { entry, unanswered, unanswered_bytes })
    }

    /// The requests that are tracked.
    pub(crate) fn requests(&self) -> impl Iterator<Item = &Sent> {
        self.queue.iter().filter_map(|entry| match entry {
            Entry::Request(sent) => Some(sent),
            Entry::Token | Entry::Evicted(_) => None,
        })
    }

    /// The entry in front, or one of the evicted requests that it stands for.
    fn take_front(&mut self) -> Option<Entry> {
        if let Some(Entry::Evicted(count)) = self.queue.front_mut()
            && *count > 1
        {
            *count = count.saturating_sub(1);
            return Some(Entry::Evicted(1));
        }
        self.pop()
    }

    /// Takes the token in front, if there is one and this response is no answer to a request
    /// behind it.
    pub(crate) fn take_token(&mut self, correlation_id: Option<i32>) -> bool {
        if self.queue.front() != Some(&Entry::Token) {
            return false;
        }
        let behind = self.queue.iter().find(|entry| **entry != Entry::Token);
        if let (Some(Entry::Request(sent)), Some(id)) = (behind, correlation_id)
            && sent.correlation_id == id
        {
            return false;
        }
        self.pop();
        true
    }

    fn pop(&mut self) -> Option<Entry> {
        let entry = self.queue.pop_front();
        if let Some(Entry::Request(_)) = entry {
            self.tracked = self.tracked.saturating_sub(1);
        }
        if self.queue.is_empty() && self.queue.capacity() > IDLE_CAPACITY {
            self.queue = VecDeque::new();
        }
        entry
    }

    fn evict(&mut self) {
        if let Some(Entry::Evicted(count)) = self.queue.back_mut() {
            *count = count.saturating_add(1);
        } else {
            self.queue.push_back(Entry::Evicted(1));
        }
    }
}

/// Entries for which an idle connection keeps memory.
const IDLE_CAPACITY: usize = 16;

#[cfg(test)]
mod tests;
