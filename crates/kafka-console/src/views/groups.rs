//! All groups: first those furthest behind.

use std::collections::BTreeMap;

use super::curves::{Curves, single, stacked};
use super::series::ratio;
use super::sheet::{Answers, Ask, Sheet, TileExt as _, label};
use super::table::{Digest, Heading, Table, heading, toned};
use super::topics::{H_GROUP_LAG, counts, greatest};
use super::{Made, Parts, View, errors, topic, warning};
use crate::expr::catalog::names;
use crate::page::{Cell, Link, Panel, Tone, Unit};
use crate::source::SourceError;

struct Asks {
    lag: Ask,
    lags: Ask,
    behind: Ask,
    topics: Ask,
    rebalances: Ask,
    rebalances_by: Ask,
    join_p99: Ask,
    requests: Ask,
    errors: Ask,
    errors_by: Ask,
    error_names: Ask,
    untracked: Ask,
    request_rank: Ask,
}

pub(super) async fn make(view: &View<'_>) -> Made {
    let mut sheet = Sheet::default();
    let asks = Asks::new(&mut sheet, view);
    let answers = sheet.answer(view.source).await?;
    let known = !answers.vector(&asks.requests).is_empty();
    let tiles = vec![
        answers.tile("Lag of all groups", Unit::Records, &asks.lag, H_GROUP_LAG.help),
        answers.tile("Rebalances", Unit::Count, &asks.rebalances, REBALANCES).or_zero(known),
        answers
            .tile("Errors of groups", Unit::ErrorsPerSecond, &asks.errors, H_ERRORS.help)
            .or_zero(known)
            .bad_from(f64::MIN_POSITIVE, 1.0),
    ];
    let mut parts = Parts { tiles, ..Parts::default() };
    if answers.number(&asks.untracked).is_some_and(|partitions| partitions > 0.0) {
        parts.notes.push(warning(
            "Lag is too low: partitions were left out because limits.lag_partitions_max was reached.",
            "Raise it in the filter's configuration; Health has how many.",
        ));
    }
    parts.panels.push(asks.table(view, &answers));
    parts.panels.extend(lines(view, &answers, &asks).await?);
    Ok(parts)
}

impl Asks {
    fn new(sheet: &mut Sheet, view: &View<'_>) -> Self {
        let (window, range) = (view.asked.window(), view.asked.range());
        let of = |metric| view.series(metric).by(GROUP);
        let lag = || view.series(names::GROUP_LAG_RECORDS);
        Self {
            lag: sheet.ask(lag().sum(), window),
            lags: sheet.ask(of(names::GROUP_LAG_RECORDS).sum(), window),
            behind: sheet.ask(
                ratio(
                    lag().by(&["topic", "group"]).sum(),
                    view.series(names::TOPIC_PRODUCED_RECORDS).by(&["topic"]).rate(),
                ),
                window,
            ),
            topics: sheet.ask(lag().by(&["group", "topic"]).sum(), window),
            rebalances: sheet.ask(view.series(names::GROUP_REBALANCES).increase(), range),
            rebalances_by: sheet.ask(of(names::GROUP_REBALANCES).increase(), range),
            join_p99: sheet.ask(of(names::GROUP_JOIN_DURATION_MICROSECONDS).quantile(0.99), range),
            requests: sheet.ask(of(names::GROUP_REQUESTS).rate(), window),
            errors: sheet.ask(view.series(names::GROUP_ERRORS).troubling().rate(), window),
            errors_by: sheet.ask(of(names::GROUP_ERRORS).troubling().rate(), window),
            error_names: sheet
                .ask(view.series(names::GROUP_ERRORS).by(&["group", "error"]).increase(), range),
            untracked: sheet.ask(view.series(names::LAG_UNTRACKED_PARTITIONS).increase(), range),
            request_rank: sheet.ask(of(names::GROUP_REQUESTS).increase(), range),
        }
    }

    fn table(&self, view: &View<'_>, answers: &Answers) -> Panel {
        let behind = furthest(answers, &self.behind);
        let topics = tracked(answers, &self.topics);
        let names = greatest(answers, &self.error_names);
        let now = answers.by_label(&self.requests);
        let before = answers.by_label(&self.request_rank);
        let number = |found: Option<&f64>| found.map_or(Cell::None, |&value| Cell::Number(value));
        Table::new("groups", "Groups", TABLE)
            .label("group", "Group", Some(Link::Group), "The id of a consumer, share or streams group.")
            .cell(H_STATE, |key| {
                let of = |known: &BTreeMap<&str, f64>| {
                    key.first().and_then(|group| known.get(&**group)).copied()
                };
                state(of(&now), of(&before))
            })
            .measure(H_GROUP_LAG, &self.lags)
            .asked_cell(H_BEHIND, &self.behind, Digest::Greatest, |key| {
                number(key.first().and_then(|group| behind.get(&**group)))
            })
            .asked_cell(H_TOPICS, &self.topics, Digest::Count, |key| {
                number(key.first().and_then(|group| topics.get(&**group)))
            })
            .measure(H_REBALANCES, &self.rebalances_by)
            .measure(H_JOIN, &self.join_p99)
            .measure(H_ERRORS, &self.errors_by)
            .asked_cell(H_ERROR, &self.error_names, Digest::Words, |key| {
                let name = key.first().and_then(|group| names.get(&**group));
                name.map_or(Cell::None, |name| errors::cell("", name))
            })
            .measure(H_REQUESTS, &self.requests)
            .sorted("group_lag", &["errors", "rebalances", "requests"])
            .searched(view)
            .empty("No group has been seen: groups appear with their first request (JoinGroup, \
                    OffsetCommit), where metrics.groups or metrics.lag is on in the filter's configuration.")
            .panel(answers)
    }
}

