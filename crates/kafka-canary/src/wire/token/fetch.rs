//! One request to the token endpoint and its answer (RFC 6749, 2.3.1, 4.4, 5.1, 5.2).

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use serde::Deserialize;

use super::Token;
use crate::settings::OAuth;
use crate::wire::error::{Failure, WireError};

/// Where tokens come from.
pub(super) struct Endpoint {
    client: reqwest::Client,
    url: reqwest::Url,
    authorization: HeaderValue,
    form: Vec<(&'static str, String)>,
}

/// What a good answer has in it.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Option<u64>,
}

/// What a refusal has in it.
#[derive(Deserialize)]
struct Refused {
    error: String,
    error_description: Option<String>,
}

impl Endpoint {
    pub(super) fn new(oauth: &OAuth, timeout: Duration) -> Result<Self, WireError> {
        let url = reqwest::Url::parse(&oauth.token_endpoint)
            .ok()
            .filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
            // An address is shown in errors and logs.
            .filter(|url| url.username().is_empty() && url.password().is_none())
            .ok_or_else(|| {
                WireError::configuration(ENDPOINT_VARIABLE, "not the address of a token endpoint")
                    .remedy("write an https or http URL, without id and secret in it")
            })?;
        if url.scheme() == "http" {
            tracing::warn!("the OAuth client's secret goes to {url} without TLS");
        }
        let mut client = reqwest::Client::builder()
            .timeout(timeout)
            // A redirect would carry the secret to where the settings do not say.
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0);
        if let Some(ca) = &oauth.ca {
            let certificates = reqwest::Certificate::from_pem_bundle(ca.as_bytes())
                .ok()
                .filter(|certificates| !certificates.is_empty())
                .ok_or_else(|| {
                    WireError::configuration(CA_VARIABLE, "no certificate in it")
                        .remedy("give a path or a text with -----BEGIN CERTIFICATE----- (PEM)")
                })?;
            client = client.tls_certs_only(certificates);
        }
        let client = client.build().map_err(|error| {
            WireError::configuration(CA_VARIABLE, format!("no HTTP client: {error}"))
        })?;
        let mut form = vec![("grant_type", String::from("client_credentials"))];
        form.extend(oauth.scope.clone().map(|scope| ("scope", scope)));
        Ok(Self { client, url, authorization: basic(oauth)?, form })
    }

    pub(super) async fn fetch(&self) -> Result<Token, WireError> {
        let mut response = self
            .client
            .post(self.url.clone())
            .header(AUTHORIZATION, self.authorization.clone())
            .form(&self.form)
            .send()
            .await
            .map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if body.len().saturating_add(piece.len()) > ANSWER_BYTES_MAX {
                return Err(self.failed(format!("the answer has over {ANSWER_BYTES_MAX} bytes")));
            }
            body.extend_from_slice(&piece);
        }
        if !status.is_success() {
            return Err(self.refused(status, &body));
        }
        let granted: Granted = serde_json::from_slice(&body)
            .map_err(|_| self.failed("the answer is not the JSON of a token"))?;
        if granted.access_token.is_empty() || granted.access_token.contains(char::is_control) {
            return Err(self.failed("the answer's access_token cannot be sent"));
        }
        let lifetime = granted.expires_in.map_or(LIFETIME_UNSAID, Duration::from_secs);
        if lifetime.is_zero() {
            return Err(self.failed("the token has expired when it comes"));
        }
        Ok(Token::new(granted.access_token, lifetime.min(LIFETIME_MAX)))
    }

    fn refused(&self, status: reqwest::StatusCode, body: &[u8]) -> WireError {
        let said = serde_json::from_slice::<Refused>(body).map(|refused| {
            let description = refused.error_description.unwrap_or_default();
            format!(": {} {description}", refused.error)
        });
        let said: String = said.unwrap_or_default().chars().take(SAID_CHARS).collect();
        self.failed(format!("the token endpoint answers {status}{said}"))
            .remedy("check the OAuth client's id, secret and scope")
    }

    fn unreachable(&self, error: &reqwest::Error) -> WireError {
        let mut why = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            why = format!("{why}: {cause}");
            source = cause.source();
        }
        self.failed(format!("no token: {why}"))
            .remedy("check the token endpoint's address and certificate")
    }

    fn failed(&self, what: impl Into<String>) -> WireError {
        WireError::new(Failure::Token, self.url.as_str(), what)
    }
}

/// RFC 6749, 2.3.1: id and secret, each encoded as in a form, then Basic.
fn basic(oauth: &OAuth) -> Result<HeaderValue, WireError> {
    let pair = format!("{}:{}", encoded(&oauth.client_id), encoded(&oauth.client_secret));
    let header = format!("Basic {}", openssl::base64::encode_block(pair.as_bytes()));
    let mut header = HeaderValue::from_str(&header).map_err(|_| {
        WireError::configuration("KAFKA_CANARY_OAUTH_CLIENT_ID", "makes no HTTP header")
    })?;
    header.set_sensitive(true);
    Ok(header)
}

/// `application/x-www-form-urlencoded`.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b' ' => String::from("+"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Where the address comes from, and the certificates to trust there.
const ENDPOINT_VARIABLE: &str = "KAFKA_CANARY_OAUTH_TOKEN_ENDPOINT";
const CA_VARIABLE: &str = "KAFKA_CANARY_OAUTH_CA_CERT";
/// Largest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How much of the endpoint's words an error repeats.
const SAID_CHARS: usize = 300;
/// How long a token is taken to be good for when the answer does not say (RFC 6749, 5.1 only recommends it).
const LIFETIME_UNSAID: Duration = Duration::from_secs(300);
/// Longer lives are not believed: a token is fetched at least daily.
const LIFETIME_MAX: Duration = Duration::from_secs(24 * 3600);
