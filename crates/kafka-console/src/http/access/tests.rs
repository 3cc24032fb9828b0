use super::*;
use std::io::Write as _;

const TOKEN: &str = "correct-horse-battery";

fn token_file(token: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "{token}").unwrap();
    file
}

fn access(token: Option<&Path>, trusted: Option<(&str, &str)>) -> Access {
    Access::new(&AccessSettings {
        token_file: token.map(Path::to_owned),
        trusted: trusted.map(|(header, network)| Trusted {
            header: header.to_owned(),
            networks: vec![network.parse().unwrap()],
        }),
    })
    .unwrap()
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

fn peer(address: &str) -> IpAddr {
    address.parse().unwrap()
}

#[test]
fn without_settings_everybody_reads() {
    let access = access(None, None);
    assert!(access.is_open());
    assert_eq!(access.check(&HeaderMap::new(), peer("203.0.113.1")), Ok(()));
    assert_eq!(access.log_in(&headers(&[("authorization", "Bearer x")])), None);
}

#[test]
fn a_token_opens_as_bearer_and_nothing_else_does() {
    let file = token_file(TOKEN);
    let access = access(Some(file.path()), None);
    let here = peer("127.0.0.1");
    for good in ["Bearer correct-horse-battery", "bearer correct-horse-battery"] {
        assert_eq!(access.check(&headers(&[("authorization", good)]), here), Ok(()), "{good}");
    }
    for bad in [
        "Bearer correct-horse-batter",
        "Bearer correct-horse-batteryy",
        "Bearer ",
        "Basic correct-horse-battery",
        "correct-horse-battery",
    ] {
        let result = access.check(&headers(&[("authorization", bad)]), here);
        assert_eq!(result, Err(Way::Token), "{bad}");
    }
    assert_eq!(access.check(&HeaderMap::new(), here), Err(Way::Token));
    assert_eq!(access.check(&headers(&[("x-user", "me")]), here), Err(Way::Token));
}

#[test]
fn behind_tls_the_cookie_stays_behind_tls() {
    let file = token_file(TOKEN);
    let access = access(Some(file.path()), None);
    for (scheme, secure) in [("https", true), ("https, http", true), ("http", false), ("", false)] {
        let shown =
            [("authorization", "Bearer correct-horse-battery"), ("x-forwarded-proto", scheme)];
        let cookie = access.log_in(&headers(&shown)).unwrap();
        assert_eq!(cookie.to_str().unwrap().ends_with("; Secure"), secure, "{scheme:?}");
    }
}

#[test]
fn the_cookie_opens_and_is_not_the_token() {
    let file = token_file(TOKEN);
    let access = access(Some(file.path()), None);
    assert_eq!(access.log_in(&headers(&[("authorization", "Bearer wrong-wrong-wrong")])), None);
    let cookie =
        access.log_in(&headers(&[("authorization", "Bearer correct-horse-battery")])).unwrap();
    let cookie = cookie.to_str().unwrap();
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
    assert!(!cookie.contains(TOKEN));
    let pair = cookie.split(';').next().unwrap();
    let here = peer("127.0.0.1");
    assert_eq!(access.check(&headers(&[("cookie", pair)]), here), Ok(()));
    assert_eq!(access.check(&headers(&[("cookie", &format!("a=b; {pair}; c=d"))]), here), Ok(()));
    for bad in ["kafka_console=", "kafka_console=correct-horse-battery", "other=1"] {
        assert_eq!(access.check(&headers(&[("cookie", bad)]), here), Err(Way::Token), "{bad}");
    }
    let gone = Access::log_out().unwrap();
    assert!(
        gone.to_str().unwrap().contains("kafka_console=; ")
            && gone.to_str().unwrap().contains("Max-Age=0")
    );
}

#[test]
fn a_trusted_proxy_names_people_and_nobody_else_does() {
    let access = access(None, Some(("x-forwarded-user", "10.0.0.0/8")));
    let named = headers(&[("x-forwarded-user", "alice")]);
    assert_eq!(access.check(&named, peer("10.1.2.3")), Ok(()));
    assert_eq!(access.check(&named, peer("::ffff:10.1.2.3")), Ok(()));
    assert_eq!(access.check(&named, peer("192.0.2.1")), Err(Way::Proxy));
    assert_eq!(access.check(&HeaderMap::new(), peer("10.1.2.3")), Err(Way::Proxy));
    assert_eq!(
        access.check(&headers(&[("x-forwarded-user", "")]), peer("10.1.2.3")),
        Err(Way::Proxy)
    );
}

#[tokio::test]
async fn a_new_token_ends_old_logins() {
    let file = token_file(TOKEN);
    let access = access(Some(file.path()), None);
    let bearer = headers(&[("authorization", "Bearer correct-horse-battery")]);
    let cookie = access.log_in(&bearer).unwrap();
    let pair = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
    let here = peer("127.0.0.1");

    std::fs::write(file.path(), "short").unwrap();
    access.read_again().await;
    assert_eq!(access.check(&bearer, here), Ok(()), "a file that is wrong changes nothing");

    std::fs::write(file.path(), "another-token-of-length").unwrap();
    access.read_again().await;
    assert_eq!(access.check(&bearer, here), Err(Way::Token));
    assert_eq!(access.check(&headers(&[("cookie", &pair)]), here), Err(Way::Token));
    let new = headers(&[("authorization", "Bearer another-token-of-length")]);
    assert_eq!(access.check(&new, here), Ok(()));
}

#[test]
fn a_file_without_a_good_token_is_refused() {
    for text in
        ["", "short", "fifteen-letters", "with blanks in between it", "with-ümlaut-inside-it"]
    {
        let file = token_file(text);
        let settings = AccessSettings { token_file: Some(file.path().to_owned()), trusted: None };
        let error = Access::new(&settings).unwrap_err();
        assert!(error.contains("openssl rand -hex 32"), "{error}");
        assert!(text.is_empty() || !error.contains(text), "the error shows the token: {error}");
    }
    let missing = AccessSettings { token_file: Some("/nowhere/token".into()), trusted: None };
    assert!(Access::new(&missing).unwrap_err().starts_with("token-file /nowhere/token: "));
}

#[test]
fn what_is_printed_has_no_secret() {
    let file = token_file(TOKEN);
    let text = format!("{:?}", access(Some(file.path()), None));
    assert!(text.contains("token") && !text.contains(TOKEN), "{text}");
}