async fn lines(view: &View<'_>, answers: &Answers, asks: &Asks) -> Result<Vec<Panel>, SourceError> {
    let mut curves = Curves::new(view);
    let head = single("lag", "Lag by group", Unit::Records, H_GROUP_LAG.help);
    curves.highest(head, ("group", view.series(names::GROUP_LAG_RECORDS).by(GROUP).sum())).await?;
    curves.greatest(
        stacked("rebalances", "Rebalances by group", Unit::PerSecond, REBALANCES),
        answers,
        &asks.rebalances_by,
        ("group", view.series(names::GROUP_REBALANCES).by(GROUP).rate()),
        Some(view.series(names::GROUP_REBALANCES).rate()),
    );
    curves.greatest(
        stacked("requests", "Requests by group", Unit::RequestsPerSecond, H_REQUESTS.help),
        answers,
        &asks.request_rank,
        ("group", view.series(names::GROUP_REQUESTS).by(GROUP).rate()),
        Some(view.series(names::GROUP_REQUESTS).rate()),
    );
    curves.panels().await
}

/// By its requests a second now, and how many there were in the range; neither is where they are not counted.
fn state(now: Option<f64>, in_range: Option<f64>) -> Cell {
    if now.is_none() && in_range.is_none() {
        return Cell::None;
    }
    match (now > Some(0.0), in_range > Some(0.0)) {
        (true, _) => Cell::Text("works".to_owned()),
        (false, true) => toned("went silent", Tone::Warning),
        (false, false) => Cell::Text("silent".to_owned()),
    }
}

/// Of each group, the longest time that it is behind on a topic.
fn furthest(answers: &Answers, ask: &Ask) -> BTreeMap<String, f64> {
    let mut found: BTreeMap<String, f64> = BTreeMap::new();
    for (_, group, seconds) in answers.by_pair(ask) {
        let most = found.entry(group.to_owned()).or_default();
        *most = most.max(seconds);
    }
    found
}

/// Of each group, on how many topics its lag is known.
fn tracked(answers: &Answers, ask: &Ask) -> BTreeMap<String, f64> {
    let mut found = counts(answers, ask);
    for sample in answers.vector(ask).iter().filter(|sample| sample.value <= 0.0) {
        *found.entry(label(sample, 0).to_owned()).or_default() += 1.0;
    }
    found
}

pub(super) const GROUP: &[&str] = &["group"];

const TABLE: &str = "Groups by how many records they are behind. A group that stopped sends nothing: its requests are 0, \
    and its lag goes when it is stale.";
pub(super) const REBALANCES: &str = "In this range. A classic group counts one for each rebalance; the newer protocols \
    (KIP-848, KIP-932, KIP-1071) one for each member that is moved on, its joining included.";

const H_STATE: Heading = heading(
    "state",
    "State",
    Unit::Text,
    "Whether members send anything within the window. One that went silent did so within this range: a job that ended, \
     or consumers that are gone.",
);
const H_BEHIND: Heading = heading("behind", "Behind", Unit::Seconds, topic::BEHIND);
const H_TOPICS: Heading =
    heading("topics", "Topics", Unit::Count, "Topics of which this group's lag is known.");
const H_REBALANCES: Heading = heading("rebalances", "Rebalances", Unit::Count, REBALANCES);
pub(super) const H_JOIN: Heading = heading(
    "join_p99",
    "Join p99",
    Unit::Seconds,
    "How long members of a classic group waited for the others in this range, 99 of 100: the whole group stands still \
     for so long.",
);
pub(super) const H_ERRORS: Heading = heading(
    "errors",
    "Errors",
    Unit::ErrorsPerSecond,
    "Error codes that belong to the group, without those that healthy groups have (MEMBER_ID_REQUIRED, \
     REBALANCE_IN_PROGRESS, NOT_COORDINATOR and their like).",
);
const H_ERROR: Heading = heading(
    "error",
    "Most frequent",
    Unit::Text,
    "The error code that came most often in this range, harmless ones last.",
);
pub(super) const H_REQUESTS: Heading = heading(
    "requests",
    "Requests",
    Unit::RequestsPerSecond,
    "Requests that name the group: joins, heartbeats, commits. None means that nobody works for it through these \
     proxies.",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_stopped_stands_out() {
        let state = |now, in_range| super::state(Some(now), Some(in_range));
        assert_eq!(state(0.2, 30.0), Cell::Text("works".to_owned()));
        assert_eq!(state(0.0, 30.0), toned("went silent", Tone::Warning));
        assert_eq!(state(0.0, 0.0), Cell::Text("silent".to_owned()));
        assert_eq!(super::state(None, None), Cell::None, "metrics.groups may be off");
    }
}
