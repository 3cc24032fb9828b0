//! What the journal of Idempotency-Keys holds: which records of a keyed request became what.
//!
//! An answer is on disk before its entry is marked as delivered there, so that after a crash a key is known by its entry
//! or by its answer, or by both. A request that was tried again has several; later ones win, record by record.

use std::collections::HashMap;

use kafka_gateway_api::{Outcome, Position, Refusal};

use super::codec::{Corrupt, Take, put, size};
use super::entry::Entry;

/// What became of an entry with an Idempotency-Key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Who asked.
    pub client: String,
    /// Its key.
    pub key: String,
    /// Of the request's body.
    pub fingerprint: u64,
    /// Records of the request.
    pub count: u32,
    /// What became of those in the entry, by their index in the request.
    pub outcomes: Vec<(u32, Outcome)>,
    /// Milliseconds since the epoch.
    pub answered_ms: i64,
    /// The entry.
    pub sequence: u64,
}

/// An entry with an Idempotency-Key that is not delivered yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// Who asked.
    pub client: String,
    /// Its key.
    pub key: String,
    /// Of the request's body.
    pub fingerprint: u64,
    /// Records of the request.
    pub count: u32,
    /// Whether the request waited for Kafka; otherwise it was answered when the entry was written.
    pub waits: bool,
    /// Which of the request's records are in the entry.
    pub indexes: Vec<u32>,
    /// The entry.
    pub sequence: u64,
}

impl Answered {
    /// Appends its bytes.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend_from_slice(&self.answered_ms.to_le_bytes());
        out.extend_from_slice(&self.sequence.to_le_bytes());
        out.extend_from_slice(&self.fingerprint.to_le_bytes());
        out.extend_from_slice(&self.count.to_le_bytes());
        put(out, self.client.as_bytes());
        put(out, self.key.as_bytes());
        out.extend_from_slice(&size(self.outcomes.len()).to_le_bytes());
        for (index, outcome) in &self.outcomes {
            out.extend_from_slice(&index.to_le_bytes());
            put_outcome(out, outcome);
        }
    }

    /// What [`Self::encode`] wrote.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut take = Take::new(bytes);
        if take.u8("version")? != VERSION {
            return Err(Corrupt { what: "version of this release", at: 0 });
        }
        let answered_ms = take.i64("time")?;
        let sequence = take.u64("sequence")?;
        let fingerprint = take.u64("fingerprint")?;
        let count = take.u32("count")?;
        let client = take.text("client")?.to_owned();
        let key = take.text("key")?.to_owned();
        let number = take.count(5, "number of outcomes")?;
        let mut outcomes = Vec::with_capacity(number);
        for _ in 0..number {
            outcomes.push((take.u32("index")?, take_outcome(&mut take)?));
        }
        take.end()?;
        Ok(Self { client, key, fingerprint, count, outcomes, answered_ms, sequence })
    }

    /// One outcome for each record of the request. A record that was not in the log was refused, and only the process
    /// that refused it knew why: it is refused here, so that a repetition of the request tries it again.
    #[must_use]
    pub fn all_outcomes(&self) -> Vec<Outcome> {
        all(self.count, self.outcomes.iter().cloned())
    }
}

impl Unfinished {
    pub(super) fn of(sequence: u64, entry: &Entry<'_>) -> Option<Self> {
        let key = entry.head.idempotency_key?.to_owned();
        Some(Self {
            client: entry.head.client.to_owned(),
            key,
            fingerprint: entry.head.fingerprint,
            count: entry.head.count,
            waits: entry.head.waits,
            indexes: entry.records.iter().map(|(index, _)| *index).collect(),
            sequence,
        })
    }

    /// What the request was answered when it did not wait; see [`Answered::all_outcomes`] for the others.
    #[must_use]
    pub fn all_outcomes(&self) -> Vec<Outcome> {
        let accepted = |index: &u32| (*index, Outcome::Accepted { durable: true });
        all(self.count, self.indexes.iter().map(accepted))
    }
}

fn all(count: u32, known: impl Iterator<Item = (u32, Outcome)>) -> Vec<Outcome> {
    let refused = Refusal::Kafka {
        code: 0,
        name: EARLIER,
        message: "refused before the gateway was started again; send the request again".to_owned(),
        status: 503,
    };
    let mut outcomes = vec![Outcome::Refused(refused); (count as usize).min(RECORDS_MAX)];
    for (index, outcome) in known {
        if let Some(slot) = outcomes.get_mut(index as usize) {
            *slot = outcome;
        }
    }
    outcomes
}

/// One for each key, in the order of their last answers.
pub(super) fn merged(answers: Vec<Answered>) -> Vec<Answered> {
    let mut keys: HashMap<(String, String), Answered> = HashMap::new();
    for answer in answers {
        let name = (answer.client.clone(), answer.key.clone());
        match keys.get_mut(&name) {
            Some(known)
                if (known.fingerprint, known.count) == (answer.fingerprint, answer.count) =>
            {
                known.outcomes.extend(answer.outcomes);
                known.answered_ms = answer.answered_ms;
                known.sequence = answer.sequence;
            }
            _ => {
                keys.insert(name, answer);
            }
        }
    }
    let mut answers: Vec<Answered> = keys.into_values().collect();
    answers.sort_unstable_by_key(|answer| (answer.answered_ms, answer.sequence));
    answers
}

fn put_outcome(out: &mut Vec<u8>, outcome: &Outcome) {
    match outcome {
        Outcome::Written(position) => {
            out.push(WRITTEN);
            out.extend_from_slice(&position.partition.to_le_bytes());
            out.extend_from_slice(&position.offset.unwrap_or(ABSENT).to_le_bytes());
            out.extend_from_slice(&position.timestamp_ms.unwrap_or(ABSENT).to_le_bytes());
        }
        Outcome::Accepted { .. } => out.push(ACCEPTED),
        Outcome::Refused(refusal) => {
            let code = match refusal {
                Refusal::Kafka { code, .. } | Refusal::Unknown { code, .. } => *code,
                _ => 0,
            };
            out.push(REFUSED);
            out.extend_from_slice(&code.to_le_bytes());
            out.extend_from_slice(&refusal.status().to_le_bytes());
            put(out, refusal.to_string().as_bytes());
        }
    }
}

fn take_outcome(take: &mut Take<'_>) -> Result<Outcome, Corrupt> {
    let known = |number: i64| (number != ABSENT).then_some(number);
    match take.u8("outcome")? {
        WRITTEN => Ok(Outcome::Written(Position {
            partition: take.i32("partition")?,
            offset: known(take.i64("offset")?),
            timestamp_ms: known(take.i64("timestamp")?),
        })),
        ACCEPTED => Ok(Outcome::Accepted { durable: true }),
        REFUSED => Ok(Outcome::Refused(Refusal::Kafka {
            code: take.i32("code")?,
            name: EARLIER,
            status: take.u16("status")?,
            message: take.text("message")?.to_owned(),
        })),
        _ => Err(take.corrupt("known outcome")),
    }
}

const VERSION: u8 = 1;
const WRITTEN: u8 = 0;
const ACCEPTED: u8 = 1;
const REFUSED: u8 = 2;

/// Where an offset or time is not known.
const ABSENT: i64 = i64::MIN;

/// The name of an error whose own name was not kept.
const EARLIER: &str = "REFUSED_EARLIER";

/// More records than any request may have.
const RECORDS_MAX: usize = 1 << 20;
