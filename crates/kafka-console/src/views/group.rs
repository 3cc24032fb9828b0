//! One group: how far behind on which topic, and why it rebalances.

use super::bars::Bars;
use super::curves::{Curves, single, stacked};
use super::groups::{H_ERRORS, H_JOIN, H_REQUESTS, REBALANCES};
use super::series::{Series, ratio};
use super::sheet::{Answers, Ask, Sheet, TileExt as _};
use super::table::{Table, heading};
use super::topics::{H_GROUP_LAG, TOPIC};
use super::{Made, Parts, View, error_table, info, topic};
use crate::expr::catalog::names;
use crate::page::{Cell, Link, Panel, Tile, Unit};
use crate::source::SourceError;

struct Asks {
    lag: Ask,
    rebalances: Ask,
    join_p99: Ask,
    errors: Ask,
    requests: Ask,
    lags: Ask,
    behind: Ask,
    written: Ask,
    requests_by: Ask,
    requests_in_range: Ask,
    errors_by: Ask,
    errors_in_range: Ask,
    error_rank: Ask,
}

pub(super) async fn make(view: &View<'_>) -> Made {
    let mut sheet = Sheet::default();
    let asks = Asks::new(&mut sheet, view);
    let join = Bars::new(
        &mut sheet,
        view,
        "joins",
        "Time to join",
        H_JOIN.help,
        &group(view, names::GROUP_JOIN_DURATION_MICROSECONDS),
    );
    let answers = sheet.answer(view.source).await?;
    let mut parts = Parts { tiles: asks.tiles(&answers), ..Parts::default() };
    if asks.is_unknown(&answers) {
        parts.notes.push(info(
            format!("Nothing was seen of this group within the last {}.", view.watched_text()),
            Some("Choose a longer range. A group whose members are gone sends nothing, and its lag goes when it is \
                  stale."),
        ));
    }
    parts.panels.push(asks.lag_table(view, &answers));
    parts.panels.push(asks.errors_table(view, &answers));
    parts.panels.push(asks.requests_table(&answers));
    parts.panels.extend(lines(view, &answers, &asks).await?);
    parts.panels.push(join.panel(&answers));
    Ok(parts)
}

/// Series of this group.
fn group(view: &View<'_>, metric: &'static str) -> Series {
    view.series(metric).is("group", view.key())
}

impl Asks {
    fn new(sheet: &mut Sheet, view: &View<'_>) -> Self {
        let (window, range) = (view.asked.window(), view.asked.range());
        let of = |metric| group(view, metric);
        let written = || view.series(names::TOPIC_PRODUCED_RECORDS).by(TOPIC).rate();
        let error: &[&str] = &["request", "error"];
        Self {
            lag: sheet.ask(of(names::GROUP_LAG_RECORDS).sum(), window),
            rebalances: sheet.ask(of(names::GROUP_REBALANCES).increase(), range),
            join_p99: sheet.ask(of(names::GROUP_JOIN_DURATION_MICROSECONDS).quantile(0.99), range),
            errors: sheet.ask(of(names::GROUP_ERRORS).troubling().rate(), window),
            requests: sheet.ask(of(names::GROUP_REQUESTS).rate(), window),
            lags: sheet.ask(of(names::GROUP_LAG_RECORDS).by(TOPIC).sum(), window),
            behind: sheet
                .ask(ratio(of(names::GROUP_LAG_RECORDS).by(TOPIC).sum(), written()), window),
            written: sheet.ask(written(), window),
            requests_by: sheet.ask(of(names::GROUP_REQUESTS).by(&["request"]).rate(), window),
            requests_in_range: sheet
                .ask(of(names::GROUP_REQUESTS).by(&["request"]).increase(), range),
            errors_by: sheet.ask(of(names::GROUP_ERRORS).by(error).rate(), window),
            errors_in_range: sheet.ask(of(names::GROUP_ERRORS).by(error).increase(), range),
            error_rank: sheet.ask(of(names::GROUP_ERRORS).by(&["error"]).increase(), range),
        }
    }

    fn is_unknown(&self, answers: &Answers) -> bool {
        answers.vector(&self.requests_by).is_empty() && answers.vector(&self.lags).is_empty()
    }

    fn tiles(&self, answers: &Answers) -> Vec<Tile> {
        let known = !self.is_unknown(answers);
        let tile = |title: &str, unit, ask, help: &str| answers.tile(title, unit, ask, help);
        vec![
            tile("Lag", Unit::Records, &self.lag, H_GROUP_LAG.help),
            tile("Rebalances", Unit::Count, &self.rebalances, REBALANCES).or_zero(known),
            tile("Join p99", Unit::Seconds, &self.join_p99, H_JOIN.help),
            tile("Errors", Unit::ErrorsPerSecond, &self.errors, H_ERRORS.help)
                .or_zero(known)
                .bad_from(f64::MIN_POSITIVE, 1.0),
            tile("Requests", Unit::RequestsPerSecond, &self.requests, H_REQUESTS.help)
                .or_zero(known),
        ]
    }

