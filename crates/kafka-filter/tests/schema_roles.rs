//! What the connection relies on in the tables: topics are never inside topics, nor groups inside
//! groups, and what belongs to a topic or a group is where it is looked for.

use kafka_wire::schema::{self, Field, Kind, Role};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn scopes_are_not_inside_their_like() {
    for scope in [Role::Topics, Role::Groups] {
        let nested = find(|role, inside| role == scope && inside.contains(&scope));
        assert_eq!(nested, Vec::<String>::new(), "{scope:?} in {scope:?}");
    }
    // An OffsetFetch lists topics of groups; no message lists groups of topics.
    let turned = find(|role, inside| role == Role::Groups && inside.contains(&Role::Topics));
    assert_eq!(turned, Vec::<String>::new());
}

#[test]
fn what_belongs_to_a_topic_is_inside_one() {
    let belongs = [
        Role::TopicName,
        Role::TopicId,
        Role::Records,
        Role::FetchOffset,
        Role::HighWatermark,
        Role::CommittedOffset,
    ];
    let outside = find(|role, inside| belongs.contains(&role) && !inside.contains(&Role::Topics));
    // A cursor between pages names the topic to go on with; no topic is being read then.
    let cursor = ["DescribeTopicPartitionsRequest", "DescribeTopicPartitionsResponse"];
    assert_eq!(outside, cursor.map(|message| format!("{message}.TopicName")));
}

/// A request names its groups at the top or in a list, a response only in a list: what it says
/// elsewhere is about the group that the request named.
#[test]
fn groups_are_named_at_the_top_or_in_their_list() {
    for api in schema::apis() {
        for message in [&api.request, &api.response] {
            let mut named = Vec::new();
            walk(message.fields, &mut Vec::new(), &mut |field, around| {
                if field.role == Role::GroupId {
                    named.push(around.to_vec());
                }
            });
            for around in named {
                let is_listed = around == [Role::Groups];
                let is_at_the_top = around.is_empty() && message.name.ends_with("Request");
                assert!(is_listed || is_at_the_top, "{}: in {around:?}", message.name);
            }
        }
    }
}

/// Only these answers name groups that the request did not: they are not asked for their names.
#[test]
fn groups_of_an_answer_are_those_of_the_request() {
    let others: Vec<&str> = schema::apis()
        .filter(|api| api.response.roles.contains(Role::GroupId))
        .filter(|api| !api.request.roles.contains(Role::GroupId))
        .map(|api| api.name)
        .collect();
    assert_eq!(others, ["ListGroups"]);
}

/// A response tells one throttle time, and the requests that matter tell what they are asked for.
#[test]
fn each_message_has_the_roles_that_are_looked_for() {
    for api in schema::apis() {
        let throttle_times = count(api.response.fields, Role::ThrottleTimeMs);
        assert!(throttle_times <= 1, "{}: {throttle_times} throttle times", api.name);
    }
    let produce = &schema::api(0).expect("Produce").request;
    assert_eq!(count(produce.fields, Role::Acks), 1);
    let fetch = &schema::api(1).expect("Fetch").request;
    assert_eq!(
        count(fetch.fields, Role::ReplicaId),
        2,
        "a field, and since version 15 a tagged one"
    );
}

/// In the order of the fields, so that each is known when the next comes.
#[test]
fn fields_come_in_the_order_that_is_relied_on() {
    use Role::{
        Acks, CommittedOffset, ErrorCode, FetchOffset, Generation, GroupId, HighWatermark, Leader,
        MemberId, PartitionIndex, Records, SoftwareName, SoftwareVersion, TopicName,
    };
    const ORDERS: &[(i16, bool, &[Role])] = &[
        (0, true, &[Acks, TopicName, Records]),
        (1, true, &[TopicName, PartitionIndex, FetchOffset]),
        (1, false, &[TopicName, PartitionIndex, ErrorCode, HighWatermark, Records]),
        (8, true, &[GroupId, Generation, TopicName, PartitionIndex, CommittedOffset]),
        (8, false, &[TopicName, PartitionIndex, ErrorCode]),
        (9, false, &[GroupId, TopicName, PartitionIndex, CommittedOffset, ErrorCode]),
        (11, false, &[ErrorCode, Generation, Leader, MemberId]),
        (18, true, &[SoftwareName, SoftwareVersion]),
        (28, true, &[GroupId, Generation, TopicName, PartitionIndex, CommittedOffset]),
        (28, false, &[TopicName, PartitionIndex, ErrorCode]),
        (68, true, &[GroupId, Generation]),
        (68, false, &[ErrorCode, Generation]),
        (76, true, &[GroupId, Generation]),
        (76, false, &[ErrorCode, Generation]),
        (88, true, &[GroupId, Generation]),
        (88, false, &[ErrorCode, Generation]),
    ];
    for &(key, is_request, order) in ORDERS {
        let api = schema::api(key).expect("a known API");
        let message = if is_request { &api.request } else { &api.response };
        let mut found = Vec::new();
        walk(message.fields, &mut Vec::new(), &mut |field, _| {
            if order.contains(&field.role) {
                found.push(field.role);
            }
        });
        // What older versions have elsewhere stands in front; an error code at the end is the
        // answer's own, in the versions that put it there.
        let mut rest = found.iter().rev().skip_while(|role| Some(*role) != order.last());
        for role in order.iter().rev() {
            assert!(rest.any(|other| other == role), "{}: {found:?} for {order:?}", message.name);
        }
    }
}

/// Fields of all messages whose role, inside of these scopes, is `wrong`.
fn find(wrong: impl Fn(Role, &[Role]) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for api in schema::apis() {
        for message in [&api.request, &api.response] {
            walk(message.fields, &mut Vec::new(), &mut |field, around| {
                if wrong(field.role, around) {
                    found.push(format!("{}.{}", message.name, field.name));
                }
            });
        }
    }
    found
}

/// Shows every field with the scopes that it is inside of.
fn walk(fields: &[Field], around: &mut Vec<Role>, each: &mut impl FnMut(&Field, &[Role])) {
    for field in fields {
        each(field, around);
        let is_scope = matches!(field.role, Role::Topics | Role::Groups);
        if is_scope {
            around.push(field.role);
        }
        walk(inner(field), around, each);
        if is_scope {
            around.pop();
        }
    }
}

fn count(fields: &[Field], role: Role) -> usize {
    let each =
        |field: &Field| usize::from(field.role == role).saturating_add(count(inner(field), role));
    fields.iter().map(each).sum()
}

fn inner(field: &Field) -> &'static [Field] {
    match field.kind {
        Kind::Struct(fields) | Kind::Array(&Kind::Struct(fields)) => fields,
        _ => &[],
    }
}
