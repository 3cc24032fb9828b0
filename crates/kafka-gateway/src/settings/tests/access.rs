//! Who may write.

use super::{BROKERS, file, loaded, problem, problems, settings};
use crate::settings::Rate;

/// Of "correct-horse-battery", as sha256sum writes it.
const HASH: &str = "62249369389075490555a758353aec61500c6218fa597252d52dc4bd0148f12d";

#[test]
fn clients_have_keys_from_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let keys = file(&folder, "keys", "first-key-of-the-file\n\n  second-key-of-the-file  \n");
    let text = format!(
        "{BROKERS}access:\n  clients:\n    - name: shop\n      keys_sha256: [{HASH}]\n      key_files: [{}]\n      \
         key_variables: [SHOP_KEY]\n      keys_in_clear_text: ['in,clear=text-0123']\n      \
         topics: [orders, 'shop.*']\n      max_records_per_second: 100\n      max_bytes_per_second: 2000000\n",
        keys.display()
    );
    let settings = loaded(&text, &[("SHOP_KEY", "abc-abc-abc-abc-abc\n")]).unwrap();
    let shop = &settings.access.clients[0];
    assert_eq!(shop.name, "shop");
    let hex: Vec<String> = shop
        .key_sha256
        .iter()
        .map(|hash| hash.iter().map(|byte| format!("{byte:02x}")).collect())
        .collect();
    // Made with sha256sum.
    assert_eq!(
        hex,
        [
            HASH,
            "d5a8520f4eaa1c72cdb16182f19e2406c186ef4407f086605628453255926be6",
            "60b0ba9e13132010ba7e93a589741fc7076998771e5af5f4134ad0e600b79016",
            "65c2469da56ba956d31868653d2c59adaa5c12ba44e67d4875e65a7805297ca2",
            "79d26e4d5b8c030db59202f1141ee7c50e07e7c8324ba18272c77ee1cca8fa5d",
        ]
    );
    assert_eq!(shop.grant.topics, ["orders", "shop.*"]);
    assert_eq!(shop.grant.rates.records, Some(Rate { per_second: 100.0, burst: 100 }));
    assert_eq!(shop.grant.rates.bytes, Some(Rate { per_second: 2e6, burst: 2_000_000 }));
    assert!(settings.access.anonymous.is_none(), "clients are known: others are refused");
    assert!(settings.warnings[0].starts_with("API keys come over connections without TLS"));
}

#[test]
fn certificates_have_commas() {
    let settings = settings(&format!(
        "{BROKERS}http: {{tls: {{certificate_file: c, key_file: k, client_ca_file: ca}}}}\naccess:\n  anonymous:\n    \
         allowed: true\n    topics: public\n    max_records_per_second: 1\n  clients:\n    - name: edge\n      \
         certificates: 'CN=edge,O=Example'\n    - name: two\n      certificates: [a.example, 'spiffe://b/c']\n"
    ));
    assert_eq!(settings.access.clients[0].certificate, ["CN=edge,O=Example"]);
    assert_eq!(settings.access.clients[1].certificate, ["a.example", "spiffe://b/c"]);
    let anonymous = settings.access.anonymous.unwrap();
    assert_eq!(anonymous.topics, ["public"]);
    assert_eq!(anonymous.rates.records, Some(Rate { per_second: 1.0, burst: 1 }));
    assert_eq!(settings.warnings, [""; 0]);
}

#[test]
fn clients_that_cannot_be_are_told() {
    let client = |client: &str| problem(&format!("access: {{clients: [{client}]}}\n"));
    for (text, expected) in [
        ("{name: a}", "access.clients[0].keys_sha256: is missing, and so is every other way"),
        ("{name: a b, keys_sha256: HASH}", "access.clients[0].name (line 2): \"a b\" is no name"),
        (
            "{name: anonymous, keys_sha256: HASH}",
            "access.clients[0].name (line 2): \"anonymous\" is no name",
        ),
        ("{keys_sha256: HASH}", "access.clients[0].name: is no name"),
        (
            "{name: a, keys_sha256: abc}",
            "access.clients[0].keys_sha256 (line 2): \"abc\" has an entry that is no SHA-256",
        ),
        (
            "{name: a, keys_in_clear_text: [short]}",
            "access.clients[0].keys_in_clear_text (line 2): an entry is no API key",
        ),
        (
            "{name: a, key_files: [/nowhere]}",
            "access.clients[0].key_files (line 2): /nowhere cannot be read",
        ),
        (
            "{name: a, key_variables: [NOT_SET_AT_ALL]}",
            "access.clients[0].key_variables (line 2): has NOT_SET_AT_ALL, which the environment has not",
        ),
        (
            "{name: a, key_variables: [KAFKA_GATEWAY_X]}",
            "access.clients[0].key_variables (line 2): has KAFKA_GATEWAY_X, but",
        ),
        (
            "{name: a, certificates: [CN=a]}",
            "access.clients[0].certificates (line 2): can never be shown without http.tls.client_ca_file",
        ),
        (
            "{name: a, keys_sha256: HASH, topics: ['a*b']}",
            "access.clients[0].topics (line 2): has \"a*b\"",
        ),
        (
            "{name: a, keys_sha256: HASH}, {name: a, keys_sha256: OTHER}",
            "access.clients[1].name (line 2): \"a\" is another client's too",
        ),
        (
            "{name: a, keys_sha256: HASH}, {name: b, keys_sha256: HASH}",
            "access.clients[1].name (line 2): \"b\" has an API key that it or another",
        ),
    ] {
        let other = HASH.replace('5', "6");
        let told = client(&text.replace("HASH", HASH).replace("OTHER", &other));
        assert!(told.starts_with(expected), "{text}\n  told: {told}");
    }
}

#[test]
fn keys_in_clear_text_are_never_told() {
    let folder = tempfile::tempdir().unwrap();
    let keys = file(&folder, "keys", "hunter2\n");
    let told = problems(&format!(
        "{BROKERS}access:\n  clients:\n    - name: a\n      keys_in_clear_text: [hunter2]\n      key_files: {}\n    \
         - name: b\n      keys_in_clear_text: hunter2\n",
        keys.display()
    ));
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(!told.join("\n").contains("hunter"), "{told:#?}");
}

#[test]
fn somebody_must_be_allowed_to_write() {
    let told = problem("access: {anonymous: {allowed: false}}\n");
    assert!(told.contains("lets nobody write at all"), "{told}");
    let told = problem(&format!(
        "access: {{anonymous: {{topics: [a]}}, clients: [{{name: a, keys_sha256: {HASH}}}]}}\n"
    ));
    assert!(told.starts_with("access.anonymous.allowed: is not true"), "{told}");
    assert!(settings(BROKERS).access.anonymous.unwrap().topics.is_empty());
}
