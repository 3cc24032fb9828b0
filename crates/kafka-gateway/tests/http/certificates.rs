//! A certificate authority for a test.

use std::fs;
use std::path::{Path, PathBuf};

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};

pub(crate) struct Authority {
    pub(crate) certificate: X509,
    key: PKey<Private>,
}

pub(crate) struct Issued {
    pub(crate) certificate: X509,
    pub(crate) key: PKey<Private>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = key();
        let certificate = build("authority", &key, None);
        Self { certificate, key }
    }

    /// For a common name that is a DNS name too.
    pub(crate) fn issue(&self, name: &str) -> Issued {
        let key = key();
        Issued { certificate: build(name, &key, Some(self)), key }
    }

    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        let path = folder.join("authority.pem");
        fs::write(&path, self.certificate.to_pem().unwrap()).unwrap();
        path
    }
}

impl Issued {
    /// Replaces both files, as a rotation does.
    pub(crate) fn write(&self, folder: &Path) -> (PathBuf, PathBuf) {
        let (certificate, key) = (folder.join("server.pem"), folder.join("server.key"));
        let replace = |path: &Path, pem: Vec<u8>| {
            let fresh = path.with_extension("fresh");
            fs::write(&fresh, pem).unwrap();
            fs::rename(fresh, path).unwrap();
        };
        replace(&certificate, self.certificate.to_pem().unwrap());
        replace(&key, self.key.private_key_to_pem_pkcs8().unwrap());
        (certificate, key)
    }
}

fn key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn build(name: &str, key: &PKey<Private>, issuer: Option<&Authority>) -> X509 {
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("O", "Example").unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    let subject = subject.build();
    let mut serial = BigNum::new().unwrap();
    serial.rand(120, MsbOption::MAYBE_ZERO, false).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    match issuer {
        None => {
            builder.set_issuer_name(&subject).unwrap();
            let authority = BasicConstraints::new().critical().ca().build().unwrap();
            builder.append_extension(authority).unwrap();
        }
        Some(authority) => {
            builder.set_issuer_name(authority.certificate.subject_name()).unwrap();
            let context = builder.x509v3_context(Some(&authority.certificate), None);
            let names = SubjectAlternativeName::new().dns(name).build(&context).unwrap();
            builder.append_extension(names).unwrap();
        }
    }
    builder.sign(issuer.map_or(key, |authority| &authority.key), MessageDigest::sha256()).unwrap();
    builder.build()
}
