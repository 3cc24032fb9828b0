//! Peers that break the rules of frames and versions, or are no Kafka.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kafka_canary::wire::{Connection, Failure, Wire, WireError};
use kafka_protocol::messages::{ApiKey, ApiVersionsResponse, MetadataRequest};

use crate::peer::{
    Client, KAFKA_4, Peer, api_versions, framed, impatient, kafka, metadata, plain_broker,
};

async fn ask(connection: &mut Connection) -> Result<usize, WireError> {
    let response = connection.call(&MetadataRequest::default()).await?;
    Ok(response.brokers.len())
}

/// A peer that greets as it should and answers the first request with these bytes.
async fn answering(bytes: Vec<u8>) -> Peer {
    Peer::serve(move |mut client, _| {
        let bytes = bytes.clone();
        async move {
            if client.greet(&KAFKA_4).await.is_some() {
                client.write(&bytes).await;
                std::future::pending::<()>().await;
            }
        }
    })
    .await
}

/// What a request to a peer that answers with these bytes ends in.
async fn answered_with(bytes: Vec<u8>) -> WireError {
    let peer = answering(bytes).await;
    let wire = Wire::new(&kafka(&[&peer.address])).unwrap();
    let mut connection = wire.connect(&peer.address).await.unwrap();
    let begun = Instant::now();
    let error = ask(&mut connection).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(5), "not by waiting: {error}");
    assert!(!connection.is_usable());
    error
}

#[tokio::test]
async fn a_broker_that_keeps_the_rules() {
    let peer = plain_broker().await;
    let wire = Wire::new(&kafka(&[&peer.address])).unwrap();
    let mut connection = wire.connect(&peer.address).await.unwrap();
    for _ in 0..3 {
        assert_eq!(ask(&mut connection).await, Ok(1));
    }
    assert_eq!(peer.accepted(), 1);
}

#[tokio::test]
async fn sizes_that_no_frame_has() {
    for size in [i32::MAX, -1, 0, 5 * 1024 * 1024] {
        let error = answered_with(size.to_be_bytes().to_vec()).await;
        assert_eq!(error.failure(), Failure::Protocol, "{error}");
        assert!(error.to_string().contains(&size.to_string()), "{error}");
    }
}

#[tokio::test]
async fn tls_and_http_where_kafka_should_be() {
    let error = answered_with(vec![0x15, 3, 3, 0, 2, 2, 80]).await;
    assert_eq!(error.reason(), "tls");
    assert!(error.to_string().contains("TLS_ENABLED=true"), "{error}");
    let error = answered_with(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()).await;
    assert_eq!(error.reason(), "protocol");
    assert!(error.to_string().contains("HTTP"), "{error}");
}

#[tokio::test]
async fn a_response_to_another_request() {
    let error = answered_with(framed(&[0, 0, 0, 99, 0, 0, 0, 0, 0])).await;
    assert_eq!(error.reason(), "protocol");
    assert!(error.to_string().contains("answered with 99"), "{error}");
}

#[tokio::test]
async fn a_count_that_would_take_all_memory() {
    // The second request has correlation id 2; Metadata 13 has a header with tags and compact counts.
    let mut message = vec![0, 0, 0, 2, 0, 0, 0, 0, 0];
    message.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0]);
    let error = answered_with(framed(&message)).await;
    assert_eq!(error.reason(), "protocol");
    assert!(error.to_string().contains("malformed"), "{error}");
}

#[tokio::test]
async fn half_a_frame_and_silence() {
    let peer = answering(vec![0, 0, 0, 100, 0, 0]).await;
    let wire = Wire::new(&impatient(&[&peer.address])).unwrap();
    let mut connection = wire.connect(&peer.address).await.unwrap();
    let error = ask(&mut connection).await.unwrap_err();
    assert_eq!(error.reason(), "timeout");
    let error = ask(&mut connection).await.unwrap_err();
    assert_eq!(error.reason(), "closed", "the connection is of no use any more: {error}");
}

