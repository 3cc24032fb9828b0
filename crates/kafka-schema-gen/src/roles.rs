//! What an observer of traffic may want a field for, in one table: kafka-wire's `Role`.
//!
//! Every rule must match something, so that a renamed field stops the generator instead of
//! silencing a metric.

use crate::definition::{Direction, Element, FieldDef};

/// When a field has a role; of several rules the first that fits decides.
pub(crate) struct Rule {
    /// Variant of kafka-wire's `Role`.
    pub(crate) role: &'static str,
    /// Message it is limited to.
    message: Option<&'static str>,
    direction: Option<Direction>,
    name: Name,
    /// Kafka's scalar type, in kafka-wire's words.
    scalar: &'static str,
    entity: Option<&'static str>,
    /// Whether an array of the scalar has the role too.
    arrays: bool,
}

enum Name {
    Any,
    Is(&'static str),
    EndsWith(&'static str),
}

/// A role that an array of structs gets from the roles of the fields directly inside.
pub(crate) struct Scope {
    pub(crate) role: &'static str,
    /// One of these roles in a struct makes an array of it such a scope.
    pub(crate) naming: &'static [&'static str],
}

/// Arrays whose elements each name one topic, or one group. None is ever inside its like.
pub(crate) const SCOPES: [Scope; 2] = [
    Scope { role: "Topics", naming: &["TopicName", "TopicId"] },
    Scope { role: "Groups", naming: &["GroupId"] },
];

pub(crate) const RULES: [Rule; 21] = [
    Rule { message: Some("ProduceRequest"), ..rule("Acks", Name::Is("Acks"), "Int16") },
    // Versions up to 14 have it in the body, later ones in the tagged ReplicaState (KIP-903).
    Rule { message: Some("FetchRequest"), ..rule("ReplicaId", Name::Is("ReplicaId"), "Int32") },
    Rule {
        direction: Some(Direction::Response),
        ..rule("ThrottleTimeMs", Name::Is("ThrottleTimeMs"), "Int32")
    },
    rule("ErrorCode", Name::EndsWith("ErrorCode"), "Int16"),
    // By entity type and not by name: topics are called Name, Topic or TopicName.
    Rule { entity: Some("topicName"), ..rule("TopicName", Name::Any, "String") },
    rule("TopicId", Name::Is("TopicId"), "Uuid"),
    // Not FetchSnapshot's UnalignedRecords, which may begin in the middle of a batch.
    rule("Records", Name::Is("Records"), "Records"),
    Rule { entity: Some("groupId"), arrays: true, ..rule("GroupId", Name::Any, "String") },
    // One number a group protocol: generations (classic), member epochs (KIP-848, KIP-932, KIP-1071).
    rule("Generation", Name::Is("GenerationId"), "Int32"),
    rule("Generation", Name::Is("GenerationIdOrMemberEpoch"), "Int32"),
    rule("Generation", Name::Is("MemberEpoch"), "Int32"),
    Rule { message: Some("JoinGroupResponse"), ..rule("Leader", Name::Is("Leader"), "String") },
    Rule { message: Some("JoinGroupResponse"), ..rule("MemberId", Name::Is("MemberId"), "String") },
    rule("PartitionIndex", Name::Is("PartitionIndex"), "Int32"),
    Rule {
        message: Some("FetchRequest"),
        ..rule("PartitionIndex", Name::Is("Partition"), "Int32")
    },
    Rule { message: Some("FetchRequest"), ..rule("FetchOffset", Name::Is("FetchOffset"), "Int64") },
    Rule {
        message: Some("FetchResponse"),
        ..rule("HighWatermark", Name::Is("HighWatermark"), "Int64")
    },
    rule("CommittedOffset", Name::Is("CommittedOffset"), "Int64"),
    // KIP-511.
    Rule {
        message: Some("ApiVersionsRequest"),
        ..rule("SoftwareName", Name::Is("ClientSoftwareName"), "String")
    },
    Rule {
        message: Some("ApiVersionsRequest"),
        ..rule("SoftwareVersion", Name::Is("ClientSoftwareVersion"), "String")
    },
    // KIP-714.
    Rule {
        message: Some("PushTelemetryRequest"),
        ..rule("CompressionType", Name::Is("CompressionType"), "Int8")
    },
];

const fn rule(role: &'static str, name: Name, scalar: &'static str) -> Rule {
    Rule { role, message: None, direction: None, name, scalar, entity: None, arrays: false }
}

/// The place in [`RULES`] of the rule that fits the field, if one does.
pub(crate) fn rule_of(message: &str, direction: Direction, field: &FieldDef) -> Option<usize> {
    RULES.iter().position(|rule| rule.fits(message, direction, field))
}

/// Whether the field looks like a topic's name without being marked as one: rules go by the
/// entity type, so a definition that forgot it must be noticed.
pub(crate) fn is_unmarked_topic(field: &FieldDef) -> bool {
    matches!(field.name.as_str(), "Topic" | "TopicName")
        && field.kind.element == Element::Scalar("String")
        && field.entity.as_deref() != Some("topicName")
}

impl Rule {
    fn fits(&self, message: &str, direction: Direction, field: &FieldDef) -> bool {
        let name = match self.name {
            Name::Any => true,
            Name::Is(name) => field.name == name,
            Name::EndsWith(end) => field.name.ends_with(end),
        };
        name && self.message.is_none_or(|only| only == message)
            && self.direction.is_none_or(|only| only == direction)
            && self.entity.is_none_or(|entity| field.entity.as_deref() == Some(entity))
            && (self.arrays || !field.kind.array)
            && field.kind.element == Element::Scalar(self.scalar)
    }
}

#[cfg(test)]
mod tests {
    use super::{RULES, is_unmarked_topic, rule_of};
    use crate::definition::{Definition, Direction, FieldDef};

