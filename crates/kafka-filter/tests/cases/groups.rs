//! What groups do, of all four protocols: who asks, what goes wrong, when a group rebalances.

use super::talk;
use crate::support::groups::{
    CONSUMER_GROUP_HEARTBEAT, GROUP_AUTHORIZATION_FAILED, GROUP_ID_NOT_FOUND, ILLEGAL_GENERATION,
    Joined, MEMBER_ID_REQUIRED, NON_EMPTY_GROUP, REBALANCE_IN_PROGRESS, SHARE_GROUP_HEARTBEAT,
    STREAMS_GROUP_HEARTBEAT, UNKNOWN_MEMBER_ID, commit, commit_in_transaction, committed,
    committed_in_transaction, delete, deleted, describe, described, epoch_heartbeat, epoch_told,
    fetch_offsets, join, leave, left, list, listed, sync, synced, told_offsets,
};
use crate::support::lines::{connections, exchanges};
use crate::support::messages::{Topic, heartbeat, heartbeat_told};
use crate::support::play::{Case, Step};

const ORDERS: Topic = Topic::Name("orders");

pub fn cases() -> Vec<Case> {
    vec![
        classic("a classic group of two, JoinGroup v0", 0, 0),
        classic("a classic group of two, JoinGroup v4", 4, 2),
        classic("a classic group of two, JoinGroup v6", 6, 4),
        classic("a classic group of two, JoinGroup v9", 9, 5),
        refused_joins(),
        joining_again(),
        refused_syncs_and_heartbeats(),
        leaving(),
        commits_with_errors(),
        commits_with_more_kinds_of_errors_than_are_kept(),
        commits_in_a_transaction(),
        several_groups(),
        offsets_of_one_group(),
        offsets_of_several_groups(),
        listed_groups(),
        epochs("epochs of a consumer group", CONSUMER_GROUP_HEARTBEAT, "ConsumerGroupHeartbeat"),
        epochs("epochs of a share group", SHARE_GROUP_HEARTBEAT, "ShareGroupHeartbeat"),
        epochs("epochs of a streams group", STREAMS_GROUP_HEARTBEAT, "StreamsGroupHeartbeat"),
    ]
}

/// The coordinator gives the first member its id, makes it the leader, and lets the second follow.
fn classic(name: &'static str, joins: i16, syncs: i16) -> Case {
    let answer = |error, member, id| {
        let (generation, leader) = if error == 0 { (1, "member-1") } else { (-1, "") };
        Joined { version: joins, error, generation, leader, member }.frame(id)
    };
    let asks = [
        join(joins, 1, "billing", ""),
        join(joins, 2, "billing", "member-1"),
        join(joins, 1, "billing", "member-2"),
    ];
    let tells = [
        answer(MEMBER_ID_REQUIRED, "member-1", 1),
        answer(0, "member-1", 2),
        answer(0, "member-2", 1),
    ];
    let (lead, follow) = (sync(syncs, 3, "billing", 1), sync(syncs, 2, "billing", 1));
    let (led, followed) = (synced(syncs, 3, 0), synced(syncs, 2, 0));
    let steps = vec![
        Step::Open(0, 0),
        Step::Client(0, asks[0].clone()),
        Step::Broker(0, tells[0].clone()),
        Step::Client(0, asks[1].clone()),
        Step::Open(1, 1),
        Step::Client(1, asks[2].clone()),
        Step::Wait(3_000_000),
        Step::Broker(1, tells[2].clone()),
        Step::Client(1, follow.clone()),
        Step::Broker(0, tells[1].clone()),
        Step::Client(0, lead.clone()),
        Step::Broker(0, led.clone()),
        Step::Broker(1, followed.clone()),
        Step::Close(0),
        Step::Close(1),
    ];
    Case {
        name,
        config: "",
        steps,
        expected: connections(2)
            + &exchanges("JoinGroup", joins, &views(&asks), &views(&tells))
            + &exchanges("SyncGroup", syncs, &[&lead, &follow], &[&led, &followed])
            + "response_errors_total{request=JoinGroup,error=MEMBER_ID_REQUIRED} 1
               group_requests_total{request=JoinGroup,group=billing} 3
               group_requests_total{request=SyncGroup,group=billing} 2
               group_errors_total{request=JoinGroup,error=MEMBER_ID_REQUIRED,group=billing} 1
               group_join_duration_microseconds{group=billing} 2
               group_rebalances_total{group=billing} 1
               label_values{label=group} 1",
    }
}

