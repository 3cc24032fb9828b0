//! TLS against listeners with good and bad certificates, with and without client certificates, and without TLS.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use kafka_canary::settings::{Kafka, Tls};
use kafka_canary::wire::{Wire, WireError};
use kafka_protocol::messages::MetadataRequest;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{Ssl, SslAcceptor, SslMethod, SslVerifyMode};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};

use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::io::AsyncReadExt;

use crate::peer::{Client, Peer, kafka, serve_metadata};

/// A certificate and its key.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) certificate: X509,
    pub(crate) key: PKey<Private>,
}

impl Pair {
    /// A certificate for this key, signed by `issuer` or by itself; good from and until so many days from now.
    fn of_key(
        key: PKey<Private>,
        name: &str,
        issuer: Option<&Self>,
        host: Option<&str>,
        days: (i64, i64),
    ) -> Self {
        let mut subject = X509NameBuilder::new().unwrap();
        subject.append_entry_by_text("CN", name).unwrap();
        let subject = subject.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        let mut serial = BigNum::new().unwrap();
        serial.rand(64, openssl::bn::MsbOption::MAYBE_ZERO, false).unwrap();
        builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
        builder.set_subject_name(&subject).unwrap();
        let signer = issuer.map_or(&*subject, |issuer| issuer.certificate.subject_name());
        builder.set_issuer_name(signer).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.set_not_before(&from_now(days.0)).unwrap();
        builder.set_not_after(&from_now(days.1)).unwrap();
        if let Some(host) = host {
            let context = builder.x509v3_context(issuer.map(|issuer| &*issuer.certificate), None);
            let mut names = SubjectAlternativeName::new();
            if host.parse::<std::net::IpAddr>().is_ok() {
                names.ip(host)
            } else {
                names.dns(host)
            };
            let extension = names.build(&context).unwrap();
            builder.append_extension(extension).unwrap();
        } else {
            let extension = BasicConstraints::new().critical().ca().build().unwrap();
            builder.append_extension(extension).unwrap();
        }
        let signing = issuer.map_or(&key, |issuer| &issuer.key);
        builder.sign(signing, MessageDigest::sha256()).unwrap();
        Self { certificate: builder.build(), key }
    }

    /// For a host, with a key on a curve.
    pub(crate) fn new(name: &str, issuer: &Self, host: &str, from: i64, until: i64) -> Self {
        Self::of_key(curve_key(), name, Some(issuer), Some(host), (from, until))
    }

    pub(crate) fn authority(name: &str) -> Self {
        Self::of_key(curve_key(), name, None, None, (-1, 1))
    }

    /// An authority below another.
    fn below(issuer: &Self, name: &str) -> Self {
        Self::of_key(curve_key(), name, Some(issuer), None, (-1, 1))
    }

    pub(crate) fn pem(&self) -> String {
        String::from_utf8(self.certificate.to_pem().unwrap()).unwrap()
    }

    fn key(&self) -> String {
        String::from_utf8(self.key.private_key_to_pem_pkcs8().unwrap()).unwrap()
    }
}

fn curve_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn from_now(days: i64) -> Asn1Time {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Asn1Time::from_unix(i64::try_from(now.as_secs()).unwrap() + days * 86_400).unwrap()
}

/// A broker behind TLS with this certificate; with `clients` it asks for certificates of that authority.
async fn broker(server: Pair, clients: Option<Pair>) -> Peer {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    acceptor.set_certificate(&server.certificate).unwrap();
    acceptor.set_private_key(&server.key).unwrap();
    if let Some(authority) = clients {
        acceptor.cert_store_mut().add_cert(authority.certificate).unwrap();
        acceptor.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    }
    let acceptor = Arc::new(acceptor.build());
    Peer::serve(move |client, _| {
        let ssl = Ssl::new(acceptor.context()).unwrap();
        async move {
            let address = client.address.clone();
            let mut stream = tokio_openssl::SslStream::new(ssl, client.into_stream()).unwrap();
            if Pin::new(&mut stream).accept().await.is_ok() {
                serve_metadata(Client::over(address, Box::new(stream))).await;
            } else {
                // What is closed with bytes unread is reset, and the alert with the reason may get lost.
                let mut rest = Vec::new();
                let _ = stream.get_mut().read_to_end(&mut rest).await;
            }
        }
    })
    .await
}

async fn serve(address: &str, tls: Tls) -> Result<(), WireError> {
    let wire = Wire::new(&Kafka { tls: Some(tls), ..kafka(&[address]) })?;
    let mut connection = wire.connect(address).await?;
    connection.call(&MetadataRequest::default()).await.map(drop)
}

