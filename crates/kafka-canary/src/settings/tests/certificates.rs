//! Certificates and keys that are made here, as texts and as files.

use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::symm::Cipher;
use openssl::x509::X509Builder;

use super::*;

#[test]
fn certificates_and_keys_are_pem_or_a_path_to_it_and_fit() {
    let (certificate, key) = self_signed();
    let other = new_key();
    let pem =
        |key: &PKey<Private>| String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let folder = std::env::temp_dir().join(format!("kafka-canary-pem-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).unwrap();
        folder.join(name).to_str().unwrap().to_owned()
    };
    let by_path = [path("tls.crt", &certificate), path("tls.key", &pem(&key))];
    let expected = Tls {
        ca: Some(certificate.clone()),
        certificate: Some(certificate.clone()),
        key: Some(pem(&key)),
        insecure: false,
    };
    for [certificate, key] in [by_path.clone(), [certificate.clone(), pem(&key)]] {
        let given = settings(&[
            ("TLS_ENABLED", "true"),
            ("TLS_CA_CERT", &certificate),
            ("TLS_CLIENT_CERT", &certificate),
            ("TLS_CLIENT_KEY", &key),
        ]);
        // Blanks around a variable's text are dropped, those of a file are not.
        let tls = given.kafka.tls.unwrap();
        assert_eq!(tls.ca.as_deref().map(str::trim), expected.ca.as_deref().map(str::trim));
        assert_eq!(
            tls.certificate.as_deref().map(str::trim),
            expected.certificate.as_deref().map(str::trim)
        );
        assert_eq!(tls.key.as_deref().map(str::trim), expected.key.as_deref().map(str::trim));
    }

    let with = |certificate: &str, key: &str| {
        problems(&[
            ("TLS_ENABLED", "true"),
            ("TLS_CLIENT_CERT", certificate),
            ("TLS_CLIENT_KEY", key),
        ])
    };
    assert_eq!(
        with(&by_path[0], &pem(&other)),
        ["TLS_CLIENT_KEY: is not the key of the first certificate in TLS_CLIENT_CERT"]
    );
    let encrypted =
        key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), b"secret").unwrap();
    assert_eq!(
        with(&by_path[0], std::str::from_utf8(&encrypted).unwrap()),
        [
            "TLS_CLIENT_KEY: holds no private key, or an encrypted one; write PEM without a password, or its path"
        ]
    );
    let empty = path("empty.crt", "");
    assert_eq!(
        problems(&[("TLS_ENABLED", "true"), ("TLS_CA_CERT", &empty)]),
        [format!(
            "TLS_CA_CERT={empty:?}: holds no certificate; write PEM, or the path of a PEM file"
        )]
    );
    assert_eq!(
        problems(&[("TLS_ENABLED", "true"), ("TLS_CLIENT_CERT", &by_path[0])]),
        [format!(
            "TLS_CLIENT_CERT={:?}: has no key; set TLS_CLIENT_KEY too, or neither",
            by_path[0]
        )]
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

fn new_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn self_signed() -> (String, PKey<Private>) {
    let key = new_key();
    let mut builder = X509Builder::new().unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    (String::from_utf8(builder.build().to_pem().unwrap()).unwrap(), key)
}
