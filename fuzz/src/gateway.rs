//! The gateway's dialects: hostile bodies are taken or refused, what is taken is what another reader of JSON sees, and
//! what is refused is told in one short line that repeats nothing of the body.

use std::borrow::Cow;
use std::collections::HashSet;
use std::time::Duration;

use kafka_gateway_api::v3::{self, Documents, Format, batch};
use kafka_gateway_api::{HEADERS_MAX, Header, Outcome, Position, Record, Refusal, push, raw};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::input::Input;

mod answers;
mod written;

/// Runs the target: the first byte chooses what the rest is.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    match input.below(7) {
        0 => check_push(input.take(usize::MAX)),
        1 => check_document(input.take(usize::MAX)),
        2 => check_batch(input.take(usize::MAX)),
        3 => check_documents(&mut input),
        4 => check_raw(&mut input),
        5 => written::check(&mut input),
        _ => answers::check(&mut input),
    }
}

const RECORDS_MAX: usize = 20;

fn check_push(body: &[u8]) {
    let request = match push::parse(body, RECORDS_MAX) {
        Ok(request) => request,
        Err(refusal) => return check_refusal(&refusal),
    };
    assert!(request.records.len() <= RECORDS_MAX);
    // What is ignored may be nested deeper, and have larger numbers, than the other reader takes.
    serde_json::from_slice::<IgnoredAny>(body).expect("taken, but no JSON");
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return };
    assert_eq!(request.wait, value["wait_for_send"] == Value::Bool(true));
    let records = value["records"].as_array().expect("taken without a list of records");
    assert_eq!(request.records.len(), records.len());
    for (record, value) in request.records.iter().zip(records) {
        check_record(record);
        assert_eq!(Some(&*record.topic), value["topic"].as_str());
        assert_eq!(record.value.as_deref(), bytes(value, "data", "data_base64").as_deref());
        assert_eq!(record.key.as_deref(), bytes(value, "key", "key_base64").as_deref());
        let partition = value["partition"].as_i64().filter(|number| *number != -1);
        assert_eq!(record.partition.map(i64::from), partition);
        if let Some(milliseconds) = value["timestamp"].as_i64() {
            assert_eq!(record.timestamp_ms, Some(milliseconds));
        }
        let expected: Vec<(&str, Option<Vec<u8>>)> = match &value["headers"] {
            Value::Array(list) => {
                let name = |header: &'_ Value| header["name"].as_str().map(str::to_owned);
                assert!(list.iter().all(|header| name(header).is_some()));
                list.iter()
                    .map(|header| {
                        let name = header["name"].as_str().unwrap_or_default();
                        (name, bytes(header, "value", "value_base64"))
                    })
                    .collect()
            }
            Value::Object(fields) => {
                let text = |value: &Value| value.as_str().map(|text| text.as_bytes().to_vec());
                fields.iter().map(|(name, value)| (name.as_str(), text(value))).collect()
            }
            _ => Vec::new(),
        };
        let mut found: Vec<(&str, Option<Vec<u8>>)> = record
            .headers
            .iter()
            .map(|header| (&*header.name, header.value.as_ref().map(|value| value.to_vec())))
            .collect();
        if value["headers"].is_object() {
            // The other reader sorts them.
            found.sort();
        }
        assert_eq!(found, expected);
    }
}

fn check_document(document: &[u8]) {
    match v3::record("t", document) {
        Ok(produce) => check_produce(&produce, document),
        Err(refusal) => check_refusal(&refusal),
    }
}

fn check_produce(produce: &v3::Produce<'_>, document: &[u8]) {
    check_record(&produce.record);
    serde_json::from_slice::<IgnoredAny>(document).expect("taken, but no JSON");
    let Ok(value) = serde_json::from_slice::<Value>(document) else { return };
    for (name, bytes, size) in [
        ("key", &produce.record.key, produce.sizes.key),
        ("value", &produce.record.value, produce.sizes.value),
    ] {
        let data = &value[name]["data"];
        let Some((format, size)) = size else {
            assert!(value[name].is_null() && bytes.is_none());
            continue;
        };
        assert_eq!(size, bytes.as_ref().map_or(0, |bytes| bytes.len()));
        let Some(bytes) = bytes else {
            assert!(data.is_null());
            continue;
        };
        match format {
            Format::String => assert_eq!(Some(&**bytes), data.as_str().map(str::as_bytes)),
            Format::Binary => assert_eq!(Some(bytes.to_vec()), data.as_str().and_then(base64)),
            Format::Json => {
                let again: Value = serde_json::from_slice(bytes).expect("JSON");
                assert_eq!(&again, data);
            }
        }
    }
}

