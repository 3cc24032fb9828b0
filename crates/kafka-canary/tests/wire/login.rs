//! Logins by all mechanisms at brokers that refuse, cheat, or let a session last but a moment.

use std::time::Duration;

use bytes::Bytes;
use kafka_canary::settings::{Credentials, Kafka, Sasl};
use kafka_canary::wire::{Wire, WireError};
use kafka_protocol::messages::{
    ApiKey, MetadataRequest, SaslAuthenticateRequest, SaslAuthenticateResponse,
    SaslHandshakeRequest, SaslHandshakeResponse,
};
use kafka_protocol::protocol::{Decodable, StrBytes};

use crate::peer::{Client, KAFKA_4, Peer, kafka, metadata};

const SASL_AUTHENTICATION_FAILED: i16 = 58;
const UNSUPPORTED_SASL_MECHANISM: i16 = 33;
const ILLEGAL_SASL_STATE: i16 = 34;

fn settings(peer: &Peer, sasl: fn(Credentials) -> Sasl) -> Kafka {
    let login = Credentials { user: String::from("user"), password: String::from("pencil") };
    Kafka { sasl: Some(sasl(login)), ..kafka(&[&peer.address]) }
}

async fn log_in(peer: &Peer, sasl: fn(Credentials) -> Sasl) -> Result<(), WireError> {
    let wire = Wire::new(&settings(peer, sasl)).unwrap();
    wire.connect(&peer.address).await.map(drop)
}

/// Greets, and accepts the mechanism; returns its name.
async fn shake_hands(client: &mut Client) -> String {
    let mut asked = client.greet(&KAFKA_4).await.unwrap();
    assert_eq!((asked.key, asked.version), (ApiKey::SaslHandshake, 1));
    let shaken = SaslHandshakeRequest::decode(&mut asked.body, asked.version).unwrap();
    client.answer(&asked, &SaslHandshakeResponse::default()).await;
    shaken.mechanism.to_string()
}

/// Reads one message of the mechanism and answers it.
async fn step(client: &mut Client, answer: impl FnOnce(Bytes) -> SaslAuthenticateResponse) {
    let mut asked = client.request().await.unwrap();
    assert_eq!(asked.key, ApiKey::SaslAuthenticate);
    let message = SaslAuthenticateRequest::decode(&mut asked.body, asked.version).unwrap();
    client.answer(&asked, &answer(message.auth_bytes)).await;
}

fn accepted() -> SaslAuthenticateResponse {
    SaslAuthenticateResponse::default()
}

fn says(text: &str) -> SaslAuthenticateResponse {
    SaslAuthenticateResponse::default().with_auth_bytes(Bytes::from(text.to_owned()))
}

fn refuses(text: &'static str) -> SaslAuthenticateResponse {
    SaslAuthenticateResponse::default()
        .with_error_code(SASL_AUTHENTICATION_FAILED)
        .with_error_message(Some(StrBytes::from_static_str(text)))
}

#[tokio::test]
async fn plain_sends_user_and_password_and_no_more() {
    let peer = Peer::serve(|mut client, _| async move {
        assert_eq!(shake_hands(&mut client).await, "PLAIN");
        step(&mut client, |message| {
            assert_eq!(&message[..], b"\0user\0pencil");
            accepted()
        })
        .await;
        client.request().await;
    })
    .await;
    assert_eq!(log_in(&peer, Sasl::Plain).await, Ok(()));
}

#[tokio::test]
async fn a_wrong_password_says_what_the_broker_said_and_no_secret() {
    let peer = Peer::serve(|mut client, _| async move {
        shake_hands(&mut client).await;
        step(&mut client, |_| refuses("Invalid username or password")).await;
    })
    .await;
    let error = log_in(&peer, Sasl::Plain).await.unwrap_err();
    assert_eq!(error.reason(), "authentication");
    let text = error.to_string();
    assert!(
        text.contains("Invalid username or password") && text.contains("SASL_PASSWORD"),
        "{text}"
    );
    assert!(!text.contains("pencil"), "{text}");
}

#[tokio::test]
async fn a_refused_login_is_not_tried_at_every_broker() {
    let refusing = || {
        Peer::serve(|mut client, _| async move {
            shake_hands(&mut client).await;
            step(&mut client, |_| refuses("no")).await;
        })
    };
    let (first, second) = (refusing().await, refusing().await);
    let mut kafka = settings(&first, Sasl::Plain);
    kafka.bootstrap.push(second.address.clone());
    let error = Wire::new(&kafka).unwrap().bootstrap().await.unwrap_err();
    assert_eq!(error.reason(), "authentication");
    assert_eq!((first.accepted(), second.accepted()), (1, 0));
}

#[tokio::test]
async fn mechanisms_that_the_broker_offers_are_listed() {
    let peer = Peer::serve(|mut client, _| async move {
        let asked = client.greet(&KAFKA_4).await.unwrap();
        let names = ["GSSAPI", "SCRAM-SHA-512"].map(StrBytes::from_static_str);
        let response = SaslHandshakeResponse::default()
            .with_error_code(UNSUPPORTED_SASL_MECHANISM)
            .with_mechanisms(names.to_vec());
        client.answer(&asked, &response).await;
    })
    .await;
    let error = log_in(&peer, Sasl::Plain).await.unwrap_err();
    assert_eq!(error.reason(), "unsupported");
    assert!(error.to_string().contains("GSSAPI, SCRAM-SHA-512"), "{error}");
}

