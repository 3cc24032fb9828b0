//! Authentication: frames with a header since SaslHandshake v1, raw tokens after version 0.

use super::talk;
use crate::support::lines::{connections, exchanges, sent};
use crate::support::messages::{
    SASL_AUTHENTICATE, SASL_HANDSHAKE, api_versions, api_versions_told, heartbeat, heartbeat_told,
    metadata, told,
};
use crate::support::play::{Case, Step};
use crate::support::wire::{framed, request, response};

pub fn cases() -> Vec<Case> {
    vec![
        with_headers(),
        again_later(),
        raw_plain("an ordinary PLAIN token", b"\0alice\0secret"),
        // Read as a header these call API 65 and API 48 in versions that nobody will have.
        raw_plain("a PLAIN token that begins like an API key", b"\0A\0password"),
        raw_plain("a PLAIN token of a user named in digits", b"\x00007\x00007007007"),
        raw_plain("the shortest PLAIN token", b"\0a\0b"),
        raw_plain("a PLAIN token with an authorization id", b"bob\0alice\0secret"),
        raw_plain("a token that is text", b"n,,n=alice,r=fyko+d2lbbFgONRv9qkxdawL"),
        raw_plain("a token of zeroes and more", &[0; 7]),
        raw_scram(),
        raw_gssapi(),
        raw_then_pipelined(),
        raw_refused(),
        raw_closed(),
    ]
}

fn handshake(version: i16, correlation_id: i32) -> Vec<u8> {
    request(SASL_HANDSHAKE, version, correlation_id, false).text("PLAIN").frame()
}

fn shaken(correlation_id: i32, error: i16) -> Vec<u8> {
    response(correlation_id, false).i16(error).array(2).text("PLAIN").text("SCRAM-SHA-256").frame()
}

fn authenticate(correlation_id: i32) -> Vec<u8> {
    request(SASL_AUTHENTICATE, 1, correlation_id, false).bytes(b"\0alice\0secret").frame()
}

fn authenticated(correlation_id: i32, error: i16) -> Vec<u8> {
    response(correlation_id, false).i16(error).null_text().bytes(b"").i64(3_600_000).frame()
}

/// Java with SASL asks for versions before and after authentication.
fn with_headers() -> Case {
    let versions = api_versions(0, 0);
    let versions_told = api_versions_told(0, 0, 0);
    let shake = handshake(1, i32::MAX - 1);
    let shook = shaken(i32::MAX - 1, 0);
    let prove = authenticate(i32::MAX);
    let proven = authenticated(i32::MAX, 0);
    let beat = heartbeat(1, 1);
    let beaten = heartbeat_told(1, 1, 0, 0);
    Case {
        name: "SaslHandshake v1 with SaslAuthenticate",
        config: "",
        steps: talk(&[
            (&versions, &versions_told),
            (&shake, &shook),
            (&prove, &proven),
            (&beat, &beaten),
        ]),
        expected: connections(1)
            + &exchanges("ApiVersions", 0, &[&versions], &[&versions_told])
            + &exchanges("SaslHandshake", 1, &[&shake], &[&shook])
            + &exchanges("SaslAuthenticate", 1, &[&prove], &[&proven])
            + &exchanges("Heartbeat", 1, &[&beat], &[&beaten]),
    }
}

/// Re-authentication comes at any time (KIP-368); here it fails.
fn again_later() -> Case {
    let (beat, beaten) = (heartbeat(1, 1), heartbeat_told(1, 1, 0, 0));
    let (shake, shook) = (handshake(1, 2), shaken(2, 0));
    let (prove, refused) = (authenticate(3), authenticated(3, 58));
    Case {
        name: "re-authentication that fails",
        config: "",
        steps: talk(&[(&beat, &beaten), (&shake, &shook), (&prove, &refused)]),
        expected: connections(1)
            + &exchanges("Heartbeat", 1, &[&beat], &[&beaten])
            + &exchanges("SaslHandshake", 1, &[&shake], &[&shook])
            + &exchanges("SaslAuthenticate", 1, &[&prove], &[&refused])
            + "response_errors_total{request=SaslAuthenticate,error=SASL_AUTHENTICATION_FAILED} 1",
    }
}

/// Version 0: the token comes without a header, and so does its answer, which is empty for PLAIN.
/// Neither is a request or a response.
fn raw_plain(name: &'static str, token: &[u8]) -> Case {
    let (shake, shook) = (handshake(0, 1), shaken(1, 0));
    let (ask, tell) = (metadata(1, 2, &["orders"]).frame(), told(1, 2, &[(0, "orders", 0)]));
    Case {
        name,
        config: "",
        steps: talk(&[(&shake, &shook), (&framed(token), &framed(b"")), (&ask, &tell)]),
        expected: connections(1)
            + &exchanges("SaslHandshake", 0, &[&shake], &[&shook])
            + &exchanges("Metadata", 1, &[&ask], &[&tell]),
    }
}