/// A refusal has no leader, and may have no member id either: two empty texts are no leader.
fn refused_joins() -> Case {
    let errors = [UNKNOWN_MEMBER_ID, GROUP_AUTHORIZATION_FAILED, 16];
    let asks: Vec<Vec<u8>> = (1..=3).map(|id| join(5, id, "billing", "")).collect();
    let tells: Vec<Vec<u8>> = (1..=3)
        .zip(errors)
        .map(|(id, error)| {
            Joined { version: 5, error, generation: -1, leader: "", member: "" }.frame(id)
        })
        .collect();
    let pairs: Vec<(&[u8], &[u8])> = views(&asks).into_iter().zip(views(&tells)).collect();
    let errors: String = ["UNKNOWN_MEMBER_ID", "GROUP_AUTHORIZATION_FAILED", "NOT_COORDINATOR"]
        .map(|error| {
            format!(
                "response_errors_total{{request=JoinGroup,error={error}}} 1
                 group_errors_total{{request=JoinGroup,error={error},group=billing}} 1\n"
            )
        })
        .concat();
    Case {
        name: "a member that may not join",
        config: "",
        steps: talk(&pairs),
        expected: connections(1)
            + &exchanges("JoinGroup", 5, &views(&asks), &views(&tells))
            + &errors
            + "group_requests_total{request=JoinGroup,group=billing} 3
               label_values{label=group} 1",
    }
}

/// A heartbeat tells the member that the group rebalances; it joins again and leads again.
fn joining_again() -> Case {
    let answer = |id, generation| {
        Joined { version: 7, error: 0, generation, leader: "member-1", member: "member-1" }
            .frame(id)
    };
    let asks = [join(7, 1, "group-1", "member-1"), join(7, 4, "group-1", "member-1")];
    let tells = [answer(1, 5), answer(4, 6)];
    let beats = [heartbeat(3, 2), heartbeat(3, 3)];
    let beaten = [heartbeat_told(3, 2, 0, 0), heartbeat_told(3, 3, REBALANCE_IN_PROGRESS, 0)];
    let (leave_it, left_it) = (leave(4, 5, "group-1", 1), left(4, 5, 0, &[0]));
    Case {
        name: "a group that rebalances",
        config: "",
        steps: talk(&[
            (&asks[0], &tells[0]),
            (&beats[0], &beaten[0]),
            (&beats[1], &beaten[1]),
            (&asks[1], &tells[1]),
            (&leave_it, &left_it),
        ]),
        expected: connections(1)
            + &exchanges("JoinGroup", 7, &views(&asks), &views(&tells))
            + &exchanges("Heartbeat", 3, &views(&beats), &views(&beaten))
            + &exchanges("LeaveGroup", 4, &[&leave_it], &[&left_it])
            + "response_errors_total{request=Heartbeat,error=REBALANCE_IN_PROGRESS} 1
               group_requests_total{request=JoinGroup,group=group-1} 2
               group_requests_total{request=Heartbeat,group=group-1} 2
               group_requests_total{request=LeaveGroup,group=group-1} 1
               group_errors_total{request=Heartbeat,error=REBALANCE_IN_PROGRESS,group=group-1} 1
               group_join_duration_microseconds{group=group-1} 2
               group_rebalances_total{group=group-1} 2
               label_values{label=group} 1",
    }
}

fn refused_syncs_and_heartbeats() -> Case {
    let (ask, tell) = (sync(5, 1, "billing", 3), synced(5, 1, ILLEGAL_GENERATION));
    let (beat, beaten) = (heartbeat(1, 2), heartbeat_told(1, 2, UNKNOWN_MEMBER_ID, 0));
    Case {
        name: "a member that the group has forgotten",
        config: "",
        steps: talk(&[(&ask, &tell), (&beat, &beaten)]),
        expected: connections(1)
            + &exchanges("SyncGroup", 5, &[&ask], &[&tell])
            + &exchanges("Heartbeat", 1, &[&beat], &[&beaten])
            + "response_errors_total{request=SyncGroup,error=ILLEGAL_GENERATION} 1
               response_errors_total{request=Heartbeat,error=UNKNOWN_MEMBER_ID} 1
               group_requests_total{request=SyncGroup,group=billing} 1
               group_requests_total{request=Heartbeat,group=group-1} 1
               group_errors_total{request=SyncGroup,error=ILLEGAL_GENERATION,group=billing} 1
               group_errors_total{request=Heartbeat,error=UNKNOWN_MEMBER_ID,group=group-1} 1
               label_values{label=group} 2",
    }
}

