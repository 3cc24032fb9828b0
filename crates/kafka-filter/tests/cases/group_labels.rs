//! Which groups become label values: up to the cap, if patterns admit them, and how they read.

use super::groups::views;
use super::talk;
use crate::support::groups::{Joined, UNKNOWN_MEMBER_ID, join, sync, synced};
use crate::support::lines::{connections, exchanges};
use crate::support::play::{Case, Step};

pub fn cases() -> Vec<Case> {
    vec![names_that_are_not_shown(), over_the_cap(), over_the_combinations(), wanted_and_unwanted()]
}

/// Empty, as long as is shown, one byte longer, longer than is looked at, and hard to write.
fn names_that_are_not_shown() -> Case {
    let shown = "g".repeat(255);
    let groups =
        [String::new(), shown.clone(), "g".repeat(256), "g".repeat(257), "a=b;\n".to_owned()];
    let asks: Vec<Vec<u8>> = groups.iter().map(|group| sync(3, 1, group, 1)).collect();
    let tells = vec![synced(3, 1, UNKNOWN_MEMBER_ID); groups.len()];
    let pairs: Vec<(&[u8], &[u8])> = views(&asks).into_iter().zip(views(&tells)).collect();
    let each: String = [("__none__", 1), (&shown, 1), ("__other__", 2), ("a%3Db%3B%0A", 1)]
        .map(|(group, count)| {
            format!(
                "group_requests_total{{request=SyncGroup,group={group}}} {count}
                 group_errors_total{{request=SyncGroup,error=UNKNOWN_MEMBER_ID,group={group}}} {count}\n"
            )
        })
        .concat();
    Case {
        name: "groups whose names are empty, too long or hard to write",
        config: "",
        steps: talk(&pairs),
        expected: connections(1)
            + &exchanges("SyncGroup", 3, &views(&asks), &views(&tells))
            + &each
            + "response_errors_total{request=SyncGroup,error=UNKNOWN_MEMBER_ID} 5
               label_values{label=group} 2
               label_values_overflowed_total{label=group} 2",
    }
}

/// Two workers meet three groups; the process admits two.
fn over_the_cap() -> Case {
    let groups = ["billing", "audit", "search", "search", "audit", "billing"];
    let mut steps = vec![Step::Open(0, 0), Step::Open(1, 1)];
    let asks = groups.map(|group| join(2, 1, group, "member-2"));
    let tell =
        Joined { version: 2, error: 0, generation: 1, leader: "member-1", member: "member-2" }
            .frame(1);
    for (at, ask) in asks.iter().enumerate() {
        steps.extend([Step::Client(at % 2, ask.clone()), Step::Broker(at % 2, tell.clone())]);
    }
    steps.extend([Step::Close(0), Step::Close(1)]);
    let each: String = ["billing", "audit", "__other__"]
        .map(|group| {
            format!(
                "group_requests_total{{request=JoinGroup,group={group}}} 2
                 group_join_duration_microseconds{{group={group}}} 2\n"
            )
        })
        .concat();
    Case {
        name: "groups over the cap of the process",
        config: r#"{"labels": {"group": {"values_max": 2}}}"#,
        steps,
        expected: connections(2)
            + &exchanges("JoinGroup", 2, &views(&asks), &[tell.as_slice(); 6])
            + &each
            + "label_values{label=group} 2
               label_values_overflowed_total{label=group} 2",
    }
}

/// Each metric tells two series apart, on both workers together. The third group is counted with
/// all others, request by request, whether its series is new when it is counted or not.
fn over_the_combinations() -> Case {
    let ask = |group| sync(3, 1, group, 1);
    let tell = synced(3, 1, 0);
    let groups = ["billing", "audit", "search"].map(ask);
    let beats = [groups[2].clone(), groups[2].clone(), groups[2].clone(), groups[0].clone()];
    let mut steps = vec![Step::Open(0, 0), Step::Open(1, 1)];
    for (connection, ask) in [(0, &groups[0]), (1, &groups[1])] {
        steps.extend([
            Step::Client(connection, ask.clone()),
            Step::Broker(connection, tell.clone()),
        ]);
    }
    // Three at once, and so in one callback.
    steps.extend([Step::Client(0, beats.concat()), Step::Broker(0, tell.repeat(4))]);
    steps.extend([Step::Client(1, groups[2].clone()), Step::Broker(1, tell.clone())]);
    steps.extend([Step::Close(0), Step::Close(1)]);
    let asks = [&groups[0], &groups[1], &groups[2], &groups[2], &groups[2], &groups[0], &groups[2]];
    Case {
        name: "more series of a metric than may tell groups apart",
        config: r#"{"limits": {"combinations_max": 2}}"#,
        steps,
        expected: connections(2)
            + &exchanges("SyncGroup", 3, &asks.map(Vec::as_slice), &[tell.as_slice(); 7])
            + "group_requests_total{request=SyncGroup,group=billing} 2
               group_requests_total{request=SyncGroup,group=audit} 1
               group_requests_total{request=SyncGroup,group=__other__} 4
               label_values{label=group} 3
               label_values_overflowed_total{label=group} 4",
    }
}

/// What the patterns leave out takes no place, and has not overflowed either.
fn wanted_and_unwanted() -> Case {
    let groups = ["team-a.billing", "team-a.console-1", "team-b.audit", "xteam-a.y"];
    let asks = groups.map(|group| sync(3, 1, group, 1));
    let tells = vec![synced(3, 1, 0); groups.len()];
    let pairs: Vec<(&[u8], &[u8])> = views(&asks).into_iter().zip(views(&tells)).collect();
    Case {
        name: "groups that are wanted and groups that are not",
        config: r#"{"labels": {"group": {"values_max": 1, "allow": ["team-a\\..*"],
                    "deny": [".*console-[0-9]+"]}}}"#,
        steps: talk(&pairs),
        expected: connections(1)
            + &exchanges("SyncGroup", 3, &views(&asks), &views(&tells))
            + "group_requests_total{request=SyncGroup,group=team-a.billing} 1
               group_requests_total{request=SyncGroup,group=__other__} 3
               label_values{label=group} 1",
    }
}
