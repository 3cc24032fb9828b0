//! TLS as the settings say it: whom to trust, which certificate to show; and what a failed handshake means.
//!
//! The broker's name or address is verified unless the operator turned that off, and is sent as SNI when it is a name.
//! librdkafka gets the same certificates as texts ([`Pem`]).

use std::pin::Pin;

use openssl::asn1::Asn1Time;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{self, SslConnector, SslMethod, SslVerifyMode};
use openssl::x509::{X509, X509VerifyResult};
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

use super::error::{Failure, WireError};
use crate::settings;

/// The client side of TLS.
pub(super) struct Tls {
    connector: SslConnector,
    insecure: bool,
    has_certificate: bool,
    pem: Pem,
}

/// The same settings for librdkafka, each certificate checked and written anew.
#[derive(Clone, Default)]
pub(super) struct Pem {
    /// Certificates to trust.
    pub(super) ca: Option<String>,
    /// File of the system's certificates, when there are none.
    pub(super) ca_file: Option<String>,
    /// The client's certificate.
    pub(super) certificate: Option<String>,
    /// Certificates between the client's and its root.
    pub(super) chain: Option<String>,
    /// The client's key.
    pub(super) key: Option<String>,
}

impl Tls {
    /// # Errors
    /// A text that is not what its variable is for, or a key of another certificate.
    pub(super) fn new(tls: &settings::Tls) -> Result<Self, WireError> {
        let mut builder = SslConnector::builder(SslMethod::tls_client()).map_err(internal)?;
        builder.set_min_proto_version(Some(ssl::SslVersion::TLS1_2)).map_err(internal)?;
        let mut pem = Pem::default();
        match tls.ca.as_deref() {
            Some(text) => {
                let certificates = certificates("TLS_CA_CERT", text)?;
                for certificate in &certificates {
                    builder.cert_store_mut().add_cert(certificate.clone()).map_err(internal)?;
                }
                pem.ca = Some(texts(&certificates)?);
            }
            None => pem.ca_file = trust_system(&mut builder)?,
        }
        let pair = client_pair(tls)?;
        if let Some((chain, key)) = &pair {
            show(&mut builder, chain, key)?;
            let (leaf, rest) = chain.split_at(chain.len().min(1));
            pem.certificate = Some(texts(leaf)?);
            pem.chain = if rest.is_empty() { None } else { Some(texts(rest)?) };
            pem.key = Some(text(key.private_key_to_pem_pkcs8())?);
        }
        if tls.insecure {
            builder.set_verify(SslVerifyMode::NONE);
        }
        Ok(Self {
            connector: builder.build(),
            insecure: tls.insecure,
            has_certificate: pair.is_some(),
            pem,
        })
    }

    pub(super) fn pem(&self) -> &Pem {
        &self.pem
    }

    pub(super) fn insecure(&self) -> bool {
        self.insecure
    }

    /// # Errors
    /// The handshake failed, with the reason that a person can act on.
    pub(super) async fn handshake(
        &self,
        tcp: TcpStream,
        host: &str,
        address: &str,
    ) -> Result<SslStream<TcpStream>, WireError> {
        let mut configuration = self.connector.configure().map_err(internal)?;
        configuration.set_verify_hostname(!self.insecure);
        let ssl = configuration.into_ssl(host).map_err(internal)?;
        let mut stream = SslStream::new(ssl, tcp).map_err(internal)?;
        match Pin::new(&mut stream).connect().await {
            Ok(()) => Ok(stream),
            Err(error) => {
                let verdict = stream.ssl().verify_result();
                Err(self.explain(&error, verdict, host, address))
            }
        }
    }

    fn explain(
        &self,
        error: &ssl::Error,
        verdict: X509VerifyResult,
        host: &str,
        address: &str,
    ) -> WireError {
        if !self.insecure && verdict != X509VerifyResult::OK {
            let what = format!("the broker's certificate is refused: {}", verdict.error_string());
            return WireError::new(Failure::Tls, address, what).remedy(for_verdict(verdict, host));
        }
        self.explain_alert(error, address).unwrap_or_else(|| {
            WireError::new(Failure::Tls, address, "the connection ended during the TLS handshake")
                .remedy(
                    "a plaintext listener does that: use the port of a TLS listener, or set TLS_ENABLED=false",
                )
        })
    }

    /// What OpenSSL tells of the peer's bytes; `None` when there are none.
    pub(super) fn explain_alert(&self, error: &ssl::Error, address: &str) -> Option<WireError> {
        let stack = error.ssl_error()?;
        let reasons: Vec<&str> = stack.errors().iter().filter_map(|error| error.reason()).collect();
        let said = reasons.join(", ");
        if reasons.is_empty() || reasons.contains(&"unexpected eof while reading") {
            return None;
        }
        if NOT_TLS.iter().any(|sign| said.contains(sign)) {
            let what = format!("the peer does not speak TLS ({said})");
            return Some(
                WireError::new(Failure::Tls, address, what)
                    .remedy("use the port of a TLS listener, or set TLS_ENABLED=false"),
            );
        }
        let what = format!("TLS failed: {said}");
        let remedy = match self.has_certificate {
            _ if !said.contains("alert") => "see the broker's log for the other side of it",
            true => {
                "the broker refuses the client's certificate: check that TLS_CLIENT_CERT is of the clients' CA and has not expired"
            }
            false => {
                "the broker may ask for a client's certificate: set TLS_CLIENT_CERT and TLS_CLIENT_KEY"
            }
        };
        Some(WireError::new(Failure::Tls, address, what).remedy(remedy))
    }
}

