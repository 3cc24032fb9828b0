//! Requests and their answers in which each group of metrics has something to count.

use kafka_filter_wasm_tests::kafka;

/// A request and its answer.
pub(crate) struct Exchange {
    /// What it is.
    pub(crate) title: &'static str,
    /// The request's frame.
    pub(crate) request: Vec<u8>,
    /// The answer's frame.
    pub(crate) response: Vec<u8>,
}

/// Topics that the exchanges name: [`topic`] of 0 and on.
pub(crate) const TOPICS: usize = 8;

/// The name of a topic.
pub(crate) fn topic(number: usize) -> String {
    format!("orders-{number}")
}

/// All of them.
pub(crate) fn all() -> Vec<Exchange> {
    vec![
        Exchange {
            title: "Heartbeat",
            request: kafka::heartbeat_request(1),
            response: kafka::heartbeat_response(1, 0),
        },
        commit(),
        produce("Produce, 1 topic", 1),
        produce("Produce, 8 topics", TOPICS),
        fetch("Fetch, 1 batch", 1, 1),
        fetch("Fetch, 8 partitions", 8, 1),
        fetch("Fetch, 256 batches", 1, 256),
        deprecated(),
    ]
}

/// OffsetCommit v5 of two topics with four partitions each.
fn commit() -> Exchange {
    let mut request = header(8, 5);
    string(&mut request, "group");
    int32(&mut request, 1);
    string(&mut request, "member");
    let mut response = vec![0, 0, 0, 1];
    int32(&mut response, 0);
    for message in [&mut request, &mut response] {
        int32(message, 2);
    }
    for number in 0..2 {
        for message in [&mut request, &mut response] {
            string(message, &topic(number));
            int32(message, 4);
        }
        for partition in 0..4 {
            int32(&mut request, partition);
            request.extend_from_slice(&7_i64.to_be_bytes());
            string(&mut request, "");
            int32(&mut response, partition);
            response.extend_from_slice(&0_i16.to_be_bytes());
        }
    }
    Exchange {
        title: "OffsetCommit, 8 partitions",
        request: frame(&request),
        response: frame(&response),
    }
}

/// Produce v7 of one batch to each topic.
fn produce(title: &'static str, topics: usize) -> Exchange {
    let records = batch();
    let mut request = header(0, 7);
    // No transaction, acks of the leader, a second.
    request.extend_from_slice(&[0xff, 0xff, 0, 1]);
    int32(&mut request, 1_000);
    let mut response = vec![0, 0, 0, 1];
    for message in [&mut request, &mut response] {
        int32(message, topics);
    }
    for number in 0..topics {
        for message in [&mut request, &mut response] {
            string(message, &topic(number));
            int32(message, 1);
            int32(message, 0);
        }
        int32(&mut request, records.len());
        request.extend_from_slice(&records);
        // No error; base offset, append time and start offset.
        response.extend_from_slice(&[0; 2 + 3 * 8]);
    }
    int32(&mut response, 0);
    Exchange { title, request: frame(&request), response: frame(&response) }
}

/// Fetch v11 of a consumer, with so many batches for each partition.
fn fetch(title: &'static str, partitions: usize, batches: usize) -> Exchange {
    let mut request = header(1, 11);
    for value in [-1, 500, 1, i32::MAX] {
        request.extend_from_slice(&value.to_be_bytes());
    }
    request.push(0);
    request.extend_from_slice(&[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    let mut response = vec![0, 0, 0, 1];
    // Throttle time, error, session.
    response.extend_from_slice(&[0; 4 + 2 + 4]);
    for message in [&mut request, &mut response] {
        int32(message, 1);
        string(message, &topic(0));
        int32(message, partitions);
    }
    for partition in 0..partitions {
        int32(&mut request, partition);
        request.extend_from_slice(&(-1_i32).to_be_bytes());
        request.extend_from_slice(&[0; 16]);
        int32(&mut request, 1 << 20);
        int32(&mut response, partition);
        response.extend_from_slice(&[0; 2]);
        for _ in 0..2 {
            response.extend_from_slice(&100_i64.to_be_bytes());
        }
        response.extend_from_slice(&[0; 8]);
        // No aborted transactions, no preferred replica.
        response.extend_from_slice(&[0xff; 8]);
        let records = batch().repeat(batches);
        int32(&mut response, records.len());
        response.extend_from_slice(&records);
    }
    int32(&mut request, 0);
    string(&mut request, "");
    Exchange { title, request: frame(&request), response: frame(&response) }
}

/// Fetch v3, which Kafka 4 refuses, of one partition without news.
fn deprecated() -> Exchange {
    let mut request = header(1, 3);
    for value in [-1, 500, 1, i32::MAX] {
        request.extend_from_slice(&value.to_be_bytes());
    }
    let mut response = vec![0, 0, 0, 1];
    int32(&mut response, 0);
    for message in [&mut request, &mut response] {
        int32(message, 1);
        string(message, &topic(0));
        int32(message, 1);
        int32(message, 0);
    }
    request.extend_from_slice(&[0; 8]);
    int32(&mut request, 1 << 20);
    response.extend_from_slice(&[0; 2]);
    response.extend_from_slice(&100_i64.to_be_bytes());
    int32(&mut response, 0);
    Exchange {
        title: "Fetch of a removed version",
        request: frame(&request),
        response: frame(&response),
    }
}

/// A batch of ten records whose producer set the time, which lies at byte 35.
fn batch() -> Vec<u8> {
    let mut batch = kafka::batch(10, 1_000);
    batch[35..43].copy_from_slice(&1_i64.to_be_bytes());
    batch
}

/// A request header v1 with correlation id 1.
fn header(key: i16, version: i16) -> Vec<u8> {
    let mut bytes = [key.to_be_bytes(), version.to_be_bytes()].concat();
    int32(&mut bytes, 1);
    string(&mut bytes, "test");
    bytes
}

fn int32(bytes: &mut Vec<u8>, value: usize) {
    bytes.extend_from_slice(&i32::try_from(value).expect("a small number").to_be_bytes());
}

fn string(bytes: &mut Vec<u8>, text: &str) {
    let size = i16::try_from(text.len()).expect("a short text");
    bytes.extend_from_slice(&size.to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

fn frame(bytes: &[u8]) -> Vec<u8> {
    let mut framed = Vec::new();
    int32(&mut framed, bytes.len());
    framed.extend_from_slice(bytes);
    framed
}
