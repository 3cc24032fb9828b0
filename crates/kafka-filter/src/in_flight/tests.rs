use super::{Entry, InFlight, Matched, Sent};
use crate::metrics::series::{Party, Request};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn sent(correlation_id: i32) -> Sent {
    Sent {
        api_key: 3,
        api_version: 1,
        correlation_id,
        request: Request::known(3),
        group: None,
        client: Party::NONE,
        generation: -1,
        commits: 0,
        size_bytes: SIZE,
        sent_at_ns: 0,
        perhaps_unanswered: false,
    }
}

fn perhaps(correlation_id: i32) -> Sent {
    Sent { perhaps_unanswered: true, ..sent(correlation_id) }
}

fn matched(sent: Sent, unanswered: u32) -> Option<Matched> {
    let unanswered_bytes = u64::from(unanswered).saturating_mul(u64::from(SIZE));
    Some(Matched { entry: Entry::Request(sent), unanswered, unanswered_bytes })
}

/// Bytes of each request.
const SIZE: u32 = 70;
const EVICTED: Option<Matched> =
    Some(Matched { entry: Entry::Evicted(1), unanswered: 0, unanswered_bytes: 0 });

#[test]
fn responses_come_in_the_order_of_requests() {
    let mut queue = InFlight::default();
    for id in [5, 5, -1] {
        assert!(queue.push(sent(id), 10));
    }
    assert_eq!(queue.tracked(), 3);
    for id in [5, 5, -1] {
        assert_eq!(queue.take(id), matched(sent(id), 0));
    }
    assert_eq!((queue.tracked(), queue.take(1)), (0, None));
}

#[test]
fn another_id_is_out_of_step_and_takes_nothing() {
    let mut queue = InFlight::default();
    queue.push(sent(1), 10);
    queue.push(sent(2), 10);
    assert_eq!(queue.take(2), None);
    assert_eq!(queue.tracked(), 2);
    assert_eq!(queue.take(1), matched(sent(1), 0));
}

#[test]
fn a_request_that_perhaps_gets_no_answer_is_passed_over() {
    let mut queue = InFlight::default();
    for request in [perhaps(1), perhaps(2), sent(3), perhaps(4)] {
        queue.push(request, 10);
    }
    assert_eq!(queue.take(9), None, "nothing is passed over for an answer to nothing");
    assert_eq!(queue.tracked(), 4);
    assert_eq!(queue.take(2), matched(perhaps(2), 1));
    assert_eq!(queue.take(3), matched(sent(3), 0));
    assert_eq!(queue.take(9), None);
    assert_eq!(queue.take(4), matched(perhaps(4), 0));
    assert_eq!(queue.tracked(), 0);
}

#[test]
fn matching_goes_on_behind_evicted_requests() {
    let mut queue = InFlight::default();
    let pushed: Vec<bool> = (1..=5).map(|id| queue.push(sent(id), 2)).collect();
    assert_eq!(pushed, [true, true, false, false, false]);
    assert_eq!(queue.take(1), matched(sent(1), 0));
    assert!(queue.push(sent(6), 2));
    assert!(!queue.push(sent(7), 2));
    assert_eq!(queue.take(2), matched(sent(2), 0));
    for id in 3..=5 {
        assert_eq!(queue.take(id), EVICTED);
    }
    assert_eq!(queue.take(6), matched(sent(6), 0));
    assert_eq!(queue.take(7), EVICTED);
    assert_eq!((queue.take(8), queue.tracked()), (None, 0));
}

/// However many requests are sent, and whatever is answered in between.
#[test]
fn the_queue_is_bounded() {
    let mut queue = InFlight::default();
    for id in 0..10_000 {
        queue.push(sent(id), 4);
        queue.push_token(4);
        if id % 3 == 0 {
            queue.take(id / 3);
        }
        assert!(queue.queue.len() <= 4 * 4, "{} entries", queue.queue.len());
        assert!(queue.tracked() <= 4);
    }
}

#[test]
fn an_idle_queue_holds_little() {
    let mut queue = InFlight::default();
    for id in 0..1_000 {
        queue.push(sent(id), 1_000);
    }
    for id in 0..1_000 {
        assert!(queue.take(id).is_some());
    }
    assert!(queue.queue.capacity() <= super::IDLE_CAPACITY);
}

#[test]
fn tokens_are_answered_in_turn() {
    let mut queue = InFlight::default();
    queue.push(sent(1), 10);
    assert!(!queue.take_token(Some(1)), "the request is in front");
    assert_eq!(queue.take(1), matched(sent(1), 0));
    assert!(queue.push_token(10) && queue.push_token(10));
    assert!(queue.take_token(None), "an empty answer has no id");
    assert!(queue.take_token(Some(77)));
    assert!(!queue.take_token(Some(77)));
}

/// The last token may get no answer: the broker goes on with the response to the next request.
#[test]
fn a_response_to_a_request_is_no_answer_to_a_token() {
    let mut queue = InFlight::default();
    queue.push_token(10);
    queue.push(sent(5), 10);
    assert!(!queue.take_token(Some(5)));
    assert_eq!(queue.take(5), matched(sent(5), 0));
    assert_eq!(queue.front(), None);
}

#[test]
fn too_many_tokens_are_not_kept() {
    let mut queue = InFlight::default();
    let kept = (0..100).filter(|_| queue.push_token(3)).count();
    assert!(kept <= 4, "{kept} tokens");
}