/// One request for three members: the answer has an error code for each, and one of its own.
fn leaving() -> Case {
    let asks = [leave(3, 1, "billing", 3), leave(3, 2, "billing", 1)];
    let tells = [
        left(3, 1, 0, &[0, UNKNOWN_MEMBER_ID, UNKNOWN_MEMBER_ID]),
        left(3, 2, GROUP_AUTHORIZATION_FAILED, &[]),
    ];
    Case {
        name: "members that leave together",
        config: "",
        steps: talk(&[(&asks[0], &tells[0]), (&asks[1], &tells[1])]),
        expected: connections(1)
            + &exchanges("LeaveGroup", 3, &views(&asks), &views(&tells))
            + "response_errors_total{request=LeaveGroup,error=UNKNOWN_MEMBER_ID} 2
               response_errors_total{request=LeaveGroup,error=GROUP_AUTHORIZATION_FAILED} 1
               group_requests_total{request=LeaveGroup,group=billing} 2
               group_errors_total{request=LeaveGroup,error=UNKNOWN_MEMBER_ID,group=billing} 2
               group_errors_total{request=LeaveGroup,error=GROUP_AUTHORIZATION_FAILED,group=billing} 1
               label_values{label=group} 1",
    }
}

fn commits_with_errors() -> Case {
    let ask = commit(2, 1, ("billing", 4), &[(ORDERS, &[(0, 5), (1, 6), (2, 7)])]);
    let errors = [(0, 0), (1, ILLEGAL_GENERATION), (2, ILLEGAL_GENERATION)];
    let tell = committed(2, 1, &[(ORDERS, &errors)]);
    Case {
        name: "offsets that are refused partition by partition",
        config: "",
        steps: talk(&[(&ask, &tell)]),
        expected: connections(1)
            + &exchanges("OffsetCommit", 2, &[&ask], &[&tell])
            + "response_errors_total{request=OffsetCommit,error=ILLEGAL_GENERATION} 2
               topic_errors_total{topic=orders,request=OffsetCommit,error=ILLEGAL_GENERATION} 2
               group_requests_total{request=OffsetCommit,group=billing} 1
               group_errors_total{request=OffsetCommit,error=ILLEGAL_GENERATION,group=billing} 2
               label_values{label=topic} 1
               label_values{label=group} 1",
    }
}

/// Six kinds of errors in one answer, some of them again and again: none is lost.
fn commits_with_more_kinds_of_errors_than_are_kept() -> Case {
    let codes =
        [(22, "ILLEGAL_GENERATION"), (25, "UNKNOWN_MEMBER_ID"), (12, "OFFSET_METADATA_TOO_LARGE")];
    let more = [
        (14, "COORDINATOR_LOAD_IN_PROGRESS"),
        (16, "NOT_COORDINATOR"),
        (27, "REBALANCE_IN_PROGRESS"),
    ];
    let codes: Vec<(i16, &str)> = [codes, more].concat();
    let offsets: Vec<(i32, i64)> = (0..19).map(|partition| (partition, 5)).collect();
    let mut errors: Vec<(i32, i16)> = vec![(0, 0)];
    errors.extend((1..19).map(|partition| {
        let at = usize::try_from(partition - 1).unwrap() % codes.len();
        (partition, codes[at].0)
    }));
    let ask = commit(8, 1, ("billing", 4), &[(ORDERS, &offsets)]);
    let tell = committed(8, 1, &[(ORDERS, &errors)]);
    let each: String = codes
        .iter()
        .map(|(_, error)| {
            format!(
                "response_errors_total{{request=OffsetCommit,error={error}}} 3
                 topic_errors_total{{topic=orders,request=OffsetCommit,error={error}}} 3
                 group_errors_total{{request=OffsetCommit,error={error},group=billing}} 3\n"
            )
        })
        .collect();
    Case {
        name: "more kinds of errors than are kept for one group",
        config: "",
        steps: talk(&[(&ask, &tell)]),
        expected: connections(1)
            + &exchanges("OffsetCommit", 8, &[&ask], &[&tell])
            + &each
            + "group_requests_total{request=OffsetCommit,group=billing} 1
               label_values{label=topic} 1
               label_values{label=group} 1",
    }
}