    fn lag_table(&self, view: &View<'_>, answers: &Answers) -> Panel {
        let mine = answers.by_label(&self.lags);
        Table::new("lag", "Behind on", LAGS)
            .label(
                "topic",
                "Topic",
                Some(Link::Topic),
                "A topic of which this group commits offsets.",
            )
            .measure(heading("lag", "Lag", Unit::Records, H_GROUP_LAG.help), &self.lags)
            .measure(heading("behind", "Behind", Unit::Seconds, topic::BEHIND), &self.behind)
            .measure(
                heading(
                    "written",
                    "Written",
                    Unit::RecordsPerSecond,
                    "To the topic, by everybody.",
                ),
                &self.written,
            )
            .sorted("lag", &["written"])
            .kept(|key| key.first().is_some_and(|topic| mine.contains_key(&**topic)))
            .searched(view)
            .empty("This group has committed no offset through these proxies, or it is stale.")
            .panel(answers)
    }

    fn requests_table(&self, answers: &Answers) -> Panel {
        Table::new("requests", "Requests", WHY)
            .label("request", "Request", None, "The API.")
            .measure(
                heading("now", "Now", Unit::RequestsPerSecond, "Over the window."),
                &self.requests_by,
            )
            .measure(
                heading(
                    "in_range",
                    "In this range",
                    Unit::Count,
                    "How many, over the whole range.",
                ),
                &self.requests_in_range,
            )
            .cell(heading("meaning", "What it is", Unit::Text, WHY), |key| {
                key.first().map_or(Cell::None, |request| meaning(request))
            })
            .sorted("now", &["in_range"])
            .empty("This group has sent nothing.")
            .panel(answers)
    }

    fn errors_table(&self, view: &View<'_>, answers: &Answers) -> Panel {
        let empty = if answers.vector(&self.requests_in_range).is_empty() {
            "No request of this group was seen in this range."
        } else {
            "The coordinator has answered this group without error."
        };
        error_table::table(
            view,
            (ERROR_TABLE, empty),
            &self.errors_by,
            &self.errors_in_range,
            answers,
        )
    }
}

async fn lines(view: &View<'_>, answers: &Answers, asks: &Asks) -> Result<Vec<Panel>, SourceError> {
    let mut curves = Curves::new(view);
    let of = |metric| group(view, metric);
    let head = single("lag_lines", "Lag by topic", Unit::Records, H_GROUP_LAG.help);
    curves.highest(head, ("topic", of(names::GROUP_LAG_RECORDS).by(TOPIC).sum())).await?;
    curves.named(
        single("rebalances", "Rebalances", Unit::PerSecond, REBALANCES),
        vec![("rebalances", of(names::GROUP_REBALANCES).rate())],
    );
    curves.greatest(
        stacked("request_lines", "Requests by API", Unit::RequestsPerSecond, WHY),
        answers,
        &asks.requests_in_range,
        ("request", of(names::GROUP_REQUESTS).by(&["request"]).rate()),
        Some(of(names::GROUP_REQUESTS).rate()),
    );
    curves.greatest(
        single("error_lines", "Errors by name", Unit::ErrorsPerSecond, ERROR_TABLE),
        answers,
        &asks.error_rank,
        ("error", of(names::GROUP_ERRORS).by(&["error"]).rate()),
        None,
    );
    curves.panels().await
}

/// What a group's request says about the group.
fn meaning(request: &str) -> Cell {
    let text = match request {
        "JoinGroup" => "A member joins, or all join again because the group rebalances.",
        "SyncGroup" => "Members learn their partitions after a rebalance.",
        "LeaveGroup" => {
            "A member leaves by itself: a deployment, a shutdown, or max.poll.interval.ms was over."
        }
        "Heartbeat" => "Members say that they are there, each about every 3 seconds.",
        "ConsumerGroupHeartbeat" => {
            "Members of the new protocol (KIP-848), each about every 5 seconds."
        }
        "ShareGroupHeartbeat" => "Members of a share group (KIP-932).",
        "StreamsGroupHeartbeat" => "Members of a streams group (KIP-1071).",
        "OffsetCommit" | "TxnOffsetCommit" => "Progress is written down; lag is counted from it.",
        "OffsetFetch" => "Members ask where to begin: after a rebalance, or at a start.",
        "FindCoordinator" => "Clients look for the broker that coordinates the group.",
        _ => return Cell::None,
    };
    Cell::Text(text.to_owned())
}

const LAGS: &str = "Topics by how many records this group is behind. Fetch lag of the topic tells whether records are not \
    fetched, or fetched and not processed.";
const WHY: &str = "Requests that name this group. JoinGroup with LeaveGroup is a member that went; JoinGroup alone is one \
    that came, or a topic with more partitions.";
const ERROR_TABLE: &str = "Error codes that the coordinator answered with; healthy groups have some of them in each \
    rebalance.";
