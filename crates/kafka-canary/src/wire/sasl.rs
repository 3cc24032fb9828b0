//! The login: SaslHandshake, then the mechanism's messages in SaslAuthenticate.
//!
//! Nothing is sent that the mechanism does not need, and no secret is ever in an error or a log. Each refusal says what
//! the broker said and what to change. References: KIP-43, KIP-152 (SaslHandshake 1), KIP-368 (lifetime of a session),
//! RFC 4616 (PLAIN), RFC 7628 (OAUTHBEARER).

mod scram;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{
    SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest,
};
use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;

use super::connection::Connection;
use super::error::{Failure, WireError};
use super::token::Tokens;
use crate::settings::{Credentials, Sasl};

/// How to log in, and what is kept between logins.
pub(super) struct Login {
    mechanism: &'static str,
    way: Way,
}

enum Way {
    Plain(Credentials),
    Scram { hash: scram::Hash, credentials: Credentials, salted: Mutex<Option<scram::Salted>> },
    Token(Arc<Tokens>),
}

impl Login {
    /// # Errors
    /// A user name or password that no mechanism can carry; settings of the token endpoint that cannot work.
    pub(super) fn new(sasl: &Sasl, timeout: Duration) -> Result<Self, WireError> {
        let way = match sasl {
            Sasl::Plain(credentials) => Way::Plain(checked(credentials)?),
            Sasl::ScramSha256(credentials) => scram_way(scram::Hash::Sha256, credentials)?,
            Sasl::ScramSha512(credentials) => scram_way(scram::Hash::Sha512, credentials)?,
            Sasl::OAuthBearer(oauth) => Way::Token(Tokens::new(oauth, timeout)?),
        };
        Ok(Self { mechanism: sasl.mechanism(), way })
    }

    /// The source of tokens, when the login is by token.
    pub(super) fn tokens(&self) -> Option<Arc<Tokens>> {
        match &self.way {
            Way::Token(tokens) => Some(Arc::clone(tokens)),
            Way::Plain(_) | Way::Scram { .. } => None,
        }
    }
}

fn scram_way(hash: scram::Hash, credentials: &Credentials) -> Result<Way, WireError> {
    Ok(Way::Scram { hash, credentials: checked(credentials)?, salted: Mutex::new(None) })
}

fn checked(credentials: &Credentials) -> Result<Credentials, WireError> {
    if credentials.user.is_empty() {
        return Err(WireError::configuration("SASL_USER", "empty").remedy("give the user's name"));
    }
    for (variable, text) in
        [("SASL_USER", &credentials.user), ("SASL_PASSWORD", &credentials.password)]
    {
        if text.contains('\0') {
            return Err(WireError::configuration(variable, "has a NUL character in it"));
        }
    }
    Ok(credentials.clone())
}

/// Logs in when the settings say so.
///
/// # Errors
/// The broker refuses the mechanism or the credentials, or proves not to know the password itself.
pub(super) async fn log_in(
    connection: &mut Connection,
    deadline: Instant,
) -> Result<(), WireError> {
    let shared = Arc::clone(&connection.shared);
    let Some(login) = &shared.login else { return Ok(()) };
    // Before the handshake: it may take a while, and brokers give a login little time.
    let token = match &login.way {
        Way::Token(tokens) => Some(tokens.current(deadline).await?),
        Way::Plain(_) | Way::Scram { .. } => None,
    };
    let mut dialog = Dialog { connection, mechanism: login.mechanism, deadline, lifetime: 0 };
    dialog.handshake().await?;
    match &login.way {
        Way::Plain(credentials) => {
            dialog.send(plain(credentials)).await?;
        }
        Way::Scram { hash, credentials, salted } => {
            dialog.scram(*hash, credentials, salted).await?;
        }
        Way::Token(_) => dialog.bearer(token.unwrap_or_default().value()).await?,
    }
    let lifetime = u64::try_from(dialog.lifetime).unwrap_or_default();
    connection.set_logged_in();
    if lifetime > 0 {
        connection.set_session_lifetime(Duration::from_millis(lifetime));
    }
    Ok(())
}

/// Messages of one login.
struct Dialog<'a> {
    connection: &'a mut Connection,
    mechanism: &'static str,
    deadline: Instant,
    /// Milliseconds that the broker grants the session; 0 is no limit.
    lifetime: i64,
}