#[tokio::test]
async fn a_listener_without_login() {
    let peer = Peer::serve(|mut client, _| async move {
        let asked = client.greet(&KAFKA_4).await.unwrap();
        let response = SaslHandshakeResponse::default().with_error_code(ILLEGAL_SASL_STATE);
        client.answer(&asked, &response).await;
    })
    .await;
    let error = log_in(&peer, Sasl::Plain).await.unwrap_err();
    assert_eq!(error.reason(), "unsupported");
    assert!(error.to_string().contains("unset SASL_MECHANISM"), "{error}");
}

/// A listener with login closes the connection of a client that sends something else.
#[tokio::test]
async fn a_listener_that_wants_a_login() {
    let peer = Peer::serve(|mut client, _| async move {
        client.greet(&KAFKA_4).await;
    })
    .await;
    let wire = Wire::new(&kafka(&[&peer.address])).unwrap();
    let mut connection = wire.connect(&peer.address).await.unwrap();
    let error = connection.call(&MetadataRequest::default()).await.unwrap_err();
    assert_eq!(error.reason(), "closed");
    assert!(error.to_string().contains("SASL_MECHANISM"), "{error}");
}

/// The client's nonce in its first message.
fn nonce(message: &[u8]) -> String {
    let text = std::str::from_utf8(message).unwrap();
    text.strip_prefix("n,,n=user,r=").unwrap().to_owned()
}

async fn scram_challenge(challenge: fn(String) -> String) -> WireError {
    let peer = Peer::serve(move |mut client, _| async move {
        assert_eq!(shake_hands(&mut client).await, "SCRAM-SHA-256");
        step(&mut client, |message| says(&challenge(nonce(&message)))).await;
        assert!(client.request().await.is_none(), "nothing is proved to such a broker");
    })
    .await;
    log_in(&peer, Sasl::ScramSha256).await.unwrap_err()
}

#[tokio::test]
async fn challenges_that_are_refused() {
    for (challenge, text) in [
        ((|_| String::from("r=other,s=c2FsdA==,i=4096")) as fn(String) -> String, "nonce"),
        (|nonce| format!("r={nonce}x,s=c2FsdA==,i=1"), "1 iterations"),
        (|nonce| format!("r={nonce}x,s=c2FsdA==,i=2000000000"), "2000000000 iterations"),
        (|_| String::from("nonsense"), "malformed"),
    ] {
        let error = scram_challenge(challenge).await;
        assert_eq!(error.reason(), "authentication");
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[tokio::test]
async fn a_broker_that_does_not_know_the_password_itself() {
    let peer = Peer::serve(|mut client, _| async move {
        shake_hands(&mut client).await;
        step(&mut client, |message| says(&format!("r={}x,s=c2FsdA==,i=4096", nonce(&message))))
            .await;
        step(&mut client, |_| says("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")).await;
        client.request().await;
    })
    .await;
    let error = log_in(&peer, Sasl::ScramSha256).await.unwrap_err();
    assert_eq!(error.reason(), "authentication");
    assert!(error.to_string().contains("signature does not fit"), "{error}");
}

/// KIP-368: before the session ends the connection is replaced, and the request goes over the new one.
#[tokio::test]
async fn a_session_that_ends_is_renewed() {
    let peer = Peer::serve(|mut client, _| async move {
        shake_hands(&mut client).await;
        step(&mut client, |_| accepted().with_session_lifetime_ms(400)).await;
        let begun = std::time::Instant::now();
        while let Some(asked) = client.request().await {
            assert!(begun.elapsed() < Duration::from_millis(400), "after the session's end");
            client.answer(&asked, &metadata(&[(1, String::from("127.0.0.1:1"))].into())).await;
        }
    })
    .await;
    let wire = Wire::new(&settings(&peer, Sasl::Plain)).unwrap();
    let mut connection = wire.connect(&peer.address).await.unwrap();
    for round in 1..=3 {
        connection.call(&MetadataRequest::default()).await.unwrap();
        assert_eq!(peer.accepted(), round);
        tokio::time::sleep(Duration::from_millis(350)).await;
    }
}

#[test]
fn names_and_passwords_that_no_mechanism_can_carry() {
    for (user, password) in [("", "x"), ("a\0b", "x"), ("a", "x\0")] {
        let login = Credentials { user: user.to_owned(), password: password.to_owned() };
        let kafka = Kafka { sasl: Some(Sasl::Plain(login)), ..kafka(&["127.0.0.1:9092"]) };
        let error = Wire::new(&kafka).err().unwrap();
        assert_eq!(error.reason(), "configuration", "{error}");
    }
}

#[test]
fn settings_of_librdkafka_are_checked_by_name() {
    let mut kafka = kafka(&["127.0.0.1:9092"]);
    kafka.librdkafka = vec![(String::from("no.such.setting"), String::from("1"))];
    let error = Wire::new(&kafka).err().unwrap();
    assert_eq!(error.reason(), "configuration");
    assert!(error.to_string().contains("no.such.setting"), "{error}");
}