fn trusting(authority: &Pair) -> Tls {
    Tls { ca: Some(authority.pem()), ..Tls::default() }
}

/// What a client that trusts `authority` says of a server with this certificate.
async fn verdict(authority: &Pair, server: Pair) -> String {
    let peer = broker(server, None).await;
    let error = serve(&peer.address, trusting(authority)).await.unwrap_err();
    assert_eq!(error.reason(), "tls", "{error}");
    let insecure = Tls { insecure: true, ..trusting(authority) };
    assert_eq!(serve(&peer.address, insecure).await, Ok(()), "with TLS_INSECURE_SKIP_VERIFY");
    error.to_string()
}

#[tokio::test]
async fn a_certificate_of_the_authority_for_the_address() {
    let authority = Pair::authority("authority");
    let server = Pair::new("broker", &authority, "127.0.0.1", -1, 1);
    let peer = broker(server, None).await;
    assert_eq!(serve(&peer.address, trusting(&authority)).await, Ok(()));
    let several =
        Tls { ca: Some(Pair::authority("other").pem() + &authority.pem()), ..Tls::default() };
    assert_eq!(serve(&peer.address, several).await, Ok(()), "one of several authorities");
}

#[tokio::test]
async fn a_name_is_verified_as_well_as_an_address() {
    let authority = Pair::authority("authority");
    let server = Pair::new("broker", &authority, "localhost", -1, 1);
    let peer = broker(server, None).await;
    let by_name = peer.address.replace("127.0.0.1", "localhost");
    assert_eq!(serve(&by_name, trusting(&authority)).await, Ok(()));
    let error = serve(&peer.address, trusting(&authority)).await.unwrap_err();
    assert!(error.to_string().contains("not made out for 127.0.0.1"), "{error}");
}

#[tokio::test]
async fn certificates_that_are_refused() {
    let authority = Pair::authority("authority");
    let stranger = Pair::authority("stranger");
    let of = |issuer, host, from, until| Pair::new("broker", issuer, host, from, until);

    let text = verdict(&authority, of(&stranger, "127.0.0.1", -1, 1)).await;
    assert!(text.contains("TLS_CA_CERT"), "{text}");
    let text = verdict(&authority, of(&authority, "127.0.0.1", -3, -1)).await;
    assert!(text.contains("expired") && text.contains("renew"), "{text}");
    let text = verdict(&authority, of(&authority, "127.0.0.1", 1, 3)).await;
    assert!(text.contains("not yet valid"), "{text}");
    let text = verdict(&authority, of(&authority, "127.0.0.2", -1, 1)).await;
    assert!(text.contains("not made out for 127.0.0.1"), "{text}");
}

#[tokio::test]
async fn client_certificates() {
    let authority = Pair::authority("authority");
    let clients = Pair::authority("clients");
    let server = Pair::new("broker", &authority, "127.0.0.1", -1, 1);
    let peer = broker(server, Some(clients.clone())).await;
    let with = |pair: &Pair, key: String| Tls {
        certificate: Some(pair.pem()),
        key: Some(key),
        ..trusting(&authority)
    };

    let client = Pair::new("client", &clients, "client", -1, 1);
    assert_eq!(serve(&peer.address, with(&client, client.key())).await, Ok(()), "PKCS#8");
    let plain = client.key.ec_key().unwrap().private_key_to_pem().unwrap();
    let plain = String::from_utf8(plain).unwrap();
    assert!(plain.contains("BEGIN EC PRIVATE KEY"), "{plain}");
    assert_eq!(serve(&peer.address, with(&client, plain)).await, Ok(()), "the key's own format");

    let error = serve(&peer.address, trusting(&authority)).await.unwrap_err();
    assert_eq!(error.reason(), "tls", "{error}");
    assert!(error.to_string().contains("set TLS_CLIENT_CERT"), "{error}");
    let stranger = Pair::new("client", &authority, "client", -1, 1);
    let error = serve(&peer.address, with(&stranger, stranger.key())).await.unwrap_err();
    assert_eq!(error.reason(), "tls", "{error}");
    assert!(error.to_string().contains("refuses the client's certificate"), "{error}");
}

#[test]
fn rsa_keys_in_both_formats() {
    let authority = Pair::authority("authority");
    let rsa = openssl::rsa::Rsa::generate(2048).unwrap();
    let pkcs1 = String::from_utf8(rsa.private_key_to_pem().unwrap()).unwrap();
    assert!(pkcs1.contains("BEGIN RSA PRIVATE KEY"), "{pkcs1}");
    let key = PKey::from_rsa(rsa).unwrap();
    let client = Pair::of_key(key, "client", Some(&authority), Some("client"), (-1, 1));
    for key in [pkcs1, client.key()] {
        let tls = Tls { certificate: Some(client.pem()), key: Some(key), ..trusting(&authority) };
        let wire = Wire::new(&Kafka { tls: Some(tls), ..kafka(&["127.0.0.1:1"]) }).unwrap();
        assert_eq!(wire.librdkafka().get("ssl.key.pem"), Some(client.key().as_str()));
    }
}