/// Loads what the system trusts; returns the file that librdkafka is to load.
fn trust_system(builder: &mut ssl::SslConnectorBuilder) -> Result<Option<String>, WireError> {
    let found = openssl_probe::probe();
    let directory = found.cert_dir.first();
    if found.cert_file.is_some() || directory.is_some() {
        builder
            .load_verify_locations(found.cert_file.as_deref(), directory.map(AsRef::as_ref))
            .map_err(internal)?;
    }
    Ok(found.cert_file.and_then(|file| file.into_os_string().into_string().ok()))
}

type Pair = (Vec<X509>, PKey<Private>);

fn client_pair(tls: &settings::Tls) -> Result<Option<Pair>, WireError> {
    let (certificate, key) = match (tls.certificate.as_deref(), tls.key.as_deref()) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(_), None) => {
            return Err(WireError::configuration("TLS_CLIENT_KEY", "missing")
                .remedy("TLS_CLIENT_CERT is set and needs its key"));
        }
        (None, Some(_)) => {
            return Err(WireError::configuration("TLS_CLIENT_CERT", "missing")
                .remedy("TLS_CLIENT_KEY is set and needs its certificate"));
        }
    };
    let chain = certificates("TLS_CLIENT_CERT", certificate)?;
    warn_if_expired(&chain);
    // Without the callback OpenSSL would ask a person at the terminal for the password.
    let key = PKey::private_key_from_pem_callback(key.as_bytes(), |_| Err(ErrorStack::get()))
        .map_err(|_| {
            WireError::configuration("TLS_CLIENT_KEY", "not a private key, or an encrypted one")
                .remedy("give an unencrypted key as PEM (PKCS#8 or PKCS#1)")
        })?;
    Ok(Some((chain, key)))
}

/// Brokers seldom say why they refuse a certificate; this they need not say.
fn warn_if_expired(chain: &[X509]) {
    let now = Asn1Time::days_from_now(0);
    for certificate in chain {
        if now.as_ref().is_ok_and(|now| certificate.not_after() < now) {
            let until = certificate.not_after();
            tracing::warn!(
                "a certificate in TLS_CLIENT_CERT has expired ({until}): brokers will refuse it"
            );
        }
    }
}

fn show(
    builder: &mut ssl::SslConnectorBuilder,
    chain: &[X509],
    key: &PKey<Private>,
) -> Result<(), WireError> {
    let mut chain = chain.iter();
    if let Some(leaf) = chain.next() {
        builder.set_certificate(leaf).map_err(internal)?;
    }
    for certificate in chain {
        builder.add_extra_chain_cert(certificate.clone()).map_err(internal)?;
    }
    builder.set_private_key(key).and_then(|()| builder.check_private_key()).map_err(|_| {
        WireError::configuration("TLS_CLIENT_KEY", "not the key of TLS_CLIENT_CERT")
            .remedy("give the key that belongs to the first certificate")
    })
}

fn certificates(variable: &'static str, text: &str) -> Result<Vec<X509>, WireError> {
    match X509::stack_from_pem(text.as_bytes()) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(WireError::configuration(variable, "no certificate in it")
            .remedy("give a path or a text with -----BEGIN CERTIFICATE----- (PEM)")),
    }
}

fn texts(certificates: &[X509]) -> Result<String, WireError> {
    certificates.iter().map(|certificate| text(certificate.to_pem())).collect()
}

fn text(pem: Result<Vec<u8>, ErrorStack>) -> Result<String, WireError> {
    Ok(String::from_utf8_lossy(&pem.map_err(internal)?).into_owned())
}

fn internal(error: ErrorStack) -> WireError {
    WireError::configuration("TLS", format!("OpenSSL: {error}"))
}

fn for_verdict(verdict: X509VerifyResult, host: &str) -> String {
    match verdict.as_raw() {
        HAS_EXPIRED => String::from("renew the broker's certificate, or set this machine's clock"),
        NOT_YET_VALID => {
            String::from("set this machine's clock, or the broker's certificate is for later")
        }
        HOSTNAME_MISMATCH | IP_ADDRESS_MISMATCH => format!(
            "it is not made out for {host}: use a name that it has, in KAFKA_BOOTSTRAP_SERVERS and advertised.listeners"
        ),
        _ => String::from("give the certificate of the cluster's CA in TLS_CA_CERT"),
    }
}

/// Verdicts of X.509 verification, as OpenSSL numbers them (`x509_vfy.h`).
const NOT_YET_VALID: i32 = 9;
const HAS_EXPIRED: i32 = 10;
const HOSTNAME_MISMATCH: i32 = 62;
const IP_ADDRESS_MISMATCH: i32 = 64;

/// OpenSSL's words for bytes that are no TLS record.
const NOT_TLS: [&str; 4] =
    ["wrong version number", "packet length too long", "unknown protocol", "http request"];