fn commits_in_a_transaction() -> Case {
    let topics: &[(Topic, &[(i32, i64)])] = &[(ORDERS, &[(0, 5)])];
    let ask = commit_in_transaction(3, 1, ("billing", 2), topics);
    let tell = committed_in_transaction(3, 1, &[(ORDERS, &[(0, 53)])]);
    let error = "error=TRANSACTIONAL_ID_AUTHORIZATION_FAILED";
    Case {
        name: "offsets that are refused in a transaction",
        config: "",
        steps: talk(&[(&ask, &tell)]),
        expected: connections(1)
            + &exchanges("TxnOffsetCommit", 3, &[&ask], &[&tell])
            + &format!(
                "response_errors_total{{request=TxnOffsetCommit,{error}}} 1
                 topic_errors_total{{topic=__other__,request=TxnOffsetCommit,{error}}} 1
                 group_requests_total{{request=TxnOffsetCommit,group=billing}} 1
                 group_errors_total{{request=TxnOffsetCommit,{error},group=billing}} 1
                 label_values{{label=group}} 1
                 label_values_overflowed_total{{label=topic}} 1"
            ),
    }
}

/// The error code stands in front of the name in one answer and behind it in the other.
fn several_groups() -> Case {
    let groups = ["billing", "audit", "search"];
    let (ask, cut) = (describe(1, &groups), delete(2, &groups[..2]));
    let tell = described(
        1,
        &[("billing", 0), ("audit", GROUP_AUTHORIZATION_FAILED), ("search", GROUP_ID_NOT_FOUND)],
    );
    let gone = deleted(2, &[("billing", NON_EMPTY_GROUP), ("audit", 0)]);
    Case {
        name: "several groups in one request",
        config: "",
        steps: talk(&[(&ask, &tell), (&cut, &gone)]),
        expected: connections(1)
            + &exchanges("DescribeGroups", 5, &[&ask], &[&tell])
            + &exchanges("DeleteGroups", 1, &[&cut], &[&gone])
            + "response_errors_total{request=DescribeGroups,error=GROUP_AUTHORIZATION_FAILED} 1
               response_errors_total{request=DescribeGroups,error=GROUP_ID_NOT_FOUND} 1
               response_errors_total{request=DeleteGroups,error=NON_EMPTY_GROUP} 1
               group_requests_total{request=DescribeGroups,group=billing} 1
               group_requests_total{request=DescribeGroups,group=audit} 1
               group_requests_total{request=DescribeGroups,group=search} 1
               group_requests_total{request=DeleteGroups,group=billing} 1
               group_requests_total{request=DeleteGroups,group=audit} 1
               group_errors_total{request=DescribeGroups,error=GROUP_AUTHORIZATION_FAILED,group=audit} 1
               group_errors_total{request=DescribeGroups,error=GROUP_ID_NOT_FOUND,group=search} 1
               group_errors_total{request=DeleteGroups,error=NON_EMPTY_GROUP,group=billing} 1
               label_values{label=group} 3",
    }
}

/// Up to version 7: errors of a partition, and one at the end for the whole group. Topics that
/// nobody has committed are answered without an error, so such an answer makes no label value.
fn offsets_of_one_group() -> Case {
    let asks: Vec<Vec<u8>> = (1..=2).map(|id| fetch_offsets(5, id, &["billing"])).collect();
    let invented: (Topic, &[_]) = (Topic::Name("invented"), &[(0, -1, 0), (1, -1, 0)]);
    let tells = [
        told_offsets(5, 1, &[("billing", 0, &[(ORDERS, &[(0, 5, 0), (1, -1, 88)]), invented])]),
        told_offsets(5, 2, &[("billing", GROUP_AUTHORIZATION_FAILED, &[])]),
    ];
    Case {
        name: "committed offsets of one group",
        config: "",
        steps: talk(&[(&asks[0], &tells[0]), (&asks[1], &tells[1])]),
        expected: connections(1)
            + &exchanges("OffsetFetch", 5, &views(&asks), &views(&tells))
            + "response_errors_total{request=OffsetFetch,error=UNSTABLE_OFFSET_COMMIT} 1
               response_errors_total{request=OffsetFetch,error=GROUP_AUTHORIZATION_FAILED} 1
               topic_errors_total{topic=orders,request=OffsetFetch,error=UNSTABLE_OFFSET_COMMIT} 1
               group_requests_total{request=OffsetFetch,group=billing} 2
               group_errors_total{request=OffsetFetch,error=UNSTABLE_OFFSET_COMMIT,group=billing} 1
               group_errors_total{request=OffsetFetch,error=GROUP_AUTHORIZATION_FAILED,group=billing} 1
               label_values{label=topic} 1
               label_values{label=group} 1",
    }
}

