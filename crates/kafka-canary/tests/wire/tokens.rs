//! Tokens by the client credentials grant, at endpoints that serve, refuse, and babble.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use kafka_canary::settings::{Kafka, OAuth, Sasl};
use kafka_canary::wire::Wire;
use kafka_protocol::messages::{
    ApiKey, SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeResponse,
};
use kafka_protocol::protocol::{Decodable, StrBytes};
use rdkafka::client::ClientContext;

use openssl::ssl::{Ssl, SslAcceptor, SslMethod};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::peer::{KAFKA_4, Peer, kafka, metadata};
use crate::tls::Pair;

/// An endpoint, and how often it was asked.
struct Endpoint {
    url: String,
    asked: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Endpoint {
    /// Answers the n-th request, counted from 1, with what the function says.
    async fn new(answer: fn(usize) -> (StatusCode, String)) -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let app = Router::new().route(
            "/token",
            post(move |headers: HeaderMap, body: String| async move {
                // RFC 6749, 2.3.1: "an id" and "a:secret+" as in a form, then Base64.
                assert_eq!(headers["authorization"], "Basic YW4raWQ6YSUzQXNlY3JldCUyQg==");
                assert_eq!(body, "grant_type=client_credentials&scope=kafka");
                answer(count.fetch_add(1, Ordering::SeqCst) + 1)
            }),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, asked, task }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn wire(&self, server: &str) -> Wire {
        let oauth = OAuth {
            token_endpoint: self.url.clone(),
            client_id: String::from("an id"),
            client_secret: String::from("a:secret+"),
            scope: Some(String::from("kafka")),
            ca: None,
        };
        Wire::new(&Kafka { sasl: Some(Sasl::OAuthBearer(oauth)), ..kafka(&[server]) }).unwrap()
    }
}

fn granted(number: usize, seconds: u64) -> (StatusCode, String) {
    let text = format!(
        r#"{{"access_token":"token-{number}","token_type":"Bearer","expires_in":{seconds}}}"#
    );
    (StatusCode::OK, text)
}

/// A broker that accepts these tokens and gives others the refusal of RFC 7628.
async fn broker(accepts: &'static str) -> Peer {
    const SASL_AUTHENTICATION_FAILED: i16 = 58;
    Peer::serve(move |mut client, _| async move {
        let asked = client.greet(&KAFKA_4).await.unwrap();
        client.answer(&asked, &SaslHandshakeResponse::default()).await;
        let mut asked = client.request().await.unwrap();
        let message = SaslAuthenticateRequest::decode(&mut asked.body, asked.version).unwrap();
        let expected = format!("n,,\x01auth=Bearer {accepts}\x01\x01");
        if message.auth_bytes == expected.as_bytes() {
            client.answer(&asked, &SaslAuthenticateResponse::default()).await;
            while let Some(asked) = client.request().await {
                client.answer(&asked, &metadata(&[(1, String::from("127.0.0.1:1"))].into())).await;
            }
            return;
        }
        let refusal = SaslAuthenticateResponse::default()
            .with_auth_bytes(bytes::Bytes::from_static(br#"{"status":"invalid_token"}"#));
        client.answer(&asked, &refusal).await;
        let mut asked = client.request().await.unwrap();
        assert_eq!(asked.key, ApiKey::SaslAuthenticate);
        let message = SaslAuthenticateRequest::decode(&mut asked.body, asked.version).unwrap();
        assert_eq!(&message.auth_bytes[..], b"\x01");
        let end = SaslAuthenticateResponse::default()
            .with_error_code(SASL_AUTHENTICATION_FAILED)
            .with_error_message(Some(StrBytes::from_static_str("Authentication failed")));
        client.answer(&asked, &end).await;
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_token_serves_all() {
    let endpoint = Endpoint::new(|number| granted(number, 3600)).await;
    let peer = broker("token-1").await;
    let wire = endpoint.wire(&peer.address);
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (wire, address) = (wire.clone(), peer.address.clone());
        all.spawn(async move { wire.connect(&address).await.map(drop) });
    }
    while let Some(outcome) = all.join_next().await {
        assert_eq!(outcome.unwrap(), Ok(()));
    }
    let token = wire.context().generate_oauth_token(None).unwrap();
    assert_eq!((token.token.as_str(), token.principal_name.as_str()), ("token-1", "an id"));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let left = token.lifetime_ms - i64::try_from(now.as_millis()).unwrap();
    assert!((3_500_000..=3_600_000).contains(&left), "{left} ms");
    assert_eq!(endpoint.asked(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_renewed_before_it_expires() {
    let endpoint = Endpoint::new(|number| granted(number, 2)).await;
    let wire = endpoint.wire("127.0.0.1:1");
    let mut seen = std::collections::BTreeSet::new();
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_millis(3500) {
        let token = wire.context().generate_oauth_token(None).unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        assert!(token.lifetime_ms > i64::try_from(now.as_millis()).unwrap(), "expired");
        seen.insert(token.token);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(seen.len() >= 2, "{seen:?}");
    assert!(endpoint.asked() <= 4, "{}", endpoint.asked());
}

/// librdkafka asks from its own threads and from tokio's workers; even with one worker nothing stands still.
#[test]
fn a_first_token_may_be_waited_for_anywhere() {
    for workers in [1, 2] {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers)
            .enable_all()
            .build()
            .unwrap();
        let token = runtime.block_on(async {
            let endpoint = Endpoint::new(|number| granted(number, 3600)).await;
            let context = endpoint.wire("127.0.0.1:1").context();
            // The endpoint itself runs on the workers that wait for it here.
            let waiting =
                tokio::spawn(async move { context.generate_oauth_token(None).unwrap().token });
            waiting.await.unwrap()
        });
        assert_eq!(token, "token-1");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_refuses_is_not_hammered() {
    let endpoint = Endpoint::new(|_| {
        let text = r#"{"error":"invalid_client","error_description":"no such client"}"#;
        (StatusCode::UNAUTHORIZED, text.to_owned())
    })
    .await;
    let wire = endpoint.wire("127.0.0.1:1");
    for _ in 0..50 {
        let error = wire.connect(&crate::peer::nobody().await).await.unwrap_err();
        assert!(["refused", "token"].contains(&error.reason()), "{error}");
    }
    let error = wire.context().generate_oauth_token(None).err().unwrap().to_string();
    assert!(error.contains("invalid_client no such client") && error.contains("secret"), "{error}");
    assert!(!error.contains("a:secret"), "{error}");
    assert!(endpoint.asked() <= 2, "{}", endpoint.asked());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_token_says_what_the_broker_said() {
    let endpoint = Endpoint::new(|number| granted(number, 3600)).await;
    let peer = broker("another token").await;
    let error = endpoint.wire(&peer.address).connect(&peer.address).await.unwrap_err();
    assert_eq!(error.reason(), "authentication");
    assert!(error.to_string().contains("invalid_token"), "{error}");
    assert!(!error.to_string().contains("token-1"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_no_token() {
    let answers: [fn(usize) -> (StatusCode, String); 5] = [
        |_| (StatusCode::OK, String::from("<html>")),
        |_| (StatusCode::OK, String::from(r#"{"access_token":"","expires_in":10}"#)),
        |_| (StatusCode::OK, String::from(r#"{"access_token":"a\u0001b","expires_in":10}"#)),
        |_| (StatusCode::OK, String::from(r#"{"access_token":"a","expires_in":0}"#)),
        |_| (StatusCode::OK, "x".repeat(200_000)),
    ];
    for answer in answers {
        let endpoint = Endpoint::new(answer).await;
        let context = endpoint.wire("127.0.0.1:1").context();
        let error = context.generate_oauth_token(None).err().unwrap().to_string();
        assert!(error.contains(&endpoint.url), "{error}");
    }
}

/// Over TLS, with an authority that only the settings know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_behind_tls() {
    let authority = Pair::authority("authority");
    let server = Pair::new("tokens", &authority, "127.0.0.1", -1, 1);
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    acceptor.set_certificate(&server.certificate).unwrap();
    acceptor.set_private_key(&server.key).unwrap();
    let acceptor = Arc::new(acceptor.build());
    let peer = Peer::serve(move |client, _| {
        let ssl = Ssl::new(acceptor.context()).unwrap();
        async move {
            let mut stream = tokio_openssl::SslStream::new(ssl, client.into_stream()).unwrap();
            if Pin::new(&mut stream).accept().await.is_err() {
                return;
            }
            let mut request = Vec::new();
            while !request.ends_with(b"grant_type=client_credentials") {
                request.push(stream.read_u8().await.unwrap());
            }
            let (_, body) = granted(1, 60);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            let _ = stream.read_u8().await;
        }
    })
    .await;
    let with = |ca: Option<String>| {
        let oauth = OAuth { ca, ..oauth(format!("https://{}/token", peer.address)) };
        let kafka = Kafka { sasl: Some(Sasl::OAuthBearer(oauth)), ..kafka(&["127.0.0.1:1"]) };
        Wire::new(&kafka).unwrap().context()
    };
    let token = with(Some(authority.pem())).generate_oauth_token(None).unwrap();
    assert_eq!(token.token, "token-1");
    let stranger = Pair::authority("stranger").pem();
    for ca in [None, Some(stranger)] {
        let error = with(ca).generate_oauth_token(None).err().unwrap().to_string();
        assert!(error.contains("certificate"), "{error}");
    }
}

fn oauth(token_endpoint: String) -> OAuth {
    OAuth {
        token_endpoint,
        client_id: String::from("id"),
        client_secret: String::from("secret"),
        scope: None,
        ca: None,
    }
}

#[test]
fn endpoints_that_are_none() {
    for url in [
        "",
        "token",
        "ftp://127.0.0.1/token",
        "https://",
        concat!("http:", "//id:hidden@127.0.0.1/"),
    ] {
        let oauth = oauth(url.to_owned());
        let kafka = Kafka { sasl: Some(Sasl::OAuthBearer(oauth)), ..kafka(&["127.0.0.1:1"]) };
        let error = Wire::new(&kafka).err().unwrap();
        assert_eq!(error.reason(), "configuration", "{error}");
        assert!(!error.to_string().contains("hidden"), "{error}");
    }
}