    fn field(json: &str) -> FieldDef {
        let text = format!(
            r#"{{"apiKey": 1, "type": "request", "name": "XRequest", "validVersions": "0",
                "flexibleVersions": "none", "fields": [{json}]}}"#
        );
        Definition::parse(&text, "X.json").unwrap().unwrap().fields.remove(0)
    }

    fn role(message: &str, direction: Direction, json: &str) -> &'static str {
        rule_of(message, direction, &field(json)).map_or("None", |index| RULES[index].role)
    }

    #[test]
    fn a_field_gets_the_role_of_the_first_rule_that_fits() {
        use Direction::{Request, Response};
        let acks = r#"{"name": "Acks", "type": "int16", "versions": "0"}"#;
        assert_eq!(role("ProduceRequest", Request, acks), "Acks");
        assert_eq!(role("FetchRequest", Request, acks), "None");
        let throttle = r#"{"name": "ThrottleTimeMs", "type": "int32", "versions": "0"}"#;
        assert_eq!(role("FetchResponse", Response, throttle), "ThrottleTimeMs");
        assert_eq!(role("FetchRequest", Request, throttle), "None");
        let error = r#"{"name": "PartitionErrorCode", "type": "int16", "versions": "0"}"#;
        assert_eq!(role("StopReplicaResponse", Response, error), "ErrorCode");
        let id = r#"{"name": "TopicId", "type": "uuid", "versions": "0"}"#;
        assert_eq!(role("FetchRequest", Request, id), "TopicId");
    }

    #[test]
    fn a_topic_is_known_by_its_entity_type() {
        let marked =
            r#"{"name": "Name", "type": "string", "versions": "0", "entityType": "topicName"}"#;
        assert_eq!(role("XRequest", Direction::Request, marked), "TopicName");
        let list =
            r#"{"name": "Names", "type": "[]string", "versions": "0", "entityType": "topicName"}"#;
        assert_eq!(role("XRequest", Direction::Request, list), "None");
        let unmarked = field(r#"{"name": "Topic", "type": "string", "versions": "0"}"#);
        assert!(is_unmarked_topic(&unmarked) && !is_unmarked_topic(&field(marked)));
    }
}
