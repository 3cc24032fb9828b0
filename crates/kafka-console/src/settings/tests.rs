use super::*;

fn check(arguments: &[&str]) -> Result<Settings, Problems> {
    let all = ["kafka-console"].iter().chain(arguments);
    // A variable of whoever runs the tests must not decide.
    let command = flags::command().mut_args(|argument| argument.env(None::<&str>));
    Settings::from_matches(&command.try_get_matches_from(all).unwrap())
}

fn problems(arguments: &[&str]) -> String {
    check(arguments).unwrap_err().to_string()
}

#[test]
fn one_proxy_is_enough() {
    let settings = check(&["--proxy", "http://127.0.0.1:9901"]).unwrap();
    assert_eq!(settings.listen, "127.0.0.1:8085".parse().unwrap());
    assert_eq!(settings.access, AccessSettings::default());
    let SourceSettings::Direct(direct) = settings.source else { panic!("not direct") };
    assert_eq!(direct.proxies, ["http://127.0.0.1:9901"]);
    assert_eq!(direct.path, "/stats/prometheus");
    assert_eq!(direct.scrape_interval, Duration::from_secs(10));
    assert_eq!(direct.history, Duration::from_secs(3_600));
}

#[test]
fn proxies_are_repeated_or_separated_by_commas() {
    let settings = check(&[
        "--proxy",
        "http://a.example:1,http://b.example:2",
        "--proxy",
        "http://c.example:3/metrics",
    ])
    .unwrap();
    let SourceSettings::Direct(direct) = settings.source else { panic!("not direct") };
    assert_eq!(
        direct.proxies,
        ["http://a.example:1", "http://b.example:2", "http://c.example:3/metrics"]
    );
}

#[test]
fn prometheus_has_addresses_for_the_console_and_for_people() {
    let settings = check(&[
        "--prometheus",
        "http://prometheus.example:9090",
        "--prometheus-url-public",
        "https://prometheus.example/",
        "--scrape-interval",
        "15s",
    ])
    .unwrap();
    let SourceSettings::Prometheus { settings, public_url } = settings.source else {
        panic!("not prometheus")
    };
    assert_eq!(settings.url, "http://prometheus.example:9090");
    assert_eq!(settings.tick, Duration::from_secs(15));
    assert_eq!(public_url.as_deref(), Some("https://prometheus.example/"));
}

#[test]
fn a_trusted_header_needs_proxies_that_are_believed() {
    let both = check(&[
        "--proxy",
        "http://a.example:1",
        "--trusted-header",
        "X-Forwarded-User",
        "--trusted-proxy",
        "10.0.0.0/8,127.0.0.1",
    ])
    .unwrap();
    let trusted = both.access.trusted.unwrap();
    assert_eq!(trusted.header, "x-forwarded-user");
    assert_eq!(trusted.networks, ["10.0.0.0/8".parse().unwrap(), "127.0.0.1/32".parse().unwrap()]);
    let alone = problems(&["--proxy", "http://a.example:1", "--trusted-header", "x-user"]);
    assert!(alone.contains("--trusted-header needs --trusted-proxy"), "{alone}");
    let other = problems(&["--proxy", "http://a.example:1", "--trusted-proxy", "10.0.0.0/8"]);
    assert!(other.contains("--trusted-proxy needs --trusted-header"), "{other}");
}

#[test]
fn everything_impossible_is_told_at_once() {
    let text = problems(&[
        "--listen",
        "nowhere",
        "--proxy",
        "ftp://a.example:1",
        "--proxy",
        "http://x:secret@a.example:1",
        "--proxies-dns",
        "name",
        "--proxies-path",
        "stats",
        "--scrape-interval",
        "10",
        "--trusted-proxy",
        "10.0.0.0/99",
        "--trusted-header",
        "x y",
        "--allowed-host",
        "http://x",
        "--log-level",
        "loud",
    ]);
    let expected = [
        "--listen nowhere: ",
        "--proxies-path stats: ",
        "--proxies-dns name: ",
        "--proxy ftp://a.example:1: ",
        "--proxy http://x:secret@a.example:1: ",
        "--scrape-interval 10: ",
        "--trusted-proxy 10.0.0.0/99: ",
        "--trusted-header x y: ",
        "--allowed-host http://x: ",
        "--log-level: ",
    ];
    for start in expected {
        assert!(text.lines().any(|line| line.starts_with(start)), "{start}\n{text}");
    }
    assert_eq!(text.lines().count(), expected.len(), "{text}");
}

#[test]
fn there_is_one_source() {
    assert!(problems(&[]).contains("say where the metrics are"));
    let two = problems(&["--proxy", "http://a.example:1", "--prometheus", "http://b.example:2"]);
    assert!(two.contains("exclude each other"), "{two}");
}

#[test]
fn what_only_prometheus_needs_is_refused_without_it() {
    for source in [
        ["--proxy", "http://a.example:1"],
        ["--proxies-file", "proxies.yaml"],
        ["--proxies-dns", "a.example:1"],
    ] {
        let both = [
            "--prometheus-token-file",
            "/token",
            "--prometheus-url-public",
            "https://prometheus.example",
        ];
        let text = problems(&[&source[..], &both].concat());
        for flag in [both[0], both[2]] {
            let start = format!("{flag} needs --prometheus: ");
            assert!(text.lines().any(|line| line.starts_with(&start)), "{text}");
        }
        assert_eq!(text.lines().count(), 2, "{text}");
        // As from a variable that a manifest sets to nothing.
        let empty = [both[0], "", both[2], ""];
        assert!(check(&[&source[..], &empty].concat()).is_ok());
    }
}

#[test]
fn addresses_are_read() {
    for (text, address) in [
        ("localhost:1", "127.0.0.1:1"),
        (":8085", "0.0.0.0:8085"),
        ("0.0.0.0:0", "0.0.0.0:0"),
        ("[::1]:8085", "[::1]:8085"),
    ] {
        let settings = check(&["--proxy", "http://a.example:1", "--listen", text]).unwrap();
        assert_eq!(settings.listen, address.parse().unwrap(), "{text}");
    }
}

#[test]
fn times_are_read() {
    for (text, milliseconds) in
        [("500ms", 500), ("10s", 10_000), ("5m", 300_000), ("1h", 3_600_000), ("7d", 604_800_000)]
    {
        assert_eq!(duration(text), Some(Duration::from_millis(milliseconds)), "{text}");
    }
    for text in
        ["", "s", "10", "-1s", "1.5s", "10 s", "99999999999999999999s", "18446744073709551615d"]
    {
        assert_eq!(duration(text), None, "{text}");
    }
}

#[test]
fn every_flag_has_a_variable_of_its_name() {
    for flag in flags::FLAGS {
        let variable = flag.name.replace('-', "_").to_uppercase();
        assert_eq!(flag.variable, format!("KAFKA_CONSOLE_{variable}"));
    }
    let mut names: Vec<_> = flags::FLAGS.iter().map(|flag| flag.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), flags::FLAGS.len());
    flags::command().debug_assert();
}
