use super::{RequestHeader, correlation_id, request_has_tags, response_has_tags};
use crate::schema;
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn a_header_is_read_from_eight_bytes() {
    let bytes = [0, 18, 0xff, 0xff, 0x80, 0, 0, 1, 99];
    let header = RequestHeader::parse(&bytes).unwrap();
    assert_eq!((header.api_key, header.api_version), (18, -1));
    assert_eq!(header.correlation_id, i32::MIN + 1);
    assert_eq!(RequestHeader::parse(&bytes[..7]), None);
    assert_eq!(correlation_id(&[0xff; 4]), Some(-1));
    assert_eq!(correlation_id(&[0xff; 3]), None);
}

#[test]
fn one_request_has_no_client_id() {
    let header = |api_key, api_version| RequestHeader { api_key, api_version, correlation_id: 0 };
    assert!(!header(7, 0).has_client_id());
    assert!(header(7, 1).has_client_id());
    assert!(header(0, 0).has_client_id());
}

/// From the definitions' `flexibleVersions`: the first version with tagged fields in its headers.
#[test]
fn flexible_versions_have_tagged_headers() {
    for (key, first) in [(0, 9), (1, 12), (3, 9), (10, 3), (12, 4), (36, 2), (68, 0)] {
        let api = schema::api(key).unwrap();
        for version in 0..=i16::from(api.request.versions.last) {
            assert_eq!(
                request_has_tags(&api.request, version),
                version >= first,
                "{key} v{version}"
            );
            assert_eq!(
                response_has_tags(&api.response, version),
                version >= first,
                "{key} v{version}"
            );
        }
    }
}

/// A client reads it before it knows the broker (KIP-511). SaslHandshake never became flexible.
#[test]
fn some_headers_never_have_tags() {
    let versions = schema::api(18).unwrap();
    assert!(request_has_tags(&versions.request, 3) && !request_has_tags(&versions.request, 2));
    assert!((0..=4).all(|version| !response_has_tags(&versions.response, version)));
    let handshake = schema::api(17).unwrap();
    assert!((0..=1).all(|version| !request_has_tags(&handshake.request, version)));
}
