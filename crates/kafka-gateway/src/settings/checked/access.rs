//! Who may write: names, API keys as their hashes, certificates, topics and limits.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::Path;

use openssl::sha::sha256;

use super::super::keys::{self as k, Key, PREFIX, RateKeys};
use super::super::scope::Scope;
use super::super::secret;
use super::super::{Access, ClientSettings, Grant, HttpSettings};
use super::rates::{in_topic, rates};

/// Checks all clients.
pub(super) fn access(
    root: &Scope<'_>,
    environment: &[(OsString, OsString)],
    http: &HttpSettings,
    message_max_bytes: usize,
    warnings: &mut Vec<String>,
) -> Access {
    let takes_certificates = http.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
    let mut seen = Seen::default();
    let mut clients = Vec::new();
    for scope in root.items(&k::CLIENTS, "access.clients[]") {
        let client = client(&scope, environment, message_max_bytes);
        seen.refuse_doubles(&scope, &client);
        if !client.certificate.is_empty() && !takes_certificates {
            scope.refuse(
                &k::CLIENT_CERTIFICATES,
                "can never be shown without http.tls.client_ca_file; write that too",
            );
        }
        clients.push(client);
    }
    if http.tls.is_none() && clients.iter().any(|client| !client.key_sha256.is_empty()) {
        warnings.push(
            "API keys come over connections without TLS, where others may read them: http.tls.certificate_file"
                .to_owned(),
        );
    }
    let grant = grant(root, &k::ANONYMOUS_TOPICS, &k::ANONYMOUS_RATES, message_max_bytes);
    let allowed = root.switch(&k::ANONYMOUS).unwrap_or(!root.has(&k::CLIENTS));
    let limited =
        !grant.topics.is_empty() || grant.rates.records.is_some() || grant.rates.bytes.is_some();
    if !allowed && limited {
        root.refuse(
            &k::ANONYMOUS,
            "is not true, and other keys of access.anonymous limit what nobody may do; write true, or none of them",
        );
    }
    if !allowed && clients.is_empty() {
        root.refuse(
            &k::ANONYMOUS,
            "lets nobody write at all; write true, or a client in access.clients",
        );
    }
    Access { anonymous: allowed.then_some(grant), clients }
}

fn client(
    scope: &Scope<'_>,
    environment: &[(OsString, OsString)],
    message_max_bytes: usize,
) -> ClientSettings {
    let name = scope.text(&k::CLIENT_NAME).unwrap_or_default();
    let is_name = (1..=NAME_MAX).contains(&name.len()) && name.chars().all(in_topic);
    if !is_name || name == "anonymous" {
        scope.refuse(
            &k::CLIENT_NAME,
            "is no name for a client; write 1 to 64 letters, digits, '.', '_' and '-', not anonymous",
        );
    }
    let certificate = scope.texts(&k::CLIENT_CERTIFICATES);
    let key_sha256 = keys(scope, environment);
    let sources = [
        &k::CLIENT_SHA256,
        &k::CLIENT_FILES,
        &k::CLIENT_VARIABLES,
        &k::CLIENT_KEYS,
        &k::CLIENT_CERTIFICATES,
    ];
    if !sources.into_iter().any(|key| scope.has(key)) {
        scope.refuse(
            &k::CLIENT_SHA256,
            "is missing, and so is every other way to know the client; write an API key's hash or a certificate",
        );
    }
    let grant = grant(scope, &k::CLIENT_TOPICS, &k::CLIENT_RATES, message_max_bytes);
    ClientSettings { name, key_sha256, certificate, grant }
}

