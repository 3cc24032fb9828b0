use super::{
    first_request, first_size, head_size, is_plausible, is_plausible_client_id, is_zookeeper_size,
};
use crate::metrics::series::Reason;
use kafka_wire::header::RequestHeader;
use kafka_wire::schema;
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn first_four(bytes: &[u8; 4]) -> Result<u32, Reason> {
    first_size(i32::from_be_bytes(*bytes))
}

#[test]
fn sizes_of_other_protocols_are_not_kafkas() {
    assert_eq!(first_four(b"\x16\x03\x01\x02"), Err(Reason::Tls));
    assert_eq!(first_four(b"\x16\x03\x03\x00"), Err(Reason::Tls));
    for text in [b"GET ", b"POST", b"PRI ", b"PROX", b"SSH-", b"\x0d\x0a\x0d\x0a", b"EHLO", b"    "]
    {
        assert_eq!(first_four(text), Err(Reason::NotKafka), "{text:?}");
    }
    for text in [[0xff; 4], [0x80, 0, 0, 0], [0; 4]] {
        assert_eq!(first_four(&text), Err(Reason::NotKafka), "{text:?}");
    }
}

/// From a bare header to what a broker takes by default (`socket.request.max.bytes`).
#[test]
fn sizes_of_requests_are_kafkas() {
    for size in [8, 10, 44, 45, 1_000_000, 104_857_600] {
        assert_eq!(first_size(size), Ok(u32::try_from(size).unwrap()));
    }
    for size in [7, 104_857_601, i32::MAX] {
        assert_eq!(first_size(size), Err(Reason::NotKafka));
    }
}

#[test]
fn every_version_of_the_tables_may_come_first() {
    for api in schema::apis() {
        for version in api.request.versions.first..=api.request.versions.last {
            let header = RequestHeader {
                api_key: api.key,
                api_version: i16::from(version),
                correlation_id: -1,
            };
            assert!(is_plausible(header), "{} v{version}", api.name);
        }
    }
}

#[test]
fn a_client_may_be_a_little_ahead_of_the_tables() {
    let header = |api_key, api_version| RequestHeader { api_key, api_version, correlation_id: 0 };
    let newest = i16::from(schema::api(18).unwrap().request.versions.last);
    assert!(is_plausible(header(18, newest + 8)));
    assert!(!is_plausible(header(18, newest + 9)));
    assert!(!is_plausible(header(18, -1)) && !is_plausible(header(-1, 0)));
    assert!(!is_plausible(header(93, 0)) && !is_plausible(header(i16::MAX, 0)));
}

/// ZooKeeper's ConnectRequest: protocol version, last zxid, timeout, session id, password of 16
/// bytes, and since 3.4 whether a read-only server will do.
fn zookeeper(last_zxid: i64, session: i64) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    bytes.extend_from_slice(&last_zxid.to_be_bytes());
    bytes.extend_from_slice(&30_000_i32.to_be_bytes());
    bytes.extend_from_slice(&session.to_be_bytes());
    bytes.extend_from_slice(&16_i32.to_be_bytes());
    bytes.extend_from_slice(&[0x5a; 16]);
    bytes.push(0);
    bytes
}

#[test]
fn zookeeper_is_known_by_its_password() {
    for (size, bytes) in [(45, zookeeper(0, 0)), (44, zookeeper(0, 0)), (45, zookeeper(99, -5))] {
        assert!(is_zookeeper_size(size));
        let head = &bytes[..head_size(size)];
        assert_eq!(first_request(size, head), None);
    }
}

/// A Produce v0 of the same size, with a client id or without, is Kafka's.
#[test]
fn a_produce_of_zookeepers_size_is_kafkas() {
    let mut bytes = vec![0; 4];
    bytes.extend_from_slice(&1_i32.to_be_bytes());
    bytes.extend_from_slice(&[0, 3, b'a', b'b', b'c', 0, 1]);
    bytes.resize(44, 0);
    let header = first_request(44, &bytes[..head_size(44)]).unwrap();
    assert_eq!((header.api_key, header.api_version, header.correlation_id), (0, 0, 1));
}

#[test]
fn other_frames_are_told_by_their_header_alone() {
    assert_eq!(head_size(43), 8);
    assert_eq!(head_size(46), 8);
    assert!(first_request(20, &[0, 18, 0, 3, 0, 0, 0, 0]).is_some());
    assert_eq!(first_request(8, &[0, 18, 0, 3, 0, 0, 0]), None, "shorter than a header");
}

#[test]
fn client_ids_are_text() {
    for id in [None, Some(b"".as_slice()), Some(b"rdkafka"), Some("h\u{e9} \u{1f600}".as_bytes())] {
        assert!(is_plausible_client_id(id));
    }
    for id in [b"a\0b".as_slice(), b"\n", b"\x7f", b"\xff", b"\xc3"] {
        assert!(!is_plausible_client_id(Some(id)), "{id:?}");
    }
}
