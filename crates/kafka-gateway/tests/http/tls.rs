//! TLS, clients known by their certificates, and certificates that are replaced.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kafka_gateway::settings::{Access, ClientSettings, Grant, Rates, Settings, TlsSettings};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_util::sync::CancellationToken;

use crate::certificates::{Authority, Issued};
use crate::client::Client;
use crate::gateway::{Gateway, push};

fn tls(settings: &mut Settings, folder: &Path, authority: &Authority, required: bool) {
    let (certificate, key) = authority.issue("gateway.example").write(folder);
    settings.http.tls = Some(TlsSettings {
        certificate,
        key,
        client_ca: Some(authority.write(folder)),
        client_required: required,
    });
}

async fn connect(
    gateway: &Gateway,
    authority: &Authority,
    shown: Option<&Issued>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority.certificate.to_der().unwrap())).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match shown {
        None => builder.with_no_client_auth(),
        Some(issued) => {
            let chain = vec![CertificateDer::from(issued.certificate.to_der().unwrap())];
            let key = PrivateKeyDer::Pkcs8(issued.key.private_key_to_pkcs8().unwrap().into());
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let name = ServerName::try_from("gateway.example").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

fn certified(name: &str, certificate: &str) -> ClientSettings {
    ClientSettings {
        name: name.to_owned(),
        key_sha256: Vec::new(),
        certificate: vec![certificate.to_owned()],
        grant: Grant { topics: vec!["orders".to_owned()], rates: Rates::default() },
    }
}

#[tokio::test]
async fn clients_are_known_by_their_certificates() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let gateway = Gateway::start(|settings| {
        tls(settings, folder.path(), &authority, false);
        let clients = vec![certified("a", "CN=a.example,O=Example"), certified("b", "b.example")];
        settings.access = Access { anonymous: None, clients };
    })
    .await;
    let body = push("orders", true);
    for (name, status) in [("a.example", 200), ("b.example", 200), ("c.example", 401)] {
        let stream = connect(&gateway, &authority, Some(&authority.issue(name))).await.unwrap();
        let mut client = Client::over(stream);
        for _ in 0..2 {
            let answer = client.ask("POST /push", &body).await;
            assert_eq!(answer.status, status, "{name}: {answer:?}");
            if status != 200 {
                break;
            }
        }
    }
    let mut client = Client::over(connect(&gateway, &authority, None).await.unwrap());
    assert_eq!(client.ask("POST /push", &body).await.status, 401);
    // Plain text is no TLS.
    let mut plain = gateway.connect().await;
    plain.write("POST /push HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut answer = Vec::new();
    let _ = plain.stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    gateway.stopped().await;
}

#[tokio::test]
async fn who_must_show_a_certificate_and_does_not_is_not_let_in() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let gateway = Gateway::start(|settings| {
        tls(settings, folder.path(), &authority, true);
        settings.http.header_timeout = Duration::from_millis(200);
    })
    .await;
    let strangers = Authority::new();
    let stranger = strangers.issue("a.example");
    for shown in [None, Some(&stranger)] {
        // With TLS 1.3 a client learns of it when it reads.
        if let Ok(mut stream) = connect(&gateway, &authority, shown).await {
            assert!(stream.read_u8().await.is_err());
        }
    }
    let shown = authority.issue("a.example");
    let stream = connect(&gateway, &authority, Some(&shown)).await.unwrap();
    assert_eq!(Client::over(stream).ask("POST /push", &push("orders", true)).await.status, 200);
    // Who connects and greets nobody has the time of a head.
    assert_eq!(gateway.connect().await.closed().await, "");
    gateway.stopped().await;
}

#[tokio::test]
async fn certificates_are_read_again_when_they_change() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let gateway = Gateway::start(|settings| tls(settings, folder.path(), &authority, false)).await;
    let serial = async || {
        let stream = connect(&gateway, &authority, None).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    };
    let before = serial().await;
    let (tls, stop) = (gateway.tls.clone().unwrap(), CancellationToken::new());
    let follow = {
        let (tls, stop) = (tls.clone(), stop.clone());
        tokio::spawn(async move { tls.follow(Duration::from_millis(20), stop).await })
    };
    // A key of another certificate cannot be used: what was there goes on.
    std::fs::write(folder.path().join("server.key"), "no key").unwrap();
    while !tls.is_failing() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(serial().await, before);
    let fresh = authority.issue("gateway.example");
    fresh.write(folder.path());
    let replaced = async {
        while serial().await != fresh.certificate.to_der().unwrap() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), replaced).await.expect("served with the new one");
    assert!(!tls.is_failing());
    stop.cancel();
    follow.await.unwrap();
    drop(tls);
    gateway.stopped().await;
}
