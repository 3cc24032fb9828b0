//! SCRAM as Kafka has it: a proof of the password that does not give it away, both ways.
//!
//! The broker's nonce must go on from ours, its iterations must lie within bounds, and its signature must fit: a broker
//! that does not know the password is not served either. As in Kafka's own clients, names and passwords are used as
//! UTF-8 without SASLprep, and there is no channel binding. References: RFC 5802, RFC 7677.

use std::fmt;

use openssl::base64::{decode_block, encode_block};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;

use crate::settings::Credentials;

/// The hash of the mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    /// Only for the example of RFC 5802.
    #[cfg(test)]
    Sha1,
    Sha256,
    Sha512,
}

/// Why the exchange went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Broken {
    /// The broker's message is not SCRAM's.
    Malformed(&'static str),
    /// The broker's nonce does not go on from ours.
    Nonce,
    /// The broker asks for too few or too many iterations.
    Iterations(u64),
    /// The broker says that it failed.
    Refused(String),
    /// The broker's signature does not fit: it does not know the password.
    Signature,
    /// OpenSSL failed.
    Internal(String),
}

/// A salted password: what the many iterations yield, kept so that they are done once.
#[derive(Clone)]
pub(super) struct Salted {
    salt: Vec<u8>,
    iterations: usize,
    password: Vec<u8>,
}

/// The first message, with what is needed to go on.
pub(super) struct ClientFirst<'a> {
    hash: Hash,
    password: &'a str,
    nonce: String,
    /// The message without its header.
    bare: String,
}

/// The last message, with what the broker must answer.
pub(super) struct ClientLast {
    message: String,
    signature: Vec<u8>,
    salted: Salted,
}

impl Hash {
    fn digest(self) -> MessageDigest {
        match self {
            #[cfg(test)]
            Self::Sha1 => MessageDigest::sha1(),
            Self::Sha256 => MessageDigest::sha256(),
            Self::Sha512 => MessageDigest::sha512(),
        }
    }

    fn hmac(self, key: &[u8], data: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let key = PKey::hmac(key)?;
        Signer::new(self.digest(), &key)?.sign_oneshot_to_vec(data)
    }
}

impl<'a> ClientFirst<'a> {
    /// With a fresh nonce.
    pub(super) fn new(hash: Hash, credentials: &'a Credentials) -> Result<Self, Broken> {
        let mut random = [0; NONCE_BYTES];
        openssl::rand::rand_bytes(&mut random)?;
        Ok(Self::with_nonce(hash, credentials, encode_block(&random)))
    }

    fn with_nonce(hash: Hash, credentials: &'a Credentials, nonce: String) -> Self {
        let user = credentials.user.replace('=', "=3D").replace(',', "=2C");
        let bare = format!("n={user},r={nonce}");
        Self { hash, password: &credentials.password, nonce, bare }
    }

    pub(super) fn message(&self) -> Vec<u8> {
        format!("{HEADER}{}", self.bare).into_bytes()
    }

    /// The answer to the broker's challenge. `kept` is used when salt and iterations are the same.
    pub(super) fn answer(
        &self,
        challenge: &[u8],
        kept: Option<Salted>,
    ) -> Result<ClientLast, Broken> {
        let challenge =
            std::str::from_utf8(challenge).map_err(|_| Broken::Malformed("challenge not UTF-8"))?;
        let mut fields = challenge.split(',');
        let nonce = value(fields.next(), "r=")?;
        let salt = decode_block(value(fields.next(), "s=")?)
            .map_err(|_| Broken::Malformed("salt not Base64"))?;
        let iterations = value(fields.next(), "i=")?;
        let iterations: u64 =
            iterations.parse().map_err(|_| Broken::Malformed("iterations not a number"))?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(Broken::Nonce);
        }
        let iterations = usize::try_from(iterations)
            .ok()
            .filter(|count| (ITERATIONS_MIN..=ITERATIONS_MAX).contains(count))
            .ok_or(Broken::Iterations(iterations))?;
        let salted = match kept {
            Some(kept) if kept.salt == salt && kept.iterations == iterations => kept,
            _ => self.salt(salt, iterations)?,
        };
        let without_proof = format!("c={},r={nonce}", encode_block(HEADER.as_bytes()));
        let signed = format!("{},{challenge},{without_proof}", self.bare);
        let client_key = self.hash.hmac(&salted.password, b"Client Key")?;
        let stored_key = openssl::hash::hash(self.hash.digest(), &client_key)?;
        let client_signature = self.hash.hmac(&stored_key, signed.as_bytes())?;
        let proof: Vec<u8> =
            client_key.iter().zip(&client_signature).map(|(key, mask)| key ^ mask).collect();
        let server_key = self.hash.hmac(&salted.password, b"Server Key")?;
        let signature = self.hash.hmac(&server_key, signed.as_bytes())?;
        let message = format!("{without_proof},p={}", encode_block(&proof));
        Ok(ClientLast { message, signature, salted })
    }

    fn salt(&self, salt: Vec<u8>, iterations: usize) -> Result<Salted, Broken> {
        let digest = self.hash.digest();
        let mut password = vec![0; digest.size()];
        openssl::pkcs5::pbkdf2_hmac(
            self.password.as_bytes(),
            &salt,
            iterations,
            digest,
            &mut password,
        )?;
        Ok(Salted { salt, iterations, password })
    }
}

