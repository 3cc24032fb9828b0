//! Versions that brokers of Kafka 4 refuse (KIP-896): counted by client, and no others.

use super::only;
use crate::support::lines::connections;
use crate::support::play::{Case, Step};
use crate::support::wire::{Wire, request_of};

pub fn cases() -> Vec<Case> {
    vec![both_sides_of_the_line(), by_client(), with_all_metrics()]
}

/// APIs with their key, the newest version that is refused, and the oldest that is not: KIP-896,
/// "Proposed Changes", and the APIs that brokers without ZooKeeper no longer have.
const REFUSED: [(&str, i16, i16, Option<i16>); 21] = [
    ("Produce", 0, 2, Some(3)),
    ("FetchConsumer", 1, 3, Some(4)),
    ("ListOffsets", 2, 0, Some(1)),
    ("LeaderAndIsr", 4, 7, None),
    ("ControlledShutdown", 7, 3, None),
    ("OffsetCommit", 8, 1, Some(2)),
    ("OffsetFetch", 9, 0, Some(1)),
    ("CreateTopics", 19, 1, Some(2)),
    ("DeleteTopics", 20, 0, Some(1)),
    ("OffsetForLeaderEpoch", 23, 1, Some(2)),
    ("DescribeAcls", 29, 0, Some(1)),
    ("CreateAcls", 30, 0, Some(1)),
    ("DeleteAcls", 31, 0, Some(1)),
    ("DescribeConfigs", 32, 0, Some(1)),
    ("AlterReplicaLogDirs", 34, 0, Some(1)),
    ("DescribeLogDirs", 35, 0, Some(1)),
    ("CreateDelegationToken", 38, 0, Some(1)),
    ("RenewDelegationToken", 39, 0, Some(1)),
    ("ExpireDelegationToken", 40, 0, Some(1)),
    ("DescribeDelegationToken", 41, 0, Some(1)),
    ("StopReplica", 5, 4, None),
];
/// APIs whose every version is still served.
const SERVED: [(&str, i16); 4] =
    [("Metadata", 3), ("FindCoordinator", 10), ("JoinGroup", 11), ("SaslHandshake", 17)];

/// A request whose body is as long as its header alone makes it believable; it is not looked at.
fn ask(client: Option<&str>, key: i16, version: i16) -> Vec<u8> {
    let flexible = matches!((key, version), (4, 4..) | (5, 2..) | (7, 3..));
    let wire = request_of(client, key, version, 1, flexible);
    match key {
        // Acknowledgements and the replica are looked at whatever is counted.
        0 => wire.when(version >= 3, Wire::null_text).i16(-1).i32(9).array(0),
        1 => {
            let wire = wire.i32(-1).i32(500).i32(1).when(version >= 3, |wire| wire.i32(9));
            wire.when(version >= 4, |wire| wire.i8(0)).array(0)
        }
        _ => wire.raw(&[0; 40]),
    }
    .frame()
}

fn both_sides_of_the_line() -> Case {
    let mut lines = connections(1);
    let mut bytes = Vec::new();
    let mut count = 0;
    for (request, key, refused, served) in REFUSED {
        let frames: Vec<Vec<u8>> = std::iter::once(refused)
            .chain(served)
            .map(|version| ask(Some("old"), key, version))
            .collect();
        lines += &format!(
            "request_bytes_total{{request={request}}} {}
             requests_total{{request={request},api_version={refused}}} 1
             deprecated_requests_total{{request={request},api_version={refused},client_id=old}} 1\n",
            frames.concat().len()
        );
        if let Some(version) = served {
            lines += &format!("requests_total{{request={request},api_version={version}}} 1\n");
        }
        count += frames.len();
        bytes.extend(frames.concat());
    }
    for (request, key) in SERVED {
        let frame = ask(Some("old"), key, 0);
        lines += &format!(
            "request_bytes_total{{request={request}}} {}
             requests_total{{request={request},api_version=0}} 1\n",
            frame.len()
        );
        count += 1;
        // The last one: raw tokens may follow SaslHandshake v0.
        bytes.extend(frame);
    }
    Case {
        name: "requests on both sides of what Kafka 4 refuses",
        config: only(&["deprecated"], r#""access_log": false"#),
        steps: vec![Step::Open(0, 0), Step::Client(0, bytes), Step::Close(0)],
        expected: lines
            + &format!(
                "in_flight_evicted_total {count}
                 label_values{{label=client_id}} 1"
            ),
    }
}

/// The client id is read of a deprecated request, whose body need not be; unknown versions and
/// APIs are not deprecated.
fn by_client() -> Case {
    let asks = [
        ask(Some("one"), 2, 0),
        ask(Some("two"), 2, 0),
        ask(None, 2, 0),
        ask(Some(""), 2, 0),
        ask(Some("two"), 2, 0),
        ask(Some("three"), 2, 99),
        ask(Some("three"), 120, 0),
        ask(Some("one"), 2, 0),
    ];
    Case {
        name: "deprecated requests of several clients",
        config: only(&["deprecated"], r#""access_log": false"#),
        steps: vec![Step::Open(0, 0), Step::Client(0, asks.concat()), Step::Close(0)],
        expected: connections(1)
            + &format!(
                "requests_total{{request=ListOffsets,api_version=0}} 6
                 requests_total{{request=ListOffsets,api_version=99}} 1
                 requests_total{{request=api_key_120,api_version=0}} 1
                 request_bytes_total{{request=ListOffsets}} {}
                 request_bytes_total{{request=api_key_120}} {}
                 undecoded_messages_total{{reason=unknown_api_version,request=ListOffsets}} 1
                 undecoded_messages_total{{reason=unknown_api_key,request=api_key_120}} 1
                 deprecated_requests_total{{request=ListOffsets,api_version=0,client_id=one}} 2
                 deprecated_requests_total{{request=ListOffsets,api_version=0,client_id=two}} 2
                 deprecated_requests_total{{request=ListOffsets,api_version=0,client_id=__none__}} 2
                 in_flight_evicted_total 8
                 label_values{{label=request}} 1
                 label_values{{label=api_version}} 2
                 label_values{{label=client_id}} 2",
                asks.concat().len() - asks[6].len(),
                asks[6].len()
            ),
    }
}

/// What else is counted changes nothing: an old consumer on an old broker.
fn with_all_metrics() -> Case {
    let asks = [ask(Some("one"), 1, 0), ask(Some("two"), 1, 3), ask(Some("two"), 0, 0)];
    Case {
        name: "deprecated requests with all metrics on",
        config: "",
        steps: vec![Step::Open(0, 0), Step::Client(0, asks.concat()), Step::Close(0)],
        expected: connections(1)
            + &format!(
                "requests_total{{request=FetchConsumer,api_version=0}} 1
                 requests_total{{request=FetchConsumer,api_version=3}} 1
                 requests_total{{request=Produce,api_version=0}} 1
                 request_bytes_total{{request=FetchConsumer}} {}
                 request_bytes_total{{request=Produce}} {}
                 deprecated_requests_total{{request=FetchConsumer,api_version=0,client_id=one}} 1
                 deprecated_requests_total{{request=FetchConsumer,api_version=3,client_id=two}} 1
                 deprecated_requests_total{{request=Produce,api_version=0,client_id=two}} 1
                 in_flight_evicted_total 3
                 label_values{{label=client_id}} 2",
                asks[0].len() + asks[1].len(),
                asks[2].len()
            ),
    }
}