fn check_batch(body: &[u8]) {
    let entries = match batch::parse("t", body, RECORDS_MAX) {
        Ok(entries) => entries,
        Err(refusal) => return check_refusal(&refusal),
    };
    assert!((1..=RECORDS_MAX).contains(&entries.len()));
    let ids: HashSet<&str> = entries.iter().map(|entry| &*entry.id).collect();
    assert_eq!(ids.len(), entries.len(), "ids are unique");
    assert!(ids.iter().all(|id| (1..=80).contains(&id.len()) && id.is_ascii()));
    let value = serde_json::from_slice::<Value>(body).ok();
    for (index, entry) in entries.iter().enumerate() {
        match &entry.produce {
            Ok(produce) => {
                let Some(value) = &value else { continue };
                let text = value["entries"][index].to_string();
                assert_eq!(value["entries"][index]["id"].as_str(), Some(&*entry.id));
                check_produce(produce, text.as_bytes());
            }
            Err(refusal) => check_refusal(refusal),
        }
    }
}

/// The same documents whole, byte by byte and split, and the same as another reader of concatenated JSON has.
fn check_documents(input: &mut Input<'_>) {
    let limit = 1 + usize::from(input.byte()) * 4;
    let sizes = input.array::<4>();
    let body = input.take(usize::MAX);
    let whole = cut([body], limit);
    assert_eq!(cut(body.chunks(1), limit), whole, "byte by byte");
    let mut rest = body;
    let mut chunks = Vec::new();
    for size in sizes.into_iter().cycle() {
        let (chunk, behind) = rest.split_at((1 + usize::from(size)).min(rest.len()));
        chunks.push(chunk);
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    assert_eq!(cut(chunks, limit), whole, "split");
    let good: Vec<&Vec<u8>> = whole.iter().map_while(|document| document.as_ref().ok()).collect();
    assert!(good.len() + 1 >= whole.len(), "an error is the last thing");
    let mut others = serde_json::Deserializer::from_slice(body).into_iter::<Value>();
    for document in good {
        assert!((2..=limit).contains(&document.len()));
        let Ok(value) = serde_json::from_slice::<Value>(document) else { break };
        assert_eq!(others.next().and_then(Result::ok), Some(value));
    }
}

fn cut<'a>(
    chunks: impl IntoIterator<Item = &'a [u8]>,
    limit: usize,
) -> Vec<Result<Vec<u8>, Refusal>> {
    let mut documents = Documents::new(limit);
    let mut found = Vec::new();
    for chunk in chunks {
        documents.push(chunk);
        while let Some(document) = documents.next() {
            found.push(document);
        }
        assert!(documents.pending() <= limit, "{} bytes are held", documents.pending());
    }
    found.extend(documents.finish().err().map(Err));
    found
}

fn check_raw(input: &mut Input<'_>) {
    let query = String::from_utf8_lossy(input.bytes()).into_owned();
    let mut headers = Vec::new();
    for _ in 0..input.below(5) {
        let name = input.pick(&[
            "key",
            "KEY-base64",
            "Partition",
            "timestamp",
            "header-a",
            "acks",
            "wait",
            "tombstone",
            "x",
        ]);
        headers.push((format!("Kafka-{name}"), input.bytes()));
    }
    let given = headers.iter().map(|(name, value)| (name.as_str(), *value));
    let body = input.take(usize::MAX);
    match raw::record("t", given, Some(&query), body) {
        Ok(request) => {
            check_record(&request.record);
            assert!(request.record.value.as_deref().is_none_or(|value| value == body));
            assert!(request.record.value.is_some() || body.is_empty());
        }
        Err(refusal) => check_refusal(&refusal),
    }
    // Any key at all, in the query.
    let encoded: String = body.iter().map(|byte| format!("%{byte:02X}")).collect();
    let query = format!("key={encoded}");
    let request = raw::record("t", std::iter::empty(), Some(&query), body).expect("a key");
    assert_eq!(request.record.key.as_deref(), Some(body));
}

fn check_record(record: &Record<'_>) {
    assert!(record.partition.is_none_or(|partition| partition >= 0));
    assert!(record.timestamp_ms.is_none_or(|milliseconds| milliseconds > 0));
    assert!(record.headers.len() <= HEADERS_MAX);
}

fn check_refusal(refusal: &Refusal) {
    let message = refusal.to_string();
    assert!(message.len() <= MESSAGE_SIZE_MAX, "a message of {} bytes", message.len());
    assert!(!message.chars().any(char::is_control), "more than one line: {message:?}");
    assert!(matches!(refusal.status(), 400 | 404 | 413 | 422), "{refusal:?}");
    assert!(refusal.error_code().to_string().starts_with(&refusal.status().to_string()));
}

/// A text or base64, as the other reader sees it.
fn bytes(value: &Value, text: &str, in_base64: &str) -> Option<Vec<u8>> {
    match (value[text].as_str(), value[in_base64].as_str()) {
        (Some(text), None) => Some(text.as_bytes().to_vec()),
        (None, Some(text)) => Some(base64(text).expect("base64 was taken")),
        _ => None,
    }
}

/// Another reading of RFC 4648.
fn base64(text: &str) -> Option<Vec<u8>> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut out) = (0_u32, 0, Vec::new());
    for letter in text.trim_end_matches('=').bytes() {
        bits =
            (bits << 6) | u32::try_from(LETTERS.iter().position(|other| *other == letter)?).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count).ok()?);
            bits &= (1 << count) - 1;
        }
    }
    Some(out)
}

const MESSAGE_SIZE_MAX: usize = 200;
