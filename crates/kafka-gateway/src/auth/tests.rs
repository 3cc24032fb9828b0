//! Who is who, and who may what.

use super::*;
use crate::settings::{ClientSettings, Rates};

fn grant(topics: &[&str]) -> Grant {
    let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
    Grant { topics, rates: Rates::default() }
}

fn client(name: &str, keys: &[&str], certificates: &[&str]) -> ClientSettings {
    ClientSettings {
        name: name.to_owned(),
        key_sha256: keys.iter().map(|key| sha256(key.as_bytes())).collect(),
        certificate: certificates.iter().map(|name| (*name).to_owned()).collect(),
        grant: grant(&[]),
    }
}

fn identity(subject: &str, names: &[&str]) -> Identity {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Identity { subject: subject.to_owned(), names }
}

fn clients(anonymous: bool) -> Clients {
    Clients::new(&Access {
        anonymous: anonymous.then(|| grant(&["public.*"])),
        clients: vec![
            client("shop", &["old key", "new key"], &[]),
            client("till", &["till key"], &["CN=till,O=Shop", "till.example"]),
            client("mesh", &[], &["spiffe://example/ns/a?b=c"]),
        ],
    })
}

fn name(
    clients: &Clients,
    key: Option<&str>,
    certificate: Option<&Identity>,
) -> Result<String, Refusal> {
    clients.identify(key, certificate).map(|client| client.name.clone())
}

#[test]
fn a_key_names_its_client_and_nothing_else_does() {
    let clients = clients(true);
    for (key, whose) in [("old key", "shop"), ("new key", "shop"), ("till key", "till")] {
        assert_eq!(name(&clients, Some(key), None), Ok(whose.to_owned()));
    }
    // The hash itself is no key: a stolen configuration opens nothing.
    let hash: String = sha256(b"old key").iter().map(|byte| format!("{byte:02x}")).collect();
    for key in ["", "old key ", "Old key", "old ke", hash.as_str()] {
        assert_eq!(name(&clients, Some(key), None), Err(Refusal::Unauthenticated), "{key}");
    }
    // A wrong key is not anonymous, and not made good by a certificate.
    let till = identity("CN=till,O=Shop", &[]);
    assert_eq!(name(&clients, Some("wrong"), Some(&till)), Err(Refusal::Unauthenticated));
    assert_eq!(name(&clients, Some("old key"), Some(&till)), Ok("shop".to_owned()));
}

#[test]
fn a_certificate_names_by_subject_or_alternative_name() {
    let clients = clients(true);
    for (subject, names, whose) in [
        ("CN=till,O=Shop", &[][..], "till"),
        ("CN=other", &["x.example", "till.example"][..], "till"),
        ("", &["spiffe://example/ns/a?b=c"][..], "mesh"),
    ] {
        let shown = identity(subject, names);
        assert_eq!(name(&clients, None, Some(&shown)), Ok(whose.to_owned()), "{subject}");
    }
    // Somebody else's, verified all the same, is not anonymous; nor is an alternative name a subject.
    for (subject, names) in
        [("CN=other", &[][..]), ("", &[][..]), ("CN=other", &["CN=till,O=Shop"][..])]
    {
        let shown = identity(subject, names);
        assert_eq!(name(&clients, None, Some(&shown)), Err(Refusal::Unauthenticated), "{subject}");
    }
}

#[test]
fn certificates_name_nobody_where_no_client_has_one() {
    let clients = Clients::new(&Access {
        anonymous: Some(grant(&[])),
        clients: vec![client("shop", &["key"], &[])],
    });
    let shown = identity("CN=till", &[]);
    assert_eq!(name(&clients, None, Some(&shown)), Ok(ANONYMOUS.to_owned()));
}

#[test]
fn without_anything_one_is_anonymous_where_that_is_allowed() {
    assert_eq!(name(&clients(false), None, None), Err(Refusal::Unauthenticated));
    let anonymous = clients(true).identify(None, None).unwrap();
    assert_eq!(anonymous.name, ANONYMOUS);
    assert!(anonymous.may_write("public.events") && !anonymous.may_write("orders"));
}

#[test]
fn a_client_has_its_limits_in_one_place_whoever_asks() {
    let clients = clients(true);
    let (first, second) = (
        clients.identify(Some("old key"), None).unwrap(),
        clients.identify(Some("new key"), None).unwrap(),
    );
    assert!(Arc::ptr_eq(&first, &second));
}

#[test]
fn topics_are_exact_or_begin_so() {
    for (patterns, yes, no) in [
        (&[][..], &["a", "anything"][..], &[][..]),
        (&["*"][..], &["a"][..], &[][..]),
        (&["orders"][..], &["orders"][..], &["orders2", "order", "Orders", ""][..]),
        (&["a.*", "b"][..], &["a.", "a.x", "b"][..], &["a", "ab", "b.x", "xa.b"][..]),
    ] {
        let client = Client::new("x", &grant(patterns));
        for topic in yes {
            assert!(client.may_write(topic), "{patterns:?} {topic}");
        }
        for topic in no {
            assert!(!client.may_write(topic), "{patterns:?} {topic}");
        }
    }
}
