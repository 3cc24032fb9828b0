//! Values for fields by what they mean: what is common, what is at a bound, and now and then anything.

use kafka_wire::schema::Role;

use super::Style;
use crate::input::Input;

/// A number for a field with this role, before it is cut to the field's width.
pub fn number(role: Role, style: Style, input: &mut Input<'_>) -> i64 {
    if style == Style::Calm {
        return calm_number(role, input);
    }
    match role {
        Role::ErrorCode => i64::from(match input.byte() {
            0..=150 => 0,
            choice @ 151..=240 => i16::from(choice) - 150,
            _ => input.int16(),
        }),
        Role::Acks => input.pick(&[1, -1, 0, 1]),
        Role::ReplicaId => input.pick(&[-1, -1, -1, 2]),
        Role::ThrottleTimeMs => i64::from(input.byte()) - 200,
        Role::CompressionType => i64::from(input.byte() % 7) - 1,
        Role::PartitionIndex => match input.byte() {
            choice @ 0..=220 => i64::from(choice % 4),
            221..=230 => -1,
            _ => i64::from(input.int32()),
        },
        Role::Generation => match input.byte() {
            choice @ 0..=220 => i64::from(choice % 5) - 1,
            221..=235 => input.pick(&[i64::from(i32::MAX), i64::from(i32::MIN), -2]),
            _ => i64::from(input.int32()),
        },
        Role::FetchOffset | Role::HighWatermark | Role::CommittedOffset => match input.byte() {
            choice @ 0..=200 => i64::from(choice),
            201..=220 => input.pick(&[-1, -2, i64::MIN, i64::MAX, 1 << 40, (1 << 40) + 300]),
            221..=240 => i64::from(input.int32()),
            _ => i64::from_be_bytes(input.array()),
        },
        _ => i64::from_be_bytes(input.array()),
    }
}

fn calm_number(role: Role, input: &mut Input<'_>) -> i64 {
    match role {
        Role::ErrorCode | Role::ThrottleTimeMs => 0,
        Role::Acks => input.pick(&[1, -1]),
        Role::ReplicaId => -1,
        Role::CompressionType => i64::from(input.byte() % 5),
        Role::PartitionIndex => i64::from(input.byte() % 2),
        Role::Generation => i64::from(input.byte() % 4),
        Role::FetchOffset | Role::HighWatermark | Role::CommittedOffset => i64::from(input.byte()),
        _ => i64::from(input.byte() % 3),
    }
}

/// A text.
pub fn text(role: Role, style: Style, topic: usize, input: &mut Input<'_>) -> Vec<u8> {
    if style == Style::Calm && role == Role::TopicName {
        return TOPICS[topic].into();
    }
    let words: &[&[u8]] = match role {
        Role::TopicName => TOPICS,
        Role::GroupId => GROUPS,
        Role::Leader | Role::MemberId => MEMBERS,
        Role::SoftwareName => SOFTWARE,
        Role::SoftwareVersion => RELEASES,
        _ => &[],
    };
    match (style, input.byte()) {
        (Style::Calm, choice) if !words.is_empty() => {
            words[usize::from(choice) % words.len().min(CALM_WORDS)].into()
        }
        (Style::Calm, choice) => vec![b'a'; usize::from(choice % 4)],
        (_, choice @ 0..=200) if !words.is_empty() => {
            words[usize::from(choice) % words.len()].into()
        }
        (_, 0..=250) => input.bytes().into(),
        (_, choice) => vec![b'x'; usize::from(choice) + 4],
    }
}

/// Bytes that nobody looks into.
pub fn contents<'a>(style: Style, input: &mut Input<'a>) -> &'a [u8] {
    match style {
        Style::Any => input.bytes(),
        Style::Calm => {
            let size = input.below(4);
            input.take(size)
        }
    }
}

/// An id: in the calm style the one that goes with the topic's name.
pub fn uuid(role: Role, style: Style, topic: usize, input: &mut Input<'_>) -> [u8; 16] {
    if style == Style::Calm && role == Role::TopicId {
        return [u8::try_from(topic + 1).unwrap_or(u8::MAX); 16];
    }
    match input.byte() {
        choice @ 0..=200 => [choice % 5; 16],
        _ => input.array(),
    }
}

/// Names that topics have here, the last two no names at all.
pub const TOPICS: &[&[u8]] =
    &[b"orders", b"payments", b"a", b"a.", b"__consumer_offsets", b"shadow.x", b"no name", b""];
/// How many of them there are on a good day.
pub const CALM_TOPICS: usize = 2;
/// How many words of the other lists are used on a good day.
const CALM_WORDS: usize = 2;
/// Groups may be called anything.
const GROUPS: &[&[u8]] = &[
    b"shop",
    b"billing",
    b"a.",
    b"",
    b"__other__",
    b"two\nlines;.;topic=.=x",
    b"\xff\x00;",
    b"tag.x",
];
const MEMBERS: &[&[u8]] = &[b"m-1", b"m-2", b""];
const SOFTWARE: &[&[u8]] = &[b"apache-kafka-java", b"librdkafka", b"-x", b"", b"new\nline", b"y"];
const RELEASES: &[&[u8]] = &[b"4.1.0", b"2.10.0", b"", b"1;2", b"3"];
