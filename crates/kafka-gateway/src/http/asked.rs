//! What a request's head says: who asks, in which dialect, with which Idempotency-Key. All of it is known, and refused,
//! before a byte of the body is read.

use std::sync::Arc;

use axum::http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use kafka_gateway_api::{Refusal, Response, push, raw, v3};
use openssl::base64::decode_block;
use openssl::sha::Sha256;

use super::App;
use crate::auth::{Client, Identity};
use crate::metrics::Api;
use crate::settings::Acks;

/// How a path's requests and responses are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// kprf's.
    Push,
    /// Confluent REST v3, one record or a stream of them.
    Records,
    /// Confluent REST v3, a list.
    Batch,
    /// Confluent REST v3, the cluster itself.
    Clusters,
    /// The body is the value.
    Topic,
    /// Paths that nobody serves.
    Other,
}

impl Dialect {
    pub(super) fn api(self) -> Api {
        match self {
            Self::Push => Api::Push,
            Self::Records => Api::Records,
            Self::Batch => Api::Batch,
            Self::Topic => Api::Topic,
            Self::Clusters | Self::Other => Api::Other,
        }
    }

    /// An answer to a request of which no record was looked at.
    pub(super) fn refuse(self, refusal: &Refusal) -> Response {
        match self {
            Self::Push => push::refuse(refusal),
            Self::Records | Self::Batch | Self::Clusters => v3::refuse(refusal),
            Self::Topic | Self::Other => raw::refuse(refusal),
        }
    }

    fn accepts(self, headers: &HeaderMap) -> Result<(), Refusal> {
        // A compressed body would be written compressed, without a word to who reads it.
        if headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            let what = "compressed bodies are not read: leave Content-Encoding out".to_owned();
            return Err(Refusal::UnsupportedMediaType(what));
        }
        match (self, headers.get(CONTENT_TYPE)) {
            // A raw body is what its consumers say it is.
            (Self::Topic, _) => Ok(()),
            // kprf's clients send none, and a body that is no JSON is refused in any case.
            (_, None) => Ok(()),
            (_, Some(kind)) if is_json(kind.as_bytes()) => Ok(()),
            (_, Some(kind)) => Err(Refusal::UnsupportedMediaType(format!(
                "{}: the body must be application/json",
                String::from_utf8_lossy(kind.as_bytes()).escape_debug()
            ))),
        }
    }
}

fn is_json(kind: &[u8]) -> bool {
    const JSON: &[u8] = b"application/json";
    match kind.split_at_checked(JSON.len()) {
        Some((essence, rest)) => {
            essence.eq_ignore_ascii_case(JSON)
                && matches!(rest.trim_ascii_start().first(), None | Some(b';'))
        }
        None => false,
    }
}

/// What a head says.
pub(super) struct Asked {
    pub(super) client: Arc<Client>,
    pub(super) key: Option<String>,
}

impl Asked {
    /// # Errors
    /// Nobody who may ask, a content type that is not read, or a key that is none.
    pub(super) fn new(app: &App, dialect: Dialect, head: &Parts) -> Result<Self, Refusal> {
        let client = client(app, head)?;
        dialect.accepts(&head.headers)?;
        Ok(Self { client, key: idempotency_key(&head.headers)? })
    }
}

/// # Errors
/// Nobody who may ask.
pub(super) fn client(app: &App, head: &Parts) -> Result<Arc<Client>, Refusal> {
    let identity = head.extensions.get::<Arc<Identity>>().map(Arc::as_ref);
    app.clients.identify(api_key(&head.headers)?.as_deref(), identity)
}

/// The key that a client shows: a bearer's token, the password of whatever user, or a header of its own.
fn api_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let text = |name| match headers.get(name) {
        None => Ok(None),
        Some(value) => value.to_str().map(Some).map_err(|_| Refusal::Unauthenticated),
    };
    if let Some(key) = text(API_KEY)? {
        return Ok(Some(key.to_owned()));
    }
    let Some(authorization) = text(AUTHORIZATION)? else {
        return Ok(None);
    };
    let (scheme, credentials) = authorization.split_once(' ').ok_or(Refusal::Unauthenticated)?;
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Some(credentials.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(Refusal::Unauthenticated);
    }
    let decoded = decode_block(credentials).map_err(|_| Refusal::Unauthenticated)?;
    let decoded = String::from_utf8(decoded).map_err(|_| Refusal::Unauthenticated)?;
    let (_, password) = decoded.split_once(':').ok_or(Refusal::Unauthenticated)?;
    Ok(Some(password.to_owned()))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let bytes = value.as_bytes();
    let is_key = (1..=KEY_BYTES).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
    match value.to_str() {
        Ok(key) if is_key && values.next().is_none() => Ok(Some(key.to_owned())),
        _ => Err(Refusal::Malformed(format!(
            "Idempotency-Key must be one value of 1 to {KEY_BYTES} visible ASCII characters"
        ))),
    }
}

