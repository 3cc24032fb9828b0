//! What is done with an entry all of whose records are reported, when there is more to do than to mark it.
//!
//! The order is the invariant: dead letters, the key's answer in the journal and in memory, whoever waits, the mark.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_gateway_api::{Outcome, Position, Refusal};
use tokio::time::sleep;

use super::flight::Flight;
use super::{Outcomes, Pump, now_ms};
use crate::producer::{self, is_permanent};
use crate::reply::Reply;
use crate::wal::{Answered, Entry};

impl Pump {
    pub(super) async fn settle(&self, flight: Arc<Flight>) {
        let mut results = flight.take_results();
        if results.iter().any(is_for_now) {
            let again = take_slots(&flight, &mut results, is_for_now);
            sleep(AGAIN_AFTER).await;
            return self.send_again(&flight, &again).await;
        }
        if !flight.is_alone() && results.iter().any(is_of_a_batch) {
            let again = take_slots(&flight, &mut results, is_of_a_batch);
            flight.be_alone();
            return self.send_again(&flight, &again).await;
        }
        results.sort_unstable_by_key(|(slot, _)| *slot);
        let outcomes = self.outcomes(&flight, results).await;
        if let Some(key) = &flight.key {
            let now_ms = now_ms();
            let answered = Answered {
                client: key.client.clone(),
                key: key.key.clone(),
                fingerprint: key.fingerprint,
                count: key.count,
                outcomes: outcomes.clone(),
                answered_ms: now_ms,
                sequence: flight.sequence,
            };
            self.wal.remember(&answered);
            let (fingerprint, count) = (key.fingerprint, key.count as usize);
            let now = Instant::now();
            self.keys.settle(&key.client, &key.key, fingerprint, count, &outcomes, now);
        }
        if let Some(waiter) = self.waiter(flight.token) {
            waiter.send(outcomes);
        }
        self.done(&flight);
    }

    fn waiter(&self, token: u64) -> Option<Reply<Outcomes>> {
        let mut waiters = self.waiters.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        waiters.remove(&token)
    }

    /// What became of each record that someone asks for; those refused for good become dead letters first.
    async fn outcomes(
        &self,
        flight: &Flight,
        results: Vec<(u64, Result<Position, Refusal>)>,
    ) -> Outcomes {
        if results.iter().all(|(_, result)| result.is_ok()) {
            // The records themselves are not needed, and to read them again would cost more than all the rest.
            let positions = results.into_iter().filter_map(|(slot, result)| {
                let index = flight.indexes.get(usize::try_from(slot).ok()?)?;
                Some((*index, Outcome::Written(result.ok()?)))
            });
            return positions.collect();
        }
        let payload = self.payload(flight).await;
        let Ok(entry) = Entry::decode(&payload) else {
            return Vec::new();
        };
        let mut outcomes = Vec::with_capacity(results.len());
        for (slot, result) in results {
            let slot = usize::try_from(slot).unwrap_or(usize::MAX);
            let Some((index, record)) = entry.records.get(slot) else { continue };
            let outcome = match result {
                Ok(position) => Outcome::Written(position),
                Err(refusal) => {
                    let (sequence, record) = (flight.sequence, (*index, record));
                    tracing::warn!(
                        sequence,
                        index,
                        topic = %record.1.topic,
                        client = entry.head.client,
                        %refusal,
                        "Kafka refused an accepted record for good: it is a dead letter now",
                    );
                    while let Err(error) =
                        self.wal.dead_letter(sequence, &refusal, &entry.head, record, now_ms())
                    {
                        tracing::debug!(sequence, %error, "no room for a dead letter yet");
                        sleep(LETTER_RETRY).await;
                    }
                    Outcome::Refused(refusal)
                }
            };
            outcomes.push((*index, outcome));
        }
        outcomes
    }

    /// The entry's bytes, from the log: they are not kept while it is on its way.
    async fn payload(&self, flight: &Flight) -> bytes::Bytes {
        loop {
            match self.wal.fetch(flight.sequence, flight.place).await {
                Ok(payload) => return payload,
                Err(error) => {
                    tracing::error!(%error, "an entry of the write-ahead log cannot be read");
                    sleep(AGAIN_AFTER).await;
                }
            }
        }
    }

    async fn send_again(&self, flight: &Arc<Flight>, slots: &[u64]) {
        let payload = self.payload(flight).await;
        let Ok(entry) = Entry::decode(&payload) else {
            return;
        };
        flight.board_again(slots.len());
        for slot in slots {
            let at = usize::try_from(*slot).unwrap_or(usize::MAX);
            if let Some((index, record)) = entry.records.get(at) {
                self.send(flight, *slot, *index, record, &entry).await;
            }
        }
        flight.boarded();
    }
}

type Slot = (u64, Result<Position, Refusal>);

/// Takes these results away, and leaves the others with the flight.
fn take_slots(flight: &Flight, results: &mut Vec<Slot>, which: fn(&Slot) -> bool) -> Vec<u64> {
    let taken = results.extract_if(.., |slot| which(slot)).map(|(slot, result)| {
        if let Err(refusal) = result {
            tracing::debug!(sequence = flight.sequence, %refusal, "a record is sent again");
        }
        slot
    });
    let taken = taken.collect();
    flight.keep_results(std::mem::take(results));
    taken
}

fn is_for_now((_, result): &Slot) -> bool {
    matches!(result, Err(refusal) if !is_permanent(refusal))
}

/// Whose fault it was shows when each is sent alone.
fn is_of_a_batch((_, result): &Slot) -> bool {
    matches!(result, Err(refusal) if producer::is_of_a_batch(refusal))
}

/// Before a record that was refused for now is sent again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

const LETTER_RETRY: Duration = Duration::from_millis(200);