/// librdkafka sends one certificate of a text; those above it must be where OpenSSL looks for them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_of_client_certificates() {
    let authority = Pair::authority("authority");
    let clients = Pair::authority("clients");
    let between = Pair::below(&clients, "between");
    let client = Pair::new("client", &between, "client", -1, 1);
    let server = Pair::new("broker", &authority, "127.0.0.1", -1, 1);
    let peer = broker(server, Some(clients)).await;
    let alone =
        Tls { certificate: Some(client.pem()), key: Some(client.key()), ..trusting(&authority) };
    let chain = Tls { certificate: Some(client.pem() + &between.pem()), ..alone.clone() };
    assert_eq!(serve(&peer.address, alone.clone()).await.unwrap_err().reason(), "tls");
    assert_eq!(serve(&peer.address, chain.clone()).await, Ok(()));
    assert!(!serves_librdkafka(&peer.address, alone).await);
    assert!(serves_librdkafka(&peer.address, chain).await);
}

/// A link of the client's chain is no authority for brokers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_of_the_chain_is_trusted_for_nothing() {
    let authority = Pair::authority("authority");
    let clients = Pair::authority("clients");
    let between = Pair::below(&clients, "between");
    let client = Pair::new("client", &between, "client", -1, 1);
    let tls = Tls {
        certificate: Some(client.pem() + &between.pem()),
        key: Some(client.key()),
        ..trusting(&authority)
    };
    let peer = broker(Pair::new("broker", &between, "127.0.0.1", -1, 1), None).await;
    assert_eq!(serve(&peer.address, tls.clone()).await.unwrap_err().reason(), "tls");
    assert!(!serves_librdkafka(&peer.address, tls).await);
}

async fn serves_librdkafka(address: &str, tls: Tls) -> bool {
    let wire = Wire::new(&Kafka { tls: Some(tls), ..kafka(&[address]) }).unwrap();
    let consumer = async move {
        tokio::task::spawn_blocking(move || {
            let consumer: BaseConsumer<_> =
                wire.librdkafka().create_with_context(wire.context()).unwrap();
            consumer.fetch_metadata(None, Duration::from_secs(3)).is_ok()
        })
        .await
    };
    consumer.await.unwrap()
}

#[tokio::test]
async fn a_listener_without_tls() {
    // Kafka reads the handshake as the size of a huge request, and closes.
    let peer = Peer::serve(|_, _| async {}).await;
    let authority = Pair::authority("authority");
    let error = serve(&peer.address, trusting(&authority)).await.unwrap_err();
    assert_eq!(error.reason(), "tls", "{error}");
    assert!(error.to_string().contains("TLS_ENABLED=false"), "{error}");
}

#[test]
fn texts_that_are_not_what_their_variable_is_for() {
    let authority = Pair::authority("authority");
    let client = Pair::new("client", &authority, "client", -1, 1);
    let other = Pair::new("other", &authority, "other", -1, 1);
    let cipher = openssl::symm::Cipher::aes_256_cbc();
    let locked = client.key.private_key_to_pem_pkcs8_passphrase(cipher, b"secret").unwrap();
    let locked = String::from_utf8(locked).unwrap();
    let with = |certificate: Option<String>, key: Option<String>| Tls {
        certificate,
        key,
        ..Tls::default()
    };
    for (tls, variable) in [
        (Tls { ca: Some(String::from("/etc/ca.pem")), ..Tls::default() }, "TLS_CA_CERT"),
        (with(Some(client.pem()), None), "TLS_CLIENT_KEY"),
        (with(None, Some(client.key())), "TLS_CLIENT_CERT"),
        (with(Some(client.key()), Some(client.key())), "TLS_CLIENT_CERT"),
        (with(Some(client.pem()), Some(client.pem())), "TLS_CLIENT_KEY"),
        (with(Some(client.pem()), Some(other.key())), "TLS_CLIENT_KEY"),
        (with(Some(client.pem()), Some(locked)), "TLS_CLIENT_KEY"),
    ] {
        let error = Wire::new(&Kafka { tls: Some(tls), ..kafka(&["127.0.0.1:1"]) }).err().unwrap();
        assert_eq!(error.reason(), "configuration", "{error}");
        assert!(error.to_string().starts_with(variable), "{error}");
    }
}