fn offsets_of_several_groups() -> Case {
    let ask = fetch_offsets(9, 1, &["billing", "audit"]);
    let tell = told_offsets(
        9,
        1,
        &[
            ("billing", 0, &[(ORDERS, &[(0, 5, 0), (1, -1, 88)])]),
            ("audit", GROUP_ID_NOT_FOUND, &[]),
        ],
    );
    Case {
        name: "committed offsets of several groups",
        config: "",
        steps: talk(&[(&ask, &tell)]),
        expected: connections(1)
            + &exchanges("OffsetFetch", 9, &[&ask], &[&tell])
            + "response_errors_total{request=OffsetFetch,error=UNSTABLE_OFFSET_COMMIT} 1
               response_errors_total{request=OffsetFetch,error=GROUP_ID_NOT_FOUND} 1
               topic_errors_total{topic=orders,request=OffsetFetch,error=UNSTABLE_OFFSET_COMMIT} 1
               group_requests_total{request=OffsetFetch,group=billing} 1
               group_requests_total{request=OffsetFetch,group=audit} 1
               group_errors_total{request=OffsetFetch,error=UNSTABLE_OFFSET_COMMIT,group=billing} 1
               group_errors_total{request=OffsetFetch,error=GROUP_ID_NOT_FOUND,group=audit} 1
               label_values{label=topic} 1
               label_values{label=group} 2",
    }
}

/// Nothing is counted for groups that only stand in a list: they take no places from others.
fn listed_groups() -> Case {
    let (ask, tell) = (list(1), listed(1, &["billing", "audit", "search"]));
    Case {
        name: "groups that are only listed",
        config: "",
        steps: talk(&[(&ask, &tell)]),
        expected: connections(1) + &exchanges("ListGroups", 2, &[&ask], &[&tell]),
    }
}

/// Joining, staying, being moved on, being fenced, joining again, leaving for good and for a while.
fn epochs(name: &'static str, key: i16, request: &str) -> Case {
    const FENCED_MEMBER_EPOCH: i16 = 110;
    let epochs = [
        (0, 0, 5),
        (5, 0, 5),
        (5, 0, 7),
        (7, FENCED_MEMBER_EPOCH, 0),
        (0, 0, 8),
        (-1, 0, -1),
        (-2, 0, -2),
    ];
    let asks: Vec<Vec<u8>> = (1..)
        .zip(epochs)
        .map(|(id, (epoch, ..))| epoch_heartbeat(key, id, "billing", epoch))
        .collect();
    let tells: Vec<Vec<u8>> = (1..)
        .zip(epochs)
        .map(|(id, (_, error, epoch))| epoch_told(key, id, error, epoch))
        .collect();
    let pairs: Vec<(&[u8], &[u8])> = views(&asks).into_iter().zip(views(&tells)).collect();
    let version = i16::from(key != STREAMS_GROUP_HEARTBEAT);
    Case {
        name,
        config: "",
        steps: talk(&pairs),
        expected: connections(1)
            + &exchanges(request, version, &views(&asks), &views(&tells))
            + &format!(
                "response_errors_total{{request={request},error=FENCED_MEMBER_EPOCH}} 1
                 group_requests_total{{request={request},group=billing}} 7
                 group_errors_total{{request={request},error=FENCED_MEMBER_EPOCH,group=billing}} 1
                 group_rebalances_total{{group=billing}} 3
                 label_values{{label=group}} 1"
            ),
    }
}

/// The frames, borrowed.
pub fn views(frames: &[Vec<u8>]) -> Vec<&[u8]> {
    frames.iter().map(Vec::as_slice).collect()
}