/// The hashes of all its API keys, wherever they come from.
fn keys(scope: &Scope<'_>, environment: &[(OsString, OsString)]) -> Vec<[u8; 32]> {
    let mut hashes = Vec::new();
    for digits in scope.texts(&k::CLIENT_SHA256) {
        match hexadecimal(&digits) {
            Some(hash) => hashes.push(hash),
            None => scope.refuse(
                &k::CLIENT_SHA256,
                "has an entry that is no SHA-256; write 64 hexadecimal digits, as `printf %s KEY | sha256sum` does",
            ),
        }
    }
    let mut take = |key: &Key, place: &str, api_key: &str| {
        if is_api_key(api_key) {
            hashes.push(sha256(api_key.as_bytes()));
        } else {
            let remedy = format!("{place} {API_KEY_REMEDY}");
            scope.refuse(key, remedy);
        }
    };
    for file in scope.texts(&k::CLIENT_FILES) {
        match secret::lines(Path::new(&file)) {
            Ok(lines) => lines.iter().for_each(|line| take(&k::CLIENT_FILES, &file, line)),
            Err(why) => scope.refuse(&k::CLIENT_FILES, format!("{file} {why}")),
        }
    }
    for name in scope.texts(&k::CLIENT_VARIABLES) {
        if name.starts_with(PREFIX) {
            let remedy = format!("has {name}, but {PREFIX}.. are settings; choose another name");
            scope.refuse(&k::CLIENT_VARIABLES, remedy);
            continue;
        }
        let value = environment.iter().find(|(known, _)| known.to_str() == Some(name.as_str()));
        match value.and_then(|(_, value)| value.to_str()) {
            Some(value) => take(&k::CLIENT_VARIABLES, &name, value.trim()),
            None => scope.refuse(
                &k::CLIENT_VARIABLES,
                format!("has {name}, which the environment has not; set it, or leave it out"),
            ),
        }
    }
    for api_key in scope.texts(&k::CLIENT_KEYS) {
        take(&k::CLIENT_KEYS, "an entry", &api_key);
    }
    hashes
}

fn grant(scope: &Scope<'_>, topics: &Key, keys: &RateKeys, message_max_bytes: usize) -> Grant {
    let patterns = scope.texts(topics);
    for pattern in &patterns {
        let stem = pattern.strip_suffix('*').unwrap_or(pattern);
        if stem.len() > 249 || !stem.chars().all(in_topic) {
            scope.refuse(
                topics,
                format!(
                    "has {pattern:?}; write a topic's name, or its beginning and one * at the end"
                ),
            );
        }
    }
    Grant { topics: patterns, rates: rates(scope, keys, message_max_bytes) }
}

/// What two clients may not share: whoever shows it would be either.
#[derive(Default)]
struct Seen {
    names: HashSet<String>,
    hashes: HashSet<[u8; 32]>,
    certificates: HashSet<String>,
}

impl Seen {
    fn refuse_doubles(&mut self, scope: &Scope<'_>, client: &ClientSettings) {
        if !self.names.insert(client.name.clone()) {
            scope.refuse(&k::CLIENT_NAME, "is another client's too; write another");
        }
        let doubles = client.key_sha256.iter().filter(|hash| !self.hashes.insert(**hash)).count();
        if doubles > 0 {
            scope.refuse(
                &k::CLIENT_NAME,
                "has an API key that it or another client has already; write each key once",
            );
        }
        for certificate in &client.certificate {
            if !self.certificates.insert(certificate.clone()) {
                scope.refuse(
                    &k::CLIENT_CERTIFICATES,
                    format!("has {certificate:?}, which stands there already; write it once"),
                );
            }
        }
    }
}

/// Hashes have no salt: they hide only what cannot be guessed.
fn is_api_key(text: &str) -> bool {
    (API_KEY_MIN..=API_KEY_MAX).contains(&text.len())
        && text.chars().all(|letter| letter.is_ascii_graphic())
}

fn hexadecimal(digits: &str) -> Option<[u8; 32]> {
    let bytes = digits.as_bytes();
    let mut hash = [0; 32];
    if bytes.len() != 2 * hash.len() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(bytes.chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| !pair.starts_with('+'))?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(hash)
}

const NAME_MAX: usize = 64;
const API_KEY_MIN: usize = 16;
const API_KEY_MAX: usize = 256;
const API_KEY_REMEDY: &str =
    "is no API key; write 16 to 256 visible ASCII characters, best 32 from a random generator";
