//! Seeds of the target `gateway`: a choice, and what it is a choice of.

use kafka_filter_fuzz::input::write_bytes;

/// By name.
pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let bodies = PUSHES.iter().map(|body| (0, body)).chain(DOCUMENTS.iter().map(|body| (1, body)));
    let bodies = bodies.chain(BATCHES.iter().map(|body| (2, body)));
    let mut seeds: Vec<(String, Vec<u8>)> = bodies
        .enumerate()
        .map(|(index, (choice, body))| {
            (format!("body-{index}"), [&[choice], body.as_bytes()].concat())
        })
        .collect();
    for (index, body) in DOCUMENTS.windows(2).enumerate() {
        let body = body.join(["", " ", "\n"][index % 3]);
        let seed = [&[3, 255, 0, 7, 2, 30][..], body.as_bytes()].concat();
        seeds.push((format!("stream-{index}"), seed));
    }
    for (index, query) in QUERIES.iter().enumerate() {
        let mut seed = vec![4];
        assert!(write_bytes(&mut seed, query.as_bytes()), "{query} is too long");
        seed.push(2);
        for (name, value) in [(2, "3"), (4, "value")] {
            seed.push(name);
            assert!(write_bytes(&mut seed, value.as_bytes()));
        }
        seed.extend(b"body\0\xff");
        seeds.push((format!("query-{index}"), seed));
    }
    for turn in 0..8_u8 {
        // Zeros choose what is right.
        let wrong = |at: u8| if at == turn { 3 } else { 0 };
        let decisions: Vec<u8> = (0..8).map(wrong).collect();
        seeds.push((format!("decisions-{turn}"), [&[5, 2][..], &decisions, &decisions].concat()));
        let outcomes: Vec<u8> =
            (0..8_u8).flat_map(|kind| [kind, 2, b'"', turn, 200, 200]).collect();
        seeds.push((
            format!("outcomes-{turn}"),
            [&[6, 3, b't', b'"', turn, 5][..], &outcomes].concat(),
        ));
    }
    seeds
}

const PUSHES: &[&str] = &[
    r#"{"records":[],"wait_for_send":false}"#,
    r#"{"records":[{"topic":"t","data":"x","key":"k","partition":1},{"data":null,"topic":"u"}],"wait_for_send":true,"acks":"all"}"#,
    r#"{"records":[{"topic":"t","data_base64":"AAH/","key_base64":"AP8=","timestamp":"2020-09-13T12:26:40.5+02:00","headers":[{"name":"n","value":"1"},{"name":"n","value_base64":"AA"}]}]}"#,
    r#"{"records":[{"topic":"t","data":"\u00e9\ud834\udd1e\"\\","timestamp":1600000000123,"headers":{"a":"","b":null},"more":[{"x":1e99}]}]}"#,
    r#"{"records":[{"topic":7}]}"#,
    r#"{"records":[{"topic":"t","data":"x","partition":-2}]}"#,
    "{\"records\":[{\"topic\":\"\u{fc}\",\"data\":\"cut",
];

const DOCUMENTS: &[&str] = &[
    "{}",
    r#"{"value":{"type":"STRING","data":"}{\"\\"}}"#,
    r#"{"partition_id":2,"headers":[{"name":"h","value":"AQI="},{"name":"n"}],"key":{"type":"BINARY","data":"AP8"},"value":{"data":{ "n" : [1.50, null] },"type":"JSON"},"timestamp":"2020-09-13T12:26:40.123Z"}"#,
    r#"{"value":{"type":"AVRO","schema_id":1,"data":{}}}"#,
    r#"{"value":{"type":"JSON","data":[[[]]]},"key":null}"#,
    r#"{"value":{]}"#,
    r#"{"partition_id":-1}"#,
    r#"{"unfinished":"\"#,
];

const BATCHES: &[&str] = &[
    r#"{"entries":[{"id":"1","value":{"type":"STRING","data":"x"}},{"value":{"type":"BINARY","data":"%"},"id":"b"}]}"#,
    r#"{"entries":[{"id":"1"},{"id":"1"}]}"#,
    r#"{"entries":[{"id":"\u0061","key":{"type":"JSON","data": 1 }},{"vaule":1,"id":"c-_9"}]}"#,
    r#"{"entries":[]}"#,
];

const QUERIES: &[&str] = &[
    "key=k+%C3%A9%00&timestamp=2020-09-13T12:26:40.5%2B02:00&header.Trace=1&wait=false&acks=all",
    "key_base64=AP8%3D&&tombstone=false&header.=&",
    "key=%",
    "unknown=1",
];
