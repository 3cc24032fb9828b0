//! What the connection relies on in the tables: topics are never inside topics, and a topic's name,
//! id and records are inside a topic.

use kafka_wire::schema::{self, Field, Kind, Message, Role};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn topics_are_not_inside_topics() {
    let nested = find(|role, inside| role == Role::Topics && inside);
    assert_eq!(nested, Vec::<String>::new());
}

#[test]
fn what_belongs_to_a_topic_is_inside_one() {
    let belongs = [Role::TopicName, Role::TopicId, Role::Records];
    let outside = find(|role, inside| belongs.contains(&role) && !inside);
    // A cursor between pages names the topic to go on with; no topic is being read then.
    let cursor = ["DescribeTopicPartitionsRequest", "DescribeTopicPartitionsResponse"];
    assert_eq!(outside, cursor.map(|message| format!("{message}.TopicName")));
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

/// Fields of all messages whose role, inside a topic or not, is `wrong`.
fn find(wrong: impl Fn(Role, bool) -> bool + Copy) -> Vec<String> {
    let mut found = Vec::new();
    for api in schema::apis() {
        for message in [&api.request, &api.response] {
            visit(message, message.fields, false, wrong, &mut found);
        }
    }
    found
}

fn visit(
    message: &Message,
    fields: &[Field],
    inside: bool,
    wrong: impl Fn(Role, bool) -> bool + Copy,
    found: &mut Vec<String>,
) {
    for field in fields {
        if wrong(field.role, inside) {
            found.push(format!("{}.{}", message.name, field.name));
        }
        visit(message, inner(field), inside || field.role == Role::Topics, wrong, found);
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