impl Dialog<'_> {
    async fn handshake(&mut self) -> Result<(), WireError> {
        let version = self.connection.version::<SaslHandshakeRequest>()?;
        if version < HANDSHAKE_FRAMED {
            let what = "the broker knows only SaslHandshake 0";
            return Err(WireError::new(Failure::Unsupported, self.connection.address(), what)
                .remedy("the canary works with Kafka 2.8 and newer"));
        }
        let request = SaslHandshakeRequest::default()
            .with_mechanism(StrBytes::from_static_str(self.mechanism));
        let response = self.connection.exchange(&request, version, self.deadline).await?;
        let offered: Vec<&str> = response.mechanisms.iter().map(|name| name.as_str()).collect();
        match response.error_code {
            0 => Ok(()),
            UNSUPPORTED_SASL_MECHANISM => {
                let what = format!("the broker does not offer {}", self.mechanism);
                Err(WireError::new(Failure::Unsupported, self.connection.address(), what).remedy(
                    format!("set SASL_MECHANISM to one that it offers: {}", offered.join(", ")),
                ))
            }
            ILLEGAL_SASL_STATE => {
                let what = "the listener wants no login";
                Err(WireError::new(Failure::Unsupported, self.connection.address(), what)
                    .remedy("use the port of a SASL listener, or unset SASL_MECHANISM"))
            }
            code => {
                let name = kafka_wire::error_code::name(code).unwrap_or("unknown");
                let what = format!("SaslHandshake is answered with the error {name}");
                Err(WireError::new(Failure::Protocol, self.connection.address(), what))
            }
        }
    }

    /// Sends one message of the mechanism and returns the broker's.
    async fn send(&mut self, message: Vec<u8>) -> Result<Bytes, WireError> {
        let response = self.post(message).await?;
        if response.error_code == 0 {
            return Ok(response.auth_bytes);
        }
        let said = response.error_message.as_ref().map_or("", |message| message.as_str());
        Err(self.refused(if said.is_empty() { "no reason given" } else { said }))
    }

    async fn post(&mut self, message: Vec<u8>) -> Result<SaslAuthenticateResponse, WireError> {
        let version = self.connection.version::<SaslAuthenticateRequest>()?;
        let request = SaslAuthenticateRequest::default().with_auth_bytes(Bytes::from(message));
        let response = self.connection.exchange(&request, version, self.deadline).await?;
        self.lifetime = response.session_lifetime_ms;
        Ok(response)
    }

    /// RFC 5802: proves the password to the broker, and has the broker prove that it knows it too.
    async fn scram(
        &mut self,
        hash: scram::Hash,
        credentials: &Credentials,
        salted: &Mutex<Option<scram::Salted>>,
    ) -> Result<(), WireError> {
        let first =
            scram::ClientFirst::new(hash, credentials).map_err(|error| self.broken(error))?;
        let challenge = self.send(first.message()).await?;
        let kept = salted.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let last = first.answer(&challenge, kept).map_err(|error| self.broken(error))?;
        let outcome = self.send(last.message()).await?;
        last.verify(&outcome).map_err(|error| self.broken(error))?;
        *salted.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
            Some(last.into_salted());
        Ok(())
    }

    /// RFC 7628: a refusal comes as JSON, is acknowledged with one byte, and only then ends in an error.
    async fn bearer(&mut self, token: &str) -> Result<(), WireError> {
        let response = self.post(bearer(token)).await?;
        if response.error_code == 0 && response.auth_bytes.is_empty() {
            return Ok(());
        }
        let mut said = String::from_utf8_lossy(&response.auth_bytes).into_owned();
        if response.error_code == 0 {
            // The broker's reason was in the JSON; what ends the exchange adds nothing.
            let _ = self.post(vec![BEARER_END]).await?;
        } else if let Some(message) = &response.error_message {
            said = message.to_string();
        }
        Err(self.refused(&said))
    }

    fn refused(&self, said: &str) -> WireError {
        let said: String = said.chars().take(SAID_CHARS).collect();
        let what = format!("login by {} is refused: {said}", self.mechanism);
        let remedy = match self.mechanism {
            "OAUTHBEARER" => {
                "check that the broker trusts the token endpoint's issuer, and its audience and scope"
            }
            _ => "check SASL_USER and SASL_PASSWORD, and that the user exists for this mechanism",
        };
        WireError::new(Failure::Authentication, self.connection.address(), what).remedy(remedy)
    }

    fn broken(&self, error: scram::Broken) -> WireError {
        let what = format!("login by {} failed: {error}", self.mechanism);
        WireError::new(Failure::Authentication, self.connection.address(), what)
            .remedy(error.remedy())
    }
}

/// RFC 4616: no authorization identity, the user, the password.
fn plain(credentials: &Credentials) -> Vec<u8> {
    format!("\0{}\0{}", credentials.user, credentials.password).into_bytes()
}

/// RFC 7628, 3.1: no channel binding, no authorization identity, the token.
fn bearer(token: &str) -> Vec<u8> {
    format!("n,,\x01auth=Bearer {token}\x01\x01").into_bytes()
}

/// SaslHandshake from this version on is followed by SaslAuthenticate; before, by bytes without a header (KIP-152).
const HANDSHAKE_FRAMED: i16 = 1;
/// `UNSUPPORTED_SASL_MECHANISM`.
const UNSUPPORTED_SASL_MECHANISM: i16 = 33;
/// `ILLEGAL_SASL_STATE`: the listener has no SASL.
const ILLEGAL_SASL_STATE: i16 = 34;
/// Acknowledges the refusal of a token.
const BEARER_END: u8 = 1;
/// How much of a broker's words an error repeats.
const SAID_CHARS: usize = 300;
