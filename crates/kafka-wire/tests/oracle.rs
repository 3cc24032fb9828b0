//! Every API key and version of the pinned Kafka releases, both ways, as Kafka's own classes encode
//! it: each field that comes out of the decoder must be the one that went in there.
//!
//! `oracle/Oracle.java` makes the frames and the expectations; nothing here knows a layout.

// It runs a JVM, which a wasm host cannot.
#![cfg(not(target_family = "wasm"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a failed test says so by panicking"
)]

#[path = "oracle/corpus.rs"]
mod corpus;
#[path = "oracle/watch.rs"]
mod watch;

use std::collections::BTreeSet;

use corpus::{Sample, corpus};
use kafka_wire::schema::{self, Direction};
use kafka_wire::{FrameDecoder, Stop, error_code, limits};
use watch::{LAST_CHOICE, Slice, Watch, is_chosen};

/// Frames up to this size are cut at every byte: past it the count of splits tells nothing new.
const SPLIT_SIZE_MAX: usize = 160;

// The deepest message fits the walker's stack, where the body takes a level too.
const _: () = assert!(limits::STACK_MAX > schema::STACK_DEPTH_NEEDED);

#[test]
fn every_field_of_every_message_is_found() {
    for sample in &corpus().samples {
        let found = decode(sample, &[&sample.frame]);
        compare(sample, &found, "in one piece");
    }
}

#[test]
fn every_version_of_the_tables_was_encoded() {
    let encoded: BTreeSet<(i16, i16, bool)> = corpus()
        .samples
        .iter()
        .map(|s| (s.key, s.version, s.direction == Direction::Request))
        .collect();
    let mut tabled = BTreeSet::new();
    for api in schema::apis() {
        for message in [&api.request, &api.response] {
            for version in message.versions.first..=message.versions.last {
                let request = std::ptr::eq(message, &api.request);
                tabled.insert((api.key, i16::from(version), request));
            }
        }
    }
    assert_eq!(encoded, tabled, "Kafka's versions on the left, the tables' on the right");
    assert_eq!(schema::apis().map(|api| api.key).collect::<Vec<_>>(), (0..=92).collect::<Vec<_>>());
}

#[test]
fn splits_change_nothing() {
    for sample in corpus().samples.iter().filter(|sample| sample.filling < 2) {
        let bytes: Vec<&[u8]> = sample.frame.chunks(1).collect();
        compare(sample, &decode(sample, &bytes), "byte by byte");
        if sample.frame.len() > SPLIT_SIZE_MAX {
            continue;
        }
        for at in 1..sample.frame.len() {
            let (front, back) = sample.frame.split_at(at);
            compare(sample, &decode(sample, &[front, back]), &format!("split at {at}"));
        }
    }
}

#[test]
fn what_is_not_wanted_is_passed_over() {
    for sample in &corpus().samples {
        for choice in 0..=LAST_CHOICE {
            let chosen = |field: &&String| {
                field.split_once('=').is_some_and(|(name, _)| is_chosen(name, choice))
            };
            let expected: Vec<&String> = sample.fields.iter().filter(chosen).collect();
            for size in [sample.frame.len(), 7] {
                let mut watch = Watch::of(sample.direction, sample.key, sample.version);
                watch = watch.choosing(choice);
                let mut decoder = FrameDecoder::new();
                for piece in sample.frame.chunks(size) {
                    decoder.run(&mut Slice(piece), &mut watch).unwrap();
                }
                assert_eq!(watch.frames, 1, "{sample} choice {choice} in pieces of {size}");
                let found: Vec<&String> = watch.fields.iter().collect();
                assert_eq!(found, expected, "{sample} choice {choice} in pieces of {size}");
            }
        }
    }
}

#[test]
fn a_stream_of_requests_is_cut_into_its_frames() {
    let is_wanted = |s: &&Sample| s.direction == Direction::Request && s.filling == 0;
    let requests = || corpus().samples.iter().filter(is_wanted);
    let stream: Vec<u8> = requests().flat_map(|sample| sample.frame.iter().copied()).collect();
    let expected: Vec<&str> =
        requests().flat_map(|s| s.fields.iter().map(String::as_str)).collect();
    for step in [1, 7, 1021, 16_384, 100_003, usize::MAX] {
        let mut watch = Watch::of_requests();
        let mut decoder = FrameDecoder::new();
        for piece in stream.chunks(step.min(stream.len())) {
            decoder.run(&mut Slice(piece), &mut watch).unwrap();
        }
        assert_eq!(watch.frames, requests().count());
        let wrong =
            (0..).zip(&watch.fields).zip(&expected).find(|((_, found), field)| found != *field);
        assert_eq!(wrong, None, "in pieces of {step}");
        assert_eq!(watch.fields.len(), expected.len());
    }
}

#[test]
fn a_message_that_ends_early_is_malformed() {
    for sample in
        corpus().samples.iter().filter(|s| s.filling < 2 && s.frame.len() <= SPLIT_SIZE_MAX)
    {
        for size in 4..sample.frame.len() {
            let mut short = sample.frame[..size].to_vec();
            let body = u32::try_from(size - 4).unwrap();
            short[..4].copy_from_slice(&body.to_be_bytes());
            let mut watch = Watch::of(sample.direction, sample.key, sample.version);
            let ended = FrameDecoder::new().run(&mut Slice(&short), &mut watch);
            // What is too short for a header is the handler's to refuse.
            assert!(
                matches!(ended, Err(Stop::Malformed(_) | Stop::Handler)),
                "{sample} cut to {size} bytes: {ended:?}, {:?}",
                watch.fields
            );
        }
    }
}

#[test]
fn error_names_are_kafkas() {
    let errors = &corpus().errors;
    for (code, name) in errors {
        assert_eq!(error_code::name(*code), Some(name.as_str()), "{code}");
    }
    let known: BTreeSet<i16> = errors.iter().map(|(code, _)| *code).collect();
    assert_eq!(error_code::codes().collect::<BTreeSet<_>>(), known);
}

fn decode(sample: &Sample, pieces: &[&[u8]]) -> Watch {
    let mut watch = Watch::of(sample.direction, sample.key, sample.version);
    let mut decoder = FrameDecoder::new();
    for piece in pieces {
        if let Err(stop) = decoder.run(&mut Slice(piece), &mut watch) {
            panic!(
                "{sample}: {stop:?} after {:?}",
                watch.fields.iter().rev().take(5).collect::<Vec<_>>()
            );
        }
    }
    watch
}

fn compare(sample: &Sample, watch: &Watch, how: &str) {
    assert_eq!(watch.frames, 1, "{sample} {how}: the frame did not end");
    assert_eq!(watch.correlation_id, sample.correlation_id, "{sample} {how}");
    assert_eq!(watch.client_id, sample.client_id, "{sample} {how}");
    if watch.fields == sample.fields {
        return;
    }
    let same = watch.fields.iter().zip(&sample.fields).take_while(|(found, field)| found == field);
    let at = same.count();
    panic!(
        "{sample} {how}: field {at} is {:?}, Kafka wrote {:?}; before it {:?}",
        watch.fields.get(at),
        sample.fields.get(at),
        &sample.fields[at.saturating_sub(3)..at],
    );
}
