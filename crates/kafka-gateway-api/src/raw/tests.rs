use super::*;
use crate::Position;

fn read<'a>(
    headers: &[(&'a str, &'a str)],
    query: &'a str,
    body: &'a [u8],
) -> Result<Request<'a>, Refusal> {
    let headers: Vec<(&str, &[u8])> =
        headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    record("t", headers.into_iter(), Some(query), body)
}

#[test]
fn the_body_is_the_value() {
    let body = [0, 255, b'{'];
    let request = record("t", std::iter::empty(), None, &body).expect("a record");
    assert_eq!((&*request.record.topic, request.wait, request.acks), ("t", true, None));
    assert!(matches!(request.record.value, Some(Cow::Borrowed(value)) if value == body));
    assert_eq!((request.record.key, request.record.partition), (None, None));
    assert_eq!(read(&[], "", b"").expect("a record").record.value.as_deref(), Some(&b""[..]));
}

#[test]
fn headers_and_parameters_say_the_same() {
    let by_headers = read(
        &[
            ("Host", "x"),
            ("kafka-key", "k é"),
            ("KAFKA-PARTITION", "2"),
            ("Kafka-Timestamp", "1600000000123"),
            ("Kafka-Header-Trace", "1"),
            ("kafka-header-trace", "2"),
            ("Kafka-Acks", "all"),
            ("Kafka-Wait", "false"),
        ],
        "",
        b"v",
    )
    .expect("headers");
    let by_query = read(
        &[],
        "key=k+%C3%A9&partition=2&timestamp=2020-09-13T14:26:40.123%2B02:00&header.Trace=1&&header.%74race=2&acks=-1&wait=false&",
        b"v",
    )
    .expect("a query");
    assert_eq!(by_headers, by_query);
    assert_eq!(by_headers.record.key.as_deref(), Some("k é".as_bytes()));
    assert_eq!(by_headers.record.timestamp_ms, Some(1_600_000_000_123));
    let names: Vec<&str> = by_headers.record.headers.iter().map(|header| &*header.name).collect();
    assert_eq!(
        (names, by_headers.acks, by_headers.wait),
        (vec!["Trace", "trace"], Some(-1), false)
    );
}

#[test]
fn bytes_that_are_no_text() {
    for (headers, query) in [
        (vec![("kafka-key-base64", "AP8")], ""),
        (vec![], "key_base64=AP8%3D"),
        (vec![], "key=%00%fF"),
    ] {
        let request = read(&headers, query, b"").expect(query);
        assert_eq!(request.record.key.as_deref(), Some(&[0, 255][..]), "{query}");
    }
}

#[test]
fn a_tombstone_has_no_body() {
    for (headers, query) in [(vec![("Kafka-Tombstone", "true")], ""), (vec![], "tombstone=true")] {
        assert_eq!(read(&headers, query, b"").expect("a tombstone").record.value, None);
        assert_eq!(read(&headers, query, b"x").expect_err("a value").name(), "unprocessable");
    }
    let request = read(&[], "tombstone=false", b"x").expect("a value");
    assert_eq!(request.record.value.as_deref(), Some(&b"x"[..]));
}

#[test]
fn what_is_wrong_is_named_and_not_repeated() {
    type Headers = Vec<(&'static str, &'static str)>;
    let none = Headers::new;
    for (headers, query, place) in [
        (none(), "secret=1", "a parameter is unknown"),
        (none(), "Key=1", "a parameter is unknown"),
        (none(), "header.%FF=1", "a parameter is unknown"),
        (vec![("Kafka-Secret", "1")], "", "a header that begins with Kafka- is unknown"),
        (vec![("Kafka-", "1")], "", "a header that begins with Kafka- is unknown"),
        (none(), "key=a&key=a", "key: is given twice"),
        (none(), "key=a&key_base64=YQ", "key: is given twice"),
        (vec![("Kafka-Key", "a")], "key=a", "key: is given twice"),
        (vec![("Kafka-Wait", "true"), ("kafka-wait", "true")], "", "wait: is given twice"),
        (none(), "key_base64=secret!", "key: is not base64"),
        (none(), "partition=-1", "partition: must be a whole number"),
        (none(), "partition=2147483648", "partition: must be a whole number"),
        (none(), "partition=", "partition: must be a whole number"),
        (none(), "partition=%FF", "partition: is not UTF-8"),
        (none(), "timestamp=0", "timestamp: must be between 1"),
        (
            none(),
            "timestamp=secret",
            "timestamp: must be milliseconds since 1970-01-01, or a time of RFC 3339; write + as %2B",
        ),
        (vec![("Kafka-Timestamp", "secret")], "", "timestamp: must be milliseconds"),
        (none(), "acks=2", "acks: must be -1"),
        (none(), "wait=secret", "wait: must be true or false"),
        (none(), "wait", "wait: must be true or false"),
    ] {
        let refusal = read(&headers, query, b"secret").expect_err(query);
        assert_eq!((refusal.status(), refusal.name()), (422, "unprocessable"), "{query}");
        assert!(refusal.to_string().starts_with(place), "{query}: {refusal}");
        assert!(!refusal.to_string().contains("secret"), "{refusal}");
    }
    for query in ["key=%", "key=%1", "key=%zz", "%=1", "key=%F", "key=%+1"] {
        assert_eq!(read(&[], query, b"").expect_err(query).status(), 400, "{query}");
    }
    let query = vec!["header.n=1"; 257].join("&");
    assert_eq!(read(&[], &query, b"").expect_err("too many").status(), 422);
}

#[test]
fn answers() {
    let position = Position { partition: 1, offset: Some(7), timestamp_ms: Some(5) };
    for (outcome, status, body) in [
        (
            Outcome::Written(position),
            200,
            r#"{"topic":"t","partition":1,"offset":7,"timestamp":5}"#,
        ),
        (
            Outcome::Written(Position { offset: None, timestamp_ms: None, ..position }),
            200,
            r#"{"topic":"t","partition":1,"offset":null,"timestamp":null}"#,
        ),
        (Outcome::Accepted { durable: false }, 202, r#"{"topic":"t","durable":false}"#),
        (
            Outcome::Refused(Refusal::UnknownTopic("t".to_owned())),
            404,
            r#"{"error_code":40401,"name":"unknown_topic","message":"topic t does not exist"}"#,
        ),
    ] {
        let response = respond("t", &outcome);
        assert_eq!((response.status, &*String::from_utf8_lossy(&response.body)), (status, body));
    }
}
