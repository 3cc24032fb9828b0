//! How much of a topic, and of a client, may pass in a time: up to four limits for a record, all or nothing.
//!
//! In any time t no more passes a limit than `rate * t + burst`, a single record larger than the burst aside, and a
//! refused record takes nothing from any limit: whoever hammers is served at the rate all the same.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use kafka_gateway_api::Refusal;

mod bucket;
#[cfg(test)]
mod tests;

use crate::auth::Client;
use crate::settings::{Rates, TopicLimit};
use bucket::Bucket;

/// The limits of all topics. Those of a client are with the [`Client`].
pub struct Limits {
    topics: HashMap<String, Buckets>,
    started: Instant,
}

/// What one topic, or one client, has left.
pub struct Buckets {
    /// As refusals name it: `topic orders`.
    name: String,
    records: Option<Bucket>,
    bytes: Option<Bucket>,
}

impl Limits {
    /// Full buckets for these topics.
    #[must_use]
    pub fn new(topics: &[TopicLimit]) -> Self {
        let topics = topics
            .iter()
            .map(|limit| {
                (limit.topic.clone(), Buckets::new(format!("topic {}", limit.topic), &limit.rates))
            })
            .collect();
        Self { topics, started: Instant::now() }
    }

    /// Takes one record of so many bytes from every limit of its topic and of its client.
    ///
    /// A record larger than a limit's burst could never pass; it passes when that bucket is full and leaves it in debt,
    /// so that the rate holds in the long run. What a record may measure at most is said by `message_max_bytes`.
    ///
    /// # Errors
    /// [`Refusal::RateLimited`]: nothing was taken. Its time is exact, as long as nobody else takes meanwhile.
    pub fn take(
        &self,
        client: &Client,
        topic: &str,
        size_bytes: u64,
        now: Instant,
    ) -> Result<(), Refusal> {
        let now_ns = self.elapsed_ns(now);
        let wanted = self.wanted(client, topic, size_bytes);
        // Looking first keeps those who are refused by one limit from holding another's tokens for a moment.
        let longest = wanted
            .iter()
            .flatten()
            .filter_map(|want| Some((want.bucket.wait_ns(want.units, now_ns)?, want.name)))
            .max_by_key(|(wait_ns, _)| *wait_ns);
        if let Some((wait_ns, name)) = longest {
            return Err(refusal(name, wait_ns));
        }
        for (taken, want) in wanted.iter().enumerate() {
            let Some(want) = want else { continue };
            if let Err(wait_ns) = want.bucket.take(want.units, now_ns) {
                for before in wanted.iter().take(taken).flatten() {
                    before.bucket.give_back(before.units, now_ns, now_ns);
                }
                return Err(refusal(want.name, wait_ns));
            }
        }
        Ok(())
    }

    /// Gives back what [`Self::take`] took at `taken`, for a record that was then not accepted.
    ///
    /// What the buckets would have gained meanwhile over their brim is not given back: it could not have been used.
    pub fn give_back(
        &self,
        client: &Client,
        topic: &str,
        size_bytes: u64,
        taken: Instant,
        now: Instant,
    ) {
        let (taken_ns, now_ns) = (self.elapsed_ns(taken), self.elapsed_ns(now));
        for want in self.wanted(client, topic, size_bytes).iter().flatten() {
            want.bucket.give_back(want.units, taken_ns, now_ns);
        }
    }

    fn wanted<'a>(
        &'a self,
        client: &'a Client,
        topic: &str,
        size_bytes: u64,
    ) -> [Option<Want<'a>>; 4] {
        let [topic_records, topic_bytes] =
            self.topics.get(topic).map_or([None, None], |buckets| buckets.wanted(size_bytes));
        let [client_records, client_bytes] = client.limits.wanted(size_bytes);
        [topic_records, topic_bytes, client_records, client_bytes]
    }

    /// Nanoseconds since the start: 584 years of them.
    fn elapsed_ns(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.started).as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Buckets {
    /// Full ones.
    #[must_use]
    pub fn new(name: String, rates: &Rates) -> Self {
        Self { name, records: rates.records.map(Bucket::new), bytes: rates.bytes.map(Bucket::new) }
    }

    fn wanted(&self, size_bytes: u64) -> [Option<Want<'_>>; 2] {
        let want = |bucket, units| Want { bucket, units, name: &self.name };
        [
            self.records.as_ref().map(|bucket| want(bucket, 1)),
            self.bytes.as_ref().map(|bucket| want(bucket, size_bytes)),
        ]
    }
}

/// So much of one bucket.
struct Want<'a> {
    bucket: &'a Bucket,
    units: u64,
    name: &'a str,
}

fn refusal(name: &str, wait_ns: u64) -> Refusal {
    Refusal::RateLimited { limit: name.to_owned(), retry_after: Duration::from_nanos(wait_ns) }
}