fn raw_scram() -> Case {
    let (shake, shook) = (handshake(0, 1), shaken(1, 0));
    let (ask, tell) = (metadata(1, 2, &["orders"]).frame(), told(1, 2, &[(0, "orders", 0)]));
    let first = (framed(b"n,,n=alice,r=fyko"), framed(b"r=fyko3rfc,s=QSXCR+Q6sek8bf92,i=4096"));
    let last =
        (framed(b"c=biws,r=fyko3rfc,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="), framed(b"v=rmF9pqV8S7s"));
    Case {
        name: "two rounds of raw tokens",
        config: "",
        steps: talk(&[(&shake, &shook), (&first.0, &first.1), (&last.0, &last.1), (&ask, &tell)]),
        expected: connections(1)
            + &exchanges("SaslHandshake", 0, &[&shake], &[&shook])
            + &exchanges("Metadata", 1, &[&ask], &[&tell]),
    }
}

/// Kerberos: an empty token of the client in the middle, and one round whose answer is not empty.
fn raw_gssapi() -> Case {
    let (shake, shook) = (handshake(0, 1), shaken(1, 0));
    let (beat, beaten) = (heartbeat(0, 2), heartbeat_told(0, 2, 0, 0));
    let ticket = framed(&[[0x60, 0x82, 0x02, 0x11].as_slice(), &[0x5a; 525]].concat());
    let reply = framed(&[[0x60, 0x81, 0x99].as_slice(), &[0xa5; 150]].concat());
    let layers = framed(&[[0x05, 0x04, 0x05, 0xff].as_slice(), &[0; 28]].concat());
    Case {
        name: "three rounds of Kerberos, one of them an empty token",
        config: "",
        steps: talk(&[
            (&shake, &shook),
            (&ticket, &reply),
            (&framed(b""), &layers),
            (&layers, &framed(b"")),
            (&beat, &beaten),
        ]),
        expected: connections(1)
            + &exchanges("SaslHandshake", 0, &[&shake], &[&shook])
            + &exchanges("Heartbeat", 0, &[&beat], &[&beaten]),
    }
}

/// A client that does not wait: token and first request go out together.
fn raw_then_pipelined() -> Case {
    let (shake, shook) = (handshake(0, 1), shaken(1, 0));
    let asks = [heartbeat(1, 2), heartbeat(1, 3)];
    let answers = [heartbeat_told(1, 2, 0, 0), heartbeat_told(1, 3, 0, 0)];
    Case {
        name: "requests right behind a raw token",
        config: "",
        steps: vec![
            Step::Open(0, 0),
            Step::Client(0, shake.clone()),
            Step::Broker(0, shook.clone()),
            Step::Client(0, [framed(b"\0alice\0secret"), asks.concat()].concat()),
            Step::Broker(0, [framed(b""), answers.concat()].concat()),
            Step::Close(0),
        ],
        expected: connections(1)
            + &exchanges("SaslHandshake", 0, &[&shake], &[&shook])
            + &exchanges("Heartbeat", 1, &[&asks[0], &asks[1]], &[&answers[0], &answers[1]]),
    }
}

fn raw_refused() -> Case {
    let (shake, shook) = (handshake(0, 1), shaken(1, 33));
    Case {
        name: "a mechanism that the broker does not have",
        config: "",
        steps: talk(&[(&shake, &shook)]),
        expected: connections(1)
            + &exchanges("SaslHandshake", 0, &[&shake], &[&shook])
            + "response_errors_total{request=SaslHandshake,error=UNSUPPORTED_SASL_MECHANISM} 1",
    }
}

/// A broker answers a wrong password by closing.
fn raw_closed() -> Case {
    let (shake, shook) = (handshake(0, 1), shaken(1, 0));
    Case {
        name: "a raw token that is answered by closing",
        config: "",
        steps: vec![
            Step::Open(0, 0),
            Step::Client(0, shake.clone()),
            Step::Broker(0, shook.clone()),
            Step::Client(0, framed(b"\0alice\0wrong")),
            Step::Close(0),
        ],
        expected: connections(1)
            + &sent("SaslHandshake", 0, &[&shake])
            + &format!(
                "responses_total{{request=SaslHandshake}} 1
                 response_bytes_total{{request=SaslHandshake}} {}
                 request_duration_microseconds{{request=SaslHandshake}} 1",
                shook.len()
            ),
    }
}
