//! What scripts are made of: keys of APIs, and client ids.

use crate::encode::Style;
use crate::input::Input;

/// Writes a client id as clients send it: text, none, or more than is looked at; what is no text only
/// on a connection that `is_detected`. Returns the label's value.
pub fn client_id(
    message: &mut Vec<u8>,
    style: Style,
    is_detected: bool,
    input: &mut Input<'_>,
) -> &'static str {
    let choices = match style {
        Style::Calm => CLIENTS.get(..2).unwrap_or_default(),
        Style::Any if is_detected => CLIENTS,
        Style::Any => CLIENTS.split_last().map_or(CLIENTS, |(_, rest)| rest),
    };
    let &(id, times, value) = &choices[input.below(choices.len())];
    match id {
        None => message.extend_from_slice(&[0xff, 0xff]),
        Some(id) => {
            let id = id.repeat(times);
            let length = i16::try_from(id.len()).unwrap_or(i16::MAX);
            message.extend_from_slice(&length.to_be_bytes());
            message.extend_from_slice(&id);
        }
    }
    value
}

/// Client ids, how often each is written after itself, and the label value that comes of it.
pub const CLIENTS: &[(Option<&[u8]>, usize, &str)] = &[
    (Some(b"app"), 1, "app"),
    (Some(b"app-1"), 1, "app-1"),
    (None, 0, NO_CLIENT),
    (Some(b"consumer-shop-7"), 1, "consumer-shop-7"),
    (Some(b""), 1, NO_CLIENT),
    (Some(b"z"), 300, "__other__"),
    (Some(b"y"), 256, "__other__"),
    (Some(b"__other__"), 1, "%5F_other__"),
    (Some(b"\xff;\n"), 1, "%FF%3B%0A"),
];
/// The label's value for none.
pub const NO_CLIENT: &str = "__none__";
/// Moves records to brokers.
pub const PRODUCE: i16 = 0;
/// Moves records to consumers, and to brokers that replicate.
pub const FETCH: i16 = 1;
/// Its first version has no client id.
pub const CONTROLLED_SHUTDOWN: i16 = 7;
/// Its answer tells names and ids of topics.
pub const METADATA: i16 = 3;
/// Tells what a group has committed.
pub const OFFSET_COMMIT: i16 = 8;
/// Its answer does.
pub const OFFSET_FETCH: i16 = 9;
/// Does so inside a transaction.
pub const TXN_OFFSET_COMMIT: i16 = 28;
/// Its answer tells who leads.
pub const JOIN_GROUP: i16 = 11;
/// Its response never has tagged fields in the header (KIP-511).
pub const API_VERSIONS: i16 = 18;
/// Carries metrics of a client (KIP-714).
pub const PUSH_TELEMETRY: i16 = 72;
/// Moves records to members of share groups (KIP-932).
pub const SHARE_FETCH: i16 = 78;
/// Their members have epochs: consumer, share and streams groups.
pub const MEMBER_HEARTBEATS: &[i16] = &[68, 76, 88];
/// APIs of which more is counted than their header, or that change how bytes are read.
pub const FAVOURITES: &[i16] = &[
    PRODUCE,
    FETCH,
    3,
    18,
    17,
    19,
    75,
    2,
    FETCH,
    8,
    9,
    JOIN_GROUP,
    12,
    14,
    15,
    16,
    28,
    42,
    47,
    68,
    69,
    71,
    72,
    76,
    SHARE_FETCH,
    88,
    90,
];
/// What a producer and members of groups send.
pub const GOOD_DAY: &[i16] = &[
    METADATA,
    FETCH,
    FETCH,
    FETCH,
    FETCH,
    OFFSET_COMMIT,
    OFFSET_COMMIT,
    OFFSET_COMMIT,
    OFFSET_COMMIT,
    PRODUCE,
    JOIN_GROUP,
    12,
    14,
    OFFSET_FETCH,
    TXN_OFFSET_COMMIT,
    68,
    76,
    SHARE_FETCH,
    SHARE_FETCH,
    API_VERSIONS,
    PUSH_TELEMETRY,
    15,
    42,
];
