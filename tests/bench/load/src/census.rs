//! A known number of topics, clients and groups, each of which does everything once: for counting what series that
//! makes, and what one costs.

use std::io::Result;
use std::time::Instant;

use crate::load::{Link, Outcome, Target};
use crate::requests::{Kind, Plan};

/// Each of `clients` writes to and reads from all topics of the plan; then each of `groups` is joined by the plan's own
/// client, commits all topics and is left.
///
/// # Errors
/// When a connection fails or an answer is wrong.
pub(crate) fn census(target: &Target, plan: &Plan, clients: u64, groups: u64) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let start = Instant::now();
    for number in 0..clients {
        let mut plan = plan.clone();
        plan.client_id = format!("{}-{number}", plan.client_id);
        let mut link = Link::open(target.address, &plan)?;
        outcome.pairs += 2 + link.once(&plan.with_kind(Kind::Produce))?;
        for topic in plan.topic_names() {
            outcome.pairs +=
                link.once(&Plan { kind: Kind::Fetch, topic, topics: 1, ..plan.clone() })?;
        }
    }
    for number in 0..groups {
        let mut plan = plan.clone();
        plan.group = format!("{}-{number}", plan.group);
        let mut link = Link::open(target.address, &plan)?;
        outcome.pairs += 2;
        for kind in
            [Kind::Join, Kind::Sync, Kind::Committed, Kind::Heartbeat, Kind::Commit, Kind::Leave]
        {
            outcome.pairs += link.once(&plan.with_kind(kind))?;
        }
    }
    outcome.seconds = start.elapsed().as_secs_f64();
    Ok(outcome)
}
