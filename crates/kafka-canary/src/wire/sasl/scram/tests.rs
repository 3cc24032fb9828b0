//! The examples of RFC 5802 and RFC 7677, one for SHA-512 from Python's `hashlib`, and brokers that cheat.

use super::*;

fn credentials(user: &str, password: &str) -> Credentials {
    Credentials { user: user.to_owned(), password: password.to_owned() }
}

fn text(message: Vec<u8>) -> String {
    String::from_utf8(message).unwrap()
}

/// A whole exchange: nonce, the four messages.
fn exchange(hash: Hash, login: &Credentials, nonce: &str, messages: [&str; 4]) {
    let [first, challenge, last, outcome] = messages;
    let client = ClientFirst::with_nonce(hash, login, nonce.to_owned());
    assert_eq!(text(client.message()), first);
    let answer = client.answer(challenge.as_bytes(), None).unwrap();
    assert_eq!(text(answer.message()), last);
    assert_eq!(answer.verify(outcome.as_bytes()), Ok(()));

    let again = client.answer(challenge.as_bytes(), Some(answer.into_salted())).unwrap();
    assert_eq!(text(again.message()), last, "with the salted password that was kept");
}

#[test]
fn example_of_rfc_5802() {
    exchange(
        Hash::Sha1,
        &credentials("user", "pencil"),
        "fyko+d2lbbFgONRv9qkxdawL",
        [
            "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ],
    );
}

#[test]
fn example_of_rfc_7677() {
    exchange(
        Hash::Sha256,
        &credentials("user", "pencil"),
        "rOprNGfwEbeRWgbNEkqO",
        [
            "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ],
    );
}

#[test]
fn sha_512_with_a_name_and_a_password_beyond_ascii_letters() {
    exchange(
        Hash::Sha512,
        &credentials("a,b=", "pässwörd"),
        "nonce",
        [
            "n,,n=a=2Cb=3D,r=nonce",
            "r=noncemore,s=c2FsdHNhbHQ=,i=8192",
            "c=biws,r=noncemore,p=PipAwaql/WOUXw6zssilyLgVE5+60SvszoUxwUZyVG7icY3EdOYfAeUvCD6Vf9eoYVPsbyexG0GFnh3uE8XBUw==",
            "v=5pXTkA70HIVWUx2rPTDSqpAwk2VGA1yqQnjyOQ0wuBfDc6RBo5PSf7wEbd8BS2c76gH3jIBw/r3obRBKbL8q2Q==",
        ],
    );
}

fn refused(challenge: &str) -> Broken {
    let login = credentials("user", "pencil");
    let client = ClientFirst::with_nonce(Hash::Sha256, &login, String::from("nonce"));
    client.answer(challenge.as_bytes(), None).err().expect("a challenge that is refused")
}

#[test]
fn a_nonce_must_go_on_from_ours() {
    assert_eq!(refused("r=other,s=c2FsdA==,i=4096"), Broken::Nonce);
    assert_eq!(refused("r=nonce,s=c2FsdA==,i=4096"), Broken::Nonce, "nothing added");
}

#[test]
fn iterations_are_bounded_before_they_are_done() {
    assert_eq!(refused("r=nonce1,s=c2FsdA==,i=4095"), Broken::Iterations(4095));
    assert_eq!(refused("r=nonce1,s=c2FsdA==,i=131073"), Broken::Iterations(131_073));
    assert_eq!(refused("r=nonce1,s=c2FsdA==,i=4294967296"), Broken::Iterations(4_294_967_296));
}

#[test]
fn malformed_challenges() {
    for challenge in [
        "",
        "r=nonce1",
        "m=must,r=nonce1,s=c2FsdA==,i=4096",
        "r=nonce1,s=!,i=4096",
        "r=nonce1,s=c2FsdA==,i=x",
        "r=nonce1,s=c2FsdA==,i=-1",
        "r=nonce1,i=4096,s=c2FsdA==",
    ] {
        assert!(matches!(refused(challenge), Broken::Malformed(_)), "{challenge:?}");
    }
    let login = credentials("user", "pencil");
    let client = ClientFirst::with_nonce(Hash::Sha256, &login, String::from("nonce"));
    assert!(client.answer(&[0xff], None).is_err());
}

#[test]
fn a_broker_must_prove_that_it_knows_the_password() {
    let login = credentials("user", "pencil");
    let client = ClientFirst::with_nonce(Hash::Sha256, &login, String::from("nonce"));
    let answer = client.answer(b"r=nonce1,s=c2FsdA==,i=4096", None).unwrap();
    let other = format!("v={}", encode_block(&[7; 32]));
    assert_eq!(answer.verify(other.as_bytes()), Err(Broken::Signature));
    assert_eq!(answer.verify(b"v="), Err(Broken::Signature));
    assert!(matches!(answer.verify(b""), Err(Broken::Malformed(_))));
    assert_eq!(
        answer.verify(b"e=invalid-proof"),
        Err(Broken::Refused(String::from("invalid-proof")))
    );
}

#[test]
fn a_kept_salted_password_is_for_its_salt_and_iterations_only() {
    let login = credentials("user", "pencil");
    let client = ClientFirst::with_nonce(Hash::Sha256, &login, String::from("nonce"));
    let kept = client.answer(b"r=nonce1,s=c2FsdA==,i=4096", None).unwrap().into_salted();
    for challenge in ["r=nonce1,s=c2FsdDI=,i=4096", "r=nonce1,s=c2FsdA==,i=4097"] {
        let fresh = client.answer(challenge.as_bytes(), None).unwrap();
        let with_kept = client.answer(challenge.as_bytes(), Some(kept.clone())).unwrap();
        assert_eq!(text(fresh.message()), text(with_kept.message()));
    }
}

#[test]
fn nonces_differ() {
    let login = credentials("user", "pencil");
    let first = text(ClientFirst::new(Hash::Sha256, &login).unwrap().message());
    let second = text(ClientFirst::new(Hash::Sha256, &login).unwrap().message());
    assert_ne!(first, second);
    assert!(!first.replacen("n,,n=user,r=", "", 1).contains(','), "{first}");
}
