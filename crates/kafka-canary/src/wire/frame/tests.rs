//! Frames over every split, and frames whose words about themselves are lies.

use kafka_protocol::messages::metadata_response::MetadataResponseBroker;
use kafka_protocol::messages::{BrokerId, MetadataRequest, MetadataResponse};
use tokio::io::AsyncWriteExt;

use super::*;

/// A response frame as a broker writes it.
fn response(correlation: i32, version: i16) -> Vec<u8> {
    let broker = MetadataResponseBroker::default()
        .with_node_id(BrokerId(7))
        .with_host(StrBytes::from_static_str("host"))
        .with_port(9092);
    let body = MetadataResponse::default().with_brokers(vec![broker]);
    let mut message = BytesMut::new();
    let header = ResponseHeader::default().with_correlation_id(correlation);
    header.encode(&mut message, MetadataResponse::header_version(version)).unwrap();
    body.encode(&mut message, version).unwrap();
    framed(&message)
}

fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = i32::try_from(message.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(message);
    frame
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Reads what is written in pieces of these sizes; the writer then closes.
fn read_pieces(pieces: &[&[u8]]) -> Result<BytesMut, ReadError> {
    runtime().block_on(async {
        let (mut near, mut far) = tokio::io::duplex(1 << 20);
        let mut end = None;
        let reader = async { end = Some(read(&mut near).await) };
        let writer = async {
            for piece in pieces {
                far.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            drop(far);
        };
        tokio::join!(reader, writer);
        end.unwrap()
    })
}

#[test]
fn every_split_of_a_frame_reads_the_same() {
    let frame = response(5, 12);
    for first in 0..=frame.len() {
        for second in first..=frame.len() {
            let pieces = [&frame[..first], &frame[first..second], &frame[second..]];
            assert_eq!(&read_pieces(&pieces).unwrap()[..], &frame[..], "{first} {second}");
        }
    }
    let bytes: Vec<&[u8]> = frame.chunks(1).collect();
    assert_eq!(&read_pieces(&bytes).unwrap()[..], &frame[..]);
}

#[test]
fn nothing_behind_a_frame_is_read() {
    runtime().block_on(async {
        let (mut near, mut far) = tokio::io::duplex(1 << 20);
        far.write_all(&[response(1, 12), response(2, 12)].concat()).await.unwrap();
        assert_eq!(correlation(&read(&mut near).await.unwrap()), Some(1));
        assert_eq!(correlation(&read(&mut near).await.unwrap()), Some(2));
    });
}

#[test]
fn sizes_out_of_bounds_are_refused_before_memory_follows() {
    let over = i32::try_from(FRAME_BYTES_MAX).unwrap() + 1;
    for size in [i32::MIN, -1, 0, 3, over, i32::MAX] {
        let bytes = size.to_be_bytes();
        match read_pieces(&[&bytes]) {
            Err(ReadError::Size(seen)) => assert_eq!(seen, bytes),
            other => panic!("{size}: {other:?}"),
        }
    }
}

#[test]
fn memory_grows_with_the_bytes_that_come() {
    runtime().block_on(async {
        let (mut near, mut far) = tokio::io::duplex(1 << 20);
        let mut bytes = i32::try_from(FRAME_BYTES_MAX).unwrap().to_be_bytes().to_vec();
        bytes.extend_from_slice(&[0; 100]);
        far.write_all(&bytes).await.unwrap();
        let mut frame = BytesMut::new();
        let more = fill(&mut near, &mut frame, FRAME_BYTES_MAX);
        assert!(tokio::time::timeout(std::time::Duration::from_millis(50), more).await.is_err());
        assert_eq!(frame.len(), 104);
        assert!(frame.capacity() <= 2 * GROW_BYTES, "{}", frame.capacity());
    });
}

#[test]
fn a_frame_cut_anywhere_is_closed() {
    let frame = response(5, 12);
    for end in 0..frame.len() {
        match read_pieces(&[&frame[..end]]) {
            Err(ReadError::Closed(read)) => assert_eq!(read, end),
            other => panic!("{end}: {other:?}"),
        }
    }
}

fn decoded(frame: &[u8], version: i16) -> Result<MetadataResponse, DecodeError> {
    decode::<MetadataRequest>(BytesMut::from(frame), version, 5)
}

#[test]
fn a_response_of_both_header_kinds() {
    for version in [1, 8, 9, 12, 13] {
        let metadata = decoded(&response(5, version), version).unwrap();
        assert_eq!(metadata.brokers[0].node_id, BrokerId(7), "version {version}");
    }
}

#[test]
fn a_response_to_another_request_is_refused() {
    assert_eq!(decoded(&response(6, 12), 12).unwrap_err(), DecodeError::Correlation(6));
}

#[test]
fn a_body_cut_anywhere_is_malformed() {
    for version in [1, 12] {
        let frame = response(5, version);
        for end in 8..frame.len() {
            let cut = framed(&frame[4..end]);
            assert!(
                matches!(decoded(&cut, version), Err(DecodeError::Malformed(_))),
                "version {version}, {end} of {} bytes",
                frame.len()
            );
        }
    }
}

#[test]
fn counts_of_elements_that_are_not_there_are_malformed() {
    // Correlation id, throttle time, then two thousand million brokers.
    let mut plain = vec![0, 0, 0, 5, 0, 0, 0, 0];
    plain.extend_from_slice(&i32::MAX.to_be_bytes());
    plain.extend_from_slice(&[0; 32]);
    assert!(matches!(decoded(&framed(&plain), 8), Err(DecodeError::Malformed(_))));
    // The same with the header's tags and a compact count.
    let mut compact = vec![0, 0, 0, 5, 0, 0, 0, 0, 0];
    compact.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0x0f]);
    compact.extend_from_slice(&[0; 32]);
    assert!(matches!(decoded(&framed(&compact), 12), Err(DecodeError::Malformed(_))));
}

#[test]
fn any_bytes_are_a_response_or_malformed() {
    // A small generator, the same each run: bytes that begin like a response and go on as they like.
    let mut state = 0x2545_f491_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    for round in 0..20_000_u32 {
        let version = i16::try_from(round % 14).unwrap();
        let mut frame = response(5, version);
        for _ in 0..=round % 4 {
            let place = 8 + next() as usize % (frame.len() - 8);
            frame[place] = next().to_le_bytes()[0];
        }
        match decoded(&frame, version) {
            Ok(_) | Err(DecodeError::Malformed(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_request_is_framed_with_its_header() {
    let client = StrBytes::from_static_str("me");
    let frame = encode(&MetadataRequest::default(), 1, 9, &client).unwrap();
    let expected = [
        &[0, 0, 0, 16][..], // size
        &[0, 3, 0, 1],      // Metadata, version 1
        &[0, 0, 0, 9],      // correlation id
        &[0, 2, b'm', b'e'],
        &[0, 0, 0, 0], // no topics
    ];
    assert_eq!(&frame[..], expected.concat());
}
