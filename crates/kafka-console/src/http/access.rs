//! Who may read: everybody, who has the token, or whom a trusted proxy names. A token is compared in constant time and
//! never leaves this module; a browser gets a cookie instead, which is this process's own secret and not the token.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use axum::http::{HeaderMap, HeaderValue, header};
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;

use crate::settings::{AccessSettings, Trusted};

/// Who may read.
pub struct Access {
    token: Option<Token>,
    trusted: Option<Trusted>,
    changes: watch::Sender<u64>,
}

struct Token {
    file: PathBuf,
    now: RwLock<Secrets>,
}

/// The token of the file, and what stands for it in browsers: a new one when the token changes.
struct Secrets {
    token: String,
    cookie: String,
}

/// How somebody who was refused gets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// With the token.
    Token,
    /// Through the proxy.
    Proxy,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("token", &self.token.as_ref().map(|token| &token.file))
            .field("trusted", &self.trusted)
            .finish()
    }
}

impl Access {
    /// Reads the token.
    ///
    /// # Errors
    /// The file cannot be read, or its token is too short; or there is no randomness.
    pub fn new(settings: &AccessSettings) -> Result<Self, String> {
        let token = match &settings.token_file {
            None => None,
            Some(file) => {
                let secrets = Secrets { token: read(file)?, cookie: random()? };
                Some(Token { file: file.clone(), now: RwLock::new(secrets) })
            }
        };
        Ok(Self { token, trusted: settings.trusted.clone(), changes: watch::Sender::default() })
    }

    /// Whether everybody may read.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.token.is_none() && self.trusted.is_none()
    }

    /// Whether a request may read; otherwise how to get in.
    pub(super) fn check(&self, headers: &HeaderMap, peer: IpAddr) -> Result<(), Way> {
        if self.is_open() || self.is_named(headers, peer) || self.has_secret(headers) {
            return Ok(());
        }
        Err(if self.token.is_some() { Way::Token } else { Way::Proxy })
    }

    /// The cookie of somebody who shows the token; it ends with the browser's session, or when the token changes.
    pub(super) fn log_in(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        // Compared and answered with the secrets of one moment: who shows the old token gets no new cookie.
        let now = self.token.as_ref()?.now.read().unwrap_or_else(PoisonError::into_inner);
        if !now.has_token(headers) {
            return None;
        }
        // This process speaks no TLS, and knows of it by what stands in front of it. Whoever lies about it harms only
        // the own cookie; without TLS a browser would not send back a cookie that has `Secure`.
        let tls = headers.get(FORWARDED_PROTO).is_some_and(|scheme| {
            scheme.as_bytes().split(|byte| *byte == b',').next() == Some(b"https")
        });
        set_cookie(&now.cookie, if tls { "; Secure" } else { "" })
    }

    /// Rises when the token changes: who reads on must ask again whether it may.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Takes the cookie back.
    pub(super) fn log_out() -> Option<HeaderValue> {
        set_cookie("", "; Max-Age=0")
    }

    /// Follows the file. What cannot be read leaves the old token in force.
    pub(super) async fn read_again(&self) {
        let Some(token) = &self.token else { return };
        let file = token.file.clone();
        let result = tokio::task::spawn_blocking(move || read(&file)).await;
        let new = match result {
            Ok(Ok(new)) => new,
            Ok(Err(error)) => {
                tracing::warn!("{error}; the old token stays in force");
                return;
            }
            Err(_) => return,
        };
        let mut now = token.now.write().unwrap_or_else(PoisonError::into_inner);
        if now.token == new {
            return;
        }
        match random() {
            Ok(cookie) => {
                *now = Secrets { token: new, cookie };
                self.changes.send_modify(|change| *change = change.wrapping_add(1));
                tracing::info!("the token has changed; browsers have to log in again");
            }
            Err(error) => tracing::warn!("{error}; the old token stays in force"),
        }
    }

    fn is_named(&self, headers: &HeaderMap, peer: IpAddr) -> bool {
        let Some(trusted) = &self.trusted else { return false };
        // An IPv4 address that came over an IPv6 socket is meant as the former.
        let peer = peer.to_canonical();
        trusted.networks.iter().any(|network| network.contains(&peer))
            && headers.get(trusted.header.as_str()).is_some_and(|name| !name.is_empty())
    }

    fn has_secret(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return false };
        let now = token.now.read().unwrap_or_else(PoisonError::into_inner);
        now.has_token(headers) || now.has_cookie(headers)
    }
}

impl Secrets {
    fn has_token(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        });
        given.is_some_and(|given| bool::from(given.as_bytes().ct_eq(self.token.as_bytes())))
    }

    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .any(|(name, value)| {
                name == COOKIE && bool::from(value.as_bytes().ct_eq(self.cookie.as_bytes()))
            })
    }
}

/// `Lax` would do for pages that only read; `Strict` also keeps others' pages from showing that somebody is logged in.
fn set_cookie(value: &str, end: &str) -> Option<HeaderValue> {
    let cookie = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict{end}");
    HeaderValue::try_from(cookie).ok()
}

fn read(file: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("token-file {}: {error}", file.display()))?;
    let token = text.trim();
    if token.len() < TOKEN_BYTES_MIN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!(
            "token-file {}: a token is {TOKEN_BYTES_MIN} printable characters at least, without blanks; \
             `openssl rand -hex 32` makes one",
            file.display()
        ));
    }
    Ok(token.to_owned())
}

fn random() -> Result<String, String> {
    use std::io::Read as _;
    let mut bytes = [0_u8; 32];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| format!("/dev/urandom: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

const COOKIE: &str = "kafka_console";

const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// Shorter ones are guessed.
const TOKEN_BYTES_MIN: usize = 16;

#[cfg(test)]
mod tests;