/// Of a request, to notice a key that is used for another one. It outlives the process in the write-ahead log, so it
/// must be the same after an upgrade, which the hashes of the standard library do not promise.
pub(super) fn fingerprint(head: &Parts, body: &[u8]) -> u64 {
    let mut hash = Sha256::new();
    for part in [head.method.as_str(), head.uri.path(), head.uri.query().unwrap_or_default()] {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.update(body);
    hash.finish().first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

/// As the dialects write it: Kafka's numbers.
pub(super) fn acks(number: Option<i16>) -> Option<Acks> {
    match number? {
        0 => Some(Acks::None),
        1 => Some(Acks::Leader),
        _ => Some(Acks::All),
    }
}

/// For clients that cannot set `Authorization`.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// As the draft of the IETF names it.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

const KEY_BYTES: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn keys_are_found_wherever_clients_put_them() {
        let key = |name, value| api_key(&headers(name, value));
        assert_eq!(key(API_KEY, "s3cret"), Ok(Some("s3cret".to_owned())));
        assert_eq!(key(AUTHORIZATION, "Bearer s3cret"), Ok(Some("s3cret".to_owned())));
        assert_eq!(key(AUTHORIZATION, "bearer  s3cret"), Ok(Some("s3cret".to_owned())));
        assert_eq!(key(AUTHORIZATION, "Basic dXNlcjpzM2NyZXQ="), Ok(Some("s3cret".to_owned())));
        assert_eq!(key(AUTHORIZATION, "Basic dTphOmI="), Ok(Some("a:b".to_owned())));
        assert_eq!(api_key(&HeaderMap::new()), Ok(None));
        for wrong in ["s3cret", "Digest x", "Basic !!", "Basic dXNlcg==", ""] {
            assert_eq!(key(AUTHORIZATION, wrong), Err(Refusal::Unauthenticated), "{wrong}");
        }
    }

    #[test]
    fn only_json_is_json() {
        for json in ["application/json", "Application/JSON; charset=utf-8", "application/json ;x"] {
            assert!(is_json(json.as_bytes()), "{json}");
        }
        for other in ["", "text/plain", "application/jsonx", "application/json-patch+json"] {
            assert!(!is_json(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn idempotency_keys_are_bounded() {
        assert_eq!(idempotency_key(&HeaderMap::new()), Ok(None));
        assert_eq!(idempotency_key(&headers(IDEMPOTENCY_KEY, "a~!")), Ok(Some("a~!".to_owned())));
        for wrong in ["", "a b", "\t"] {
            assert!(idempotency_key(&headers(IDEMPOTENCY_KEY, wrong)).is_err(), "{wrong:?}");
        }
        let long = HeaderValue::from_str(&"k".repeat(256)).unwrap();
        assert!(idempotency_key(&HeaderMap::from_iter([(IDEMPOTENCY_KEY, long)])).is_err());
        let mut twice = headers(IDEMPOTENCY_KEY, "a");
        twice.append(IDEMPOTENCY_KEY, HeaderValue::from_static("a"));
        assert!(idempotency_key(&twice).is_err());
    }

    #[test]
    fn a_fingerprint_is_the_same_in_every_release() {
        let (head, ()) =
            axum::http::Request::post("/topics/a?key=b").body(()).unwrap().into_parts();
        let expected = openssl::sha::sha256(
            b"\0\0\0\0\0\0\0\x04POST\0\0\0\0\0\0\0\x09/topics/a\0\0\0\0\0\0\0\x05key=bbody",
        );
        assert_eq!(fingerprint(&head, b"body").to_be_bytes(), expected[..8]);
        assert_ne!(fingerprint(&head, b"body "), fingerprint(&head, b"body"));
    }
}
