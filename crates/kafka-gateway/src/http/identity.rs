//! Whom a client's certificate names. The handshake has verified it; here it is only read.

use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::x509::{X509, X509NameRef};

use crate::auth::Identity;

/// Reads a certificate in DER.
pub(super) fn of(certificate: &[u8]) -> Result<Identity, ErrorStack> {
    let certificate = X509::from_der(certificate)?;
    let subject = subject(certificate.subject_name())?;
    let mut names = Vec::new();
    for name in certificate.subject_alt_names().iter().flatten() {
        names.extend(name.dnsname().or_else(|| name.uri()).map(str::to_owned));
    }
    Ok(Identity { subject, names })
}

/// As RFC 4514 writes it: the last part first, `CN=orders,O=Example`.
fn subject(name: &X509NameRef) -> Result<String, ErrorStack> {
    let mut parts = Vec::new();
    for entry in name.entries() {
        let object = entry.object();
        let kind = match object.nid() {
            Nid::UNDEF => object.to_string(),
            nid => match nid.short_name()? {
                "street" => "STREET".to_owned(),
                short => short.to_owned(),
            },
        };
        parts.push(format!("{kind}={}", escaped(&entry.data().to_string()?)));
    }
    parts.reverse();
    Ok(parts.join(","))
}

fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (at, letter) in value.chars().enumerate() {
        match letter {
            '\0' => out.push_str("\\00"),
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => out.extend(['\\', letter]),
            '#' | ' ' if at == 0 => out.extend(['\\', letter]),
            ' ' if at == last => out.extend(['\\', letter]),
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::asn1::Asn1Time;
    use openssl::hash::MessageDigest;
    use openssl::pkey::PKey;
    use openssl::x509::X509NameBuilder;
    use openssl::x509::extension::SubjectAlternativeName;

    #[test]
    fn subject_and_names_are_read() {
        let key = PKey::generate_ed25519().unwrap();
        let mut name = X509NameBuilder::new().unwrap();
        for (field, value) in
            [("C", "DE"), ("O", "Example, Inc."), ("OU", " #a "), ("DC", "shop"), ("CN", "orders")]
        {
            name.append_entry_by_text(field, value).unwrap();
        }
        let mut certificate = X509::builder().unwrap();
        certificate.set_version(2).unwrap();
        certificate.set_subject_name(&name.build()).unwrap();
        certificate.set_pubkey(&key).unwrap();
        certificate.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        certificate.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
        let names = SubjectAlternativeName::new()
            .dns("orders.example")
            .uri("spiffe://example/orders")
            .email("orders@example")
            .build(&certificate.x509v3_context(None, None))
            .unwrap();
        certificate.append_extension(names).unwrap();
        certificate.sign(&key, MessageDigest::null()).unwrap();
        let identity = of(&certificate.build().to_der().unwrap()).unwrap();
        assert_eq!(identity.subject, "CN=orders,DC=shop,OU=\\ #a\\ ,O=Example\\, Inc.,C=DE");
        assert_eq!(identity.names, ["orders.example", "spiffe://example/orders"]);
    }

    #[test]
    fn values_are_escaped_as_the_rfc_asks() {
        assert_eq!(escaped("#a"), "\\#a");
        assert_eq!(escaped("a#"), "a#");
        assert_eq!(escaped(" "), "\\ ");
        assert_eq!(escaped("James \"Jim\" Smith, III"), "James \\\"Jim\\\" Smith\\, III");
        assert_eq!(escaped("Before\rAfter\0"), "Before\rAfter\\00");
        assert!(of(b"no certificate").is_err());
    }
}