#[tokio::test]
async fn half_a_frame_and_the_end() {
    let peer = Peer::serve(|mut client, _| async move {
        client.greet(&KAFKA_4).await;
        client.write(&[0, 0, 0, 100, 0, 0]).await;
    })
    .await;
    let wire = Wire::new(&kafka(&[&peer.address])).unwrap();
    let mut connection = wire.connect(&peer.address).await.unwrap();
    let error = ask(&mut connection).await.unwrap_err();
    assert_eq!(error.reason(), "closed");
    assert!(error.to_string().contains("6 bytes into"), "{error}");
}

#[tokio::test]
async fn silence_from_the_start() {
    let peer = Peer::silent().await;
    let wire = Wire::new(&impatient(&[&peer.address])).unwrap();
    let begun = Instant::now();
    let error = wire.connect(&peer.address).await.unwrap_err();
    assert_eq!(error.reason(), "timeout");
    assert!(error.to_string().contains("ApiVersions"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn nobody_at_all() {
    let address = crate::peer::nobody().await;
    let wire = Wire::new(&kafka(&[&address])).unwrap();
    let error = wire.connect(&address).await.unwrap_err();
    assert_eq!(error.reason(), "refused");
    let error = wire.connect("no-such-host.invalid:9092").await.unwrap_err();
    assert_eq!(error.reason(), "dns", "{error}");
    let error = wire.connect("9092").await.unwrap_err();
    assert_eq!(error.reason(), "configuration", "{error}");
}

/// The answer to a request that was given up must never be taken for the next one's.
#[tokio::test]
async fn a_dropped_request_poisons_its_connection() {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let peer = Peer::serve(move |mut client: Client, _| {
        let count = Arc::clone(&count);
        async move {
            let mut asked = client.greet(&KAFKA_4).await;
            while let Some(request) = asked {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(200)).await;
                client.answer(&request, &metadata(&std::collections::BTreeMap::new())).await;
                asked = client.request().await;
            }
        }
    })
    .await;
    let wire = Wire::new(&kafka(&[&peer.address])).unwrap();
    let mut connection = wire.connect(&peer.address).await.unwrap();
    let given_up = tokio::time::timeout(Duration::from_millis(50), ask(&mut connection)).await;
    assert!(given_up.is_err());
    assert!(!connection.is_usable());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(ask(&mut connection).await.unwrap_err().reason(), "closed");
    assert_eq!(seen.load(Ordering::SeqCst), 1, "nothing more was sent on it");
}

/// KIP-511: a broker that does not know the version of ApiVersions answers in version 0 with error 35.
#[tokio::test]
async fn an_old_broker_refuses_the_version_of_api_versions() {
    const UNSUPPORTED_VERSION: i16 = 35;
    let peer = Peer::serve(|mut client, _| async move {
        let asked = client.request().await.unwrap();
        assert_eq!((asked.key, asked.version), (ApiKey::ApiVersions, 3));
        let refusal = ApiVersionsResponse::default().with_error_code(UNSUPPORTED_VERSION);
        client.answer_in(&asked, 0, &refusal).await;
        let asked = client.request().await.unwrap();
        assert_eq!((asked.key, asked.version), (ApiKey::ApiVersions, 0));
        client.answer(&asked, &api_versions(&[(ApiKey::Metadata, 0, 2)])).await;
        let asked = client.request().await.unwrap();
        assert_eq!((asked.key, asked.version), (ApiKey::Metadata, 2));
        let brokers = [(1, String::from("127.0.0.1:9092"))].into();
        client.answer(&asked, &metadata(&brokers)).await;
    })
    .await;
    let wire = Wire::new(&kafka(&[&peer.address])).unwrap();
    let mut connection = wire.connect(&peer.address).await.unwrap();
    let request = MetadataRequest::default();
    assert_eq!(connection.call(&request).await.map(|response| response.brokers.len()), Ok(1));
}

#[tokio::test]
async fn requests_that_the_broker_does_not_have() {
    for versions in [&[][..], &[(ApiKey::Metadata, 90, 99)][..]] {
        let peer = Peer::serve(move |mut client, _| async move {
            client.greet(versions).await;
        })
        .await;
        let wire = Wire::new(&kafka(&[&peer.address])).unwrap();
        let mut connection = wire.connect(&peer.address).await.unwrap();
        let error = ask(&mut connection).await.unwrap_err();
        assert_eq!(error.reason(), "unsupported", "{error}");
        assert!(connection.is_usable(), "nothing was sent");
    }
}
