//! The records of one waiting request, until the last of them is decided.

use std::sync::{Arc, Mutex, PoisonError};

use kafka_gateway_api::{Outcome, Position, Refusal};
use tokio::sync::oneshot;

use crate::producer::Sink;
use crate::reply::{self, Reply};

/// Collects outcomes from librdkafka's thread.
pub(super) struct Batch {
    state: Mutex<State>,
}

struct State {
    slots: Vec<Option<Outcome>>,
    left: usize,
    done: Option<Reply<Vec<Option<Outcome>>>>,
}

impl Batch {
    /// For `left` records among `count`. The receiver gets all slots once `left` of them are decided; slots of other
    /// records stay empty.
    pub(super) fn new(
        count: usize,
        left: usize,
    ) -> (Arc<Self>, oneshot::Receiver<Vec<Option<Outcome>>>) {
        let (done, receiver) = reply::channel();
        let state = State { slots: vec![None; count], left, done: Some(done) };
        (Arc::new(Self { state: Mutex::new(state) }), receiver)
    }

    /// The outcome of a record; a second one for the same record is ignored.
    pub(super) fn decide(&self, index: usize, outcome: Outcome) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(slot) = state.slots.get_mut(index) else {
            return;
        };
        if slot.is_some() {
            return;
        }
        *slot = Some(outcome);
        state.left = state.left.saturating_sub(1);
        if state.left == 0
            && let Some(done) = state.done.take()
        {
            done.send(std::mem::take(&mut state.slots));
        }
    }
}

impl Sink for Batch {
    fn delivered(&self, index: u64, result: Result<Position, Refusal>) {
        let outcome = match result {
            Ok(position) => Outcome::Written(position),
            Err(refusal) => Outcome::Refused(refusal),
        };
        if let Ok(index) = usize::try_from(index) {
            self.decide(index, outcome);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: i64) -> Result<Position, Refusal> {
        Ok(Position { partition: 0, offset: Some(offset), timestamp_ms: None })
    }

    #[test]
    fn is_done_with_the_last_record_in_whatever_order() {
        let (batch, mut done) = Batch::new(3, 2);
        batch.delivered(2, at(7));
        assert!(done.try_recv().is_err());
        batch.delivered(2, at(8));
        assert!(done.try_recv().is_err(), "the same record again decides nothing");
        batch.delivered(0, Err(Refusal::Stopping));
        let slots = done.try_recv().unwrap();
        assert_eq!(slots[0], Some(Outcome::Refused(Refusal::Stopping)));
        assert_eq!(slots[1], None);
        assert_eq!(slots[2], Some(Outcome::Written(at(7).unwrap())));
    }

    #[test]
    fn a_caller_that_hung_up_is_no_fault() {
        let (batch, done) = Batch::new(1, 1);
        drop(done);
        batch.delivered(0, at(1));
        batch.delivered(5, at(1));
    }
}