impl ClientLast {
    pub(super) fn message(&self) -> Vec<u8> {
        self.message.clone().into_bytes()
    }

    /// Whether the broker has proved that it knows the password.
    pub(super) fn verify(&self, outcome: &[u8]) -> Result<(), Broken> {
        let outcome =
            std::str::from_utf8(outcome).map_err(|_| Broken::Malformed("outcome not UTF-8"))?;
        let field = outcome.split(',').next();
        if let Ok(error) = value(field, "e=") {
            return Err(Broken::Refused(error.chars().take(ERROR_CHARS).collect()));
        }
        let signature = decode_block(value(field, "v=")?)
            .map_err(|_| Broken::Malformed("signature not Base64"))?;
        let same = signature.len() == self.signature.len()
            && openssl::memcmp::eq(&signature, &self.signature);
        if same { Ok(()) } else { Err(Broken::Signature) }
    }

    pub(super) fn into_salted(self) -> Salted {
        self.salted
    }
}

impl Broken {
    pub(super) fn remedy(&self) -> &'static str {
        match self {
            Self::Refused(_) => "check SASL_USER and SASL_PASSWORD",
            Self::Signature | Self::Nonce => {
                "the peer does not know the password: is it a broker of this cluster?"
            }
            Self::Iterations(_) => {
                "set the user's SCRAM credential again, with 4096 to 131072 iterations"
            }
            Self::Malformed(_) | Self::Internal(_) => "is it a broker of this cluster?",
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(out, "malformed SCRAM message: {what}"),
            Self::Nonce => out.write_str("the broker's nonce does not begin with the client's"),
            Self::Iterations(count) => write!(
                out,
                "the broker asks for {count} iterations, {ITERATIONS_MIN} to {ITERATIONS_MAX} are allowed"
            ),
            Self::Refused(error) => write!(out, "the broker says {error}"),
            Self::Signature => out.write_str("the broker's signature does not fit"),
            Self::Internal(error) => write!(out, "OpenSSL: {error}"),
        }
    }
}

impl From<ErrorStack> for Broken {
    fn from(error: ErrorStack) -> Self {
        Self::Internal(error.to_string())
    }
}

/// The value of the field that must stand here.
fn value<'a>(field: Option<&'a str>, name: &'static str) -> Result<&'a str, Broken> {
    field.and_then(|field| field.strip_prefix(name)).ok_or(Broken::Malformed(match name {
        "r=" => "no nonce where it must stand",
        "s=" => "no salt where it must stand",
        "i=" => "no iterations where they must stand",
        _ => "no signature where it must stand",
    }))
}

/// No channel binding, no authorization identity.
const HEADER: &str = "n,,";
/// Random bytes in a nonce; Base64 makes four characters of three, without padding and without a comma.
const NONCE_BYTES: usize = 24;
/// RFC 7677 and Kafka allow no fewer.
const ITERATIONS_MIN: usize = 4096;
/// Eight times what Kafka lets be set, and about a tenth of a second.
const ITERATIONS_MAX: usize = 131_072;
/// How much of a broker's error is repeated.
const ERROR_CHARS: usize = 100;

#[cfg(test)]
mod tests;
