//! Who asks, by the API key or the certificate that a request shows, and what they may write.
//!
//! Keys are kept as SHA-256 only. One that is shown is hashed, and the hash looked up: how long that takes tells about
//! the hash, of which nobody can choose or guess a part without knowing the key, and nothing about the key. So a table
//! of any size leaks no more than the comparison of one key in constant time would, which comes last all the same.

use std::collections::HashMap;
use std::sync::Arc;

use kafka_gateway_api::Refusal;
use openssl::memcmp;
use openssl::sha::sha256;

#[cfg(test)]
mod tests;
mod topics;

use crate::limits::Buckets;
use crate::settings::{Access, Grant};
use topics::Topics;

/// Someone who may write.
pub struct Client {
    /// As configured; `anonymous` without a key or certificate.
    pub name: String,
    /// Its rate limits.
    pub limits: Buckets,
    topics: Topics,
}

/// What a verified certificate says of its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// As RFC 4514 writes it.
    pub subject: String,
    /// The subject's alternative names of the kinds DNS and URI.
    pub names: Vec<String>,
}

/// Everyone who may write.
pub struct Clients {
    by_key: HashMap<[u8; 32], Arc<Client>>,
    by_certificate: HashMap<String, Arc<Client>>,
    anonymous: Option<Arc<Client>>,
}

impl Clients {
    /// With full buckets.
    #[must_use]
    pub fn new(access: &Access) -> Self {
        let mut by_key = HashMap::new();
        let mut by_certificate = HashMap::new();
        for settings in &access.clients {
            let client = Arc::new(Client::new(&settings.name, &settings.grant));
            by_key.extend(settings.key_sha256.iter().map(|hash| (*hash, client.clone())));
            by_certificate
                .extend(settings.certificate.iter().map(|name| (name.clone(), client.clone())));
        }
        let anonymous =
            access.anonymous.as_ref().map(|grant| Arc::new(Client::new(ANONYMOUS, grant)));
        Self { by_key, by_certificate, anonymous }
    }

    /// Whoever shows this. A key goes before a certificate: it says more about who asks than the way that it came.
    ///
    /// Where no client has a certificate, certificates are for the connection alone, and name nobody.
    ///
    /// # Errors
    /// [`Refusal::Unauthenticated`]: nothing was shown and something must be, or it is nobody's.
    pub fn identify(
        &self,
        api_key: Option<&str>,
        certificate: Option<&Identity>,
    ) -> Result<Arc<Client>, Refusal> {
        let client = match (api_key, certificate) {
            (Some(key), _) => self.of_key(key),
            (None, Some(identity)) if !self.by_certificate.is_empty() => {
                self.of_certificate(identity)
            }
            (None, _) => self.anonymous.as_ref(),
        };
        client.cloned().ok_or(Refusal::Unauthenticated)
    }

    fn of_key(&self, key: &str) -> Option<&Arc<Client>> {
        let shown = sha256(key.as_bytes());
        let (known, client) = self.by_key.get_key_value(&shown)?;
        memcmp::eq(known, &shown).then_some(client)
    }

    fn of_certificate(&self, identity: &Identity) -> Option<&Arc<Client>> {
        // No name of the other kinds passes for a subject, whatever somebody got signed.
        let names = identity.names.iter().filter(|name| !is_subject(name));
        std::iter::once(&identity.subject)
            .chain(names)
            .find_map(|name| self.by_certificate.get(name))
    }
}

impl Client {
    pub(crate) fn new(name: &str, grant: &Grant) -> Self {
        Self {
            name: name.to_owned(),
            limits: Buckets::new(format!("client {name}"), &grant.rates),
            topics: Topics::new(&grant.topics),
        }
    }

    /// Whether the topic is one of its own.
    #[must_use]
    pub fn may_write(&self, topic: &str) -> bool {
        self.topics.contains(topic)
    }
}

/// The name of whoever shows nothing; no configured client has it.
pub const ANONYMOUS: &str = "anonymous";

/// Whether it begins as RFC 4514 writes subjects: an attribute's type, and `=`. A URI has a `:` before.
fn is_subject(name: &str) -> bool {
    let attribute = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    name.split_once('=').is_some_and(|(before, _)| before.chars().all(attribute))
}
