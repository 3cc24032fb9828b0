//! What share groups fetch (KIP-932): counted as fetched, for the topic, the client and the group.

use super::groups::views;
use super::{only, talk};
use crate::support::fetching::{share_fetch, share_told};
use crate::support::lines::{connections, exchanges};
use crate::support::messages::{metadata, told};
use crate::support::play::Case;
use crate::support::wire::{CONTROL, TRANSACTIONAL, ZSTD, batch, sent_by};

pub fn cases() -> Vec<Case> {
    vec![
        everything("what a share group fetches"),
        acknowledgements(),
        clients_alone("clients of share groups where groups are not counted"),
    ]
}

/// By ids that the same connection learnt. The refused topic is one that nobody has named.
fn everything(name: &'static str) -> Case {
    let (ask_metadata, tell) =
        (metadata(12, 9, &["orders"]).frame(), told(12, 9, &[(0, "orders", 1)]));
    let user = [batch(5).bytes(), batch(7).attributes(ZSTD).bytes()].concat();
    let marker = batch(1).attributes(TRANSACTIONAL | CONTROL).payload(10).bytes();
    let ask = share_fetch(1, Some("workers"), &[1, 8]);
    let answer = share_told(1, &[(1, 0, [user.clone(), marker].concat()), (8, 100, Vec::new())]);
    Case {
        name,
        config: "",
        steps: talk(&[(&ask_metadata, &tell), (&ask, &answer)]),
        expected: connections(1)
            + &exchanges("Metadata", 12, &[&ask_metadata], &[&tell])
            + &exchanges("ShareFetch", 1, &[&ask], &[&answer])
            + &format!(
                "topic_fetched_records_total{{topic=orders}} 12
                 topic_fetched_bytes_total{{topic=orders}} {bytes}
                 topic_fetched_batches_total{{topic=orders,compression=none}} 1
                 topic_fetched_batches_total{{topic=orders,compression=zstd}} 1
                 client_fetched_records_total{{topic=orders,client_id=client-1}} 12
                 client_fetched_bytes_total{{topic=orders,client_id=client-1}} {bytes}
                 topic_end_to_end_latency_milliseconds{{topic=orders}} 2
                 topic_request_duration_microseconds{{topic=orders,request=ShareFetch}} 1
                 topic_request_duration_microseconds{{topic=__unresolved__,request=ShareFetch}} 1
                 response_errors_total{{request=ShareFetch,error=UNKNOWN_TOPIC_ID}} 1
                 topic_errors_total{{topic=__unresolved__,request=ShareFetch,error=UNKNOWN_TOPIC_ID}} 1
                 group_requests_total{{request=ShareFetch,group=workers}} 1
                 group_errors_total{{request=ShareFetch,error=UNKNOWN_TOPIC_ID,group=workers}} 1
                 label_values{{label=topic}} 1
                 label_values{{label=group}} 1
                 label_values{{label=client_id}} 1",
                bytes = user.len()
            ),
    }
}

/// The group may be null: such a request names none.
fn acknowledgements() -> Case {
    let asks = [share_fetch(1, None, &[]), share_fetch(2, Some(""), &[])];
    let answers = [share_told(1, &[]), share_told(2, &[])];
    Case {
        name: "share fetches of no group",
        config: only(&["groups"], ""),
        steps: talk(&[(&asks[0], &answers[0]), (&asks[1], &answers[1])]),
        expected: connections(1)
            + &exchanges("ShareFetch", 1, &views(&asks), &views(&answers))
            + "group_requests_total{request=ShareFetch,group=__none__} 1",
    }
}

/// Nothing of the request but its client id is looked at, which changes on the way.
fn clients_alone(name: &'static str) -> Case {
    let set = batch(5).bytes();
    let asks = ["one", "two", "one"]
        .map(|client| sent_by(Some(client.as_bytes()), &share_fetch(1, Some("workers"), &[1])));
    let answers = vec![share_told(1, &[(1, 0, set.clone())]); asks.len()];
    let pairs: Vec<(&[u8], &[u8])> = views(&asks).into_iter().zip(views(&answers)).collect();
    Case {
        name,
        config: only(&["clients"], ""),
        steps: talk(&pairs),
        expected: connections(1)
            + &exchanges("ShareFetch", 1, &views(&asks), &views(&answers))
            + &format!(
                "client_fetched_records_total{{topic=__unresolved__,client_id=one}} 10
                 client_fetched_bytes_total{{topic=__unresolved__,client_id=one}} {}
                 client_fetched_records_total{{topic=__unresolved__,client_id=two}} 5
                 client_fetched_bytes_total{{topic=__unresolved__,client_id=two}} {}
                 label_values{{label=client_id}} 2",
                2 * set.len(),
                set.len()
            ),
    }
}
