use super::*;

fn settings() -> DirectSettings {
    DirectSettings {
        proxies: vec![],
        proxies_files: vec![],
        proxies_dns: vec![],
        path: "/stats/prometheus".to_owned(),
        scrape_interval: Duration::from_secs(10),
        scrape_timeout: Duration::from_secs(5),
        history: Duration::from_secs(3600),
    }
}

fn urls(listing: &Listing) -> Vec<&str> {
    listing.targets.iter().map(|target| target.url.as_str()).collect()
}

#[test]
fn an_address_becomes_a_url() {
    let cases = [
        ("127.0.0.1:9901", "127.0.0.1:9901", "http://127.0.0.1:9901/stats/prometheus"),
        ("http://[::1]:9901/", "[::1]:9901", "http://[::1]:9901/stats/prometheus"),
        ("https://envoy.example", "envoy.example:443", "https://envoy.example/stats/prometheus"),
        ("http://a.example:1/metrics?x=1#y", "a.example:1", "http://a.example:1/metrics?x=1"),
    ];
    for (text, name, url) in cases {
        let found = target(text, "http", "/stats/prometheus", None).unwrap();
        assert_eq!((found.name.as_str(), found.url.as_str()), (name, url));
    }
    for text in ["", "ftp://a.example", "http://", "file:///etc/passwd", "a b:1"] {
        assert!(target(text, "http", "/", None).is_err(), "{text:?}");
    }
    let with_query = target("a.example:1", "http", "/stats?filter=kafka", None).unwrap();
    assert_eq!(with_query.url.as_str(), "http://a.example:1/stats?filter=kafka");
}

#[test]
fn lists_are_read_as_prometheus_reads_them() {
    let json = r#"[{"targets": ["one.example:15090", "two.example:15090"], "labels": {"app": "x", "instance": "y"}},
        {"targets": ["three.example:1"], "labels": {"__scheme__": "https", "__metrics_path__": "/m", "instance": "three"}}]"#;
    let yaml = "- targets: ['one.example:15090', 'two.example:15090']\n  labels: {app: x, instance: y}\n\
                - targets:\n    - three.example:1\n  labels:\n    __scheme__: https\n    __metrics_path__: /m\n    instance: three\n";
    let of_json = parse(json, true, "/stats/prometheus").unwrap();
    assert_eq!(parse(yaml, false, "/stats/prometheus").unwrap(), of_json);
    assert_eq!(parse(json, false, "/stats/prometheus").unwrap(), of_json, "JSON is YAML");
    let found: Vec<(&str, &str)> =
        of_json.iter().map(|target| (target.name.as_str(), target.url.as_str())).collect();
    assert_eq!(
        found,
        [
            ("one.example:15090", "http://one.example:15090/stats/prometheus"),
            ("two.example:15090", "http://two.example:15090/stats/prometheus"),
            ("three", "https://three.example:1/m"),
        ]
    );
    for (text, json) in [("[]", true), ("[]", false), ("[ ]\n", false)] {
        assert_eq!(parse(text, json, "/").unwrap(), [], "{text:?}");
    }
    for text in
        ["", "\n", "# nothing", "---\n", "null", "-", "- targets:", "- targets: [a:1", "- tar"]
    {
        for json in [true, false] {
            assert!(parse(text, json, "/").is_err(), "{text:?}");
        }
    }
    assert!(parse("- targets: [ftp://x]", false, "/").is_err());
    assert!(parse("targets: x", false, "/").is_err());
}

#[tokio::test]
async fn a_file_that_breaks_leaves_what_it_gave() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("proxies.json");
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    let mut targets =
        Targets::new(&DirectSettings { proxies_files: vec![path.clone()], ..settings() }).unwrap();
    let missing = targets.list().await;
    assert_eq!((missing.targets.len(), missing.problems.len()), (0, 1));
    write(r#"[{"targets": ["a.example:1"]}]"#);
    assert_eq!(urls(&targets.list().await), ["http://a.example:1/stats/prometheus"]);
    write(r#"[{"targets": ["#);
    let broken = targets.list().await;
    assert_eq!(urls(&broken), ["http://a.example:1/stats/prometheus"]);
    assert!(broken.problems[0].contains("proxies.json"), "{:?}", broken.problems);
    write("[]");
    assert_eq!(targets.list().await, Listing::default());
}

#[tokio::test]
async fn names_and_urls_are_told_apart_and_bounded() {
    let proxies =
        ["a.example:1", "http://a.example:1/stats/prometheus", "http://a.example:1/metrics"];
    let proxies = proxies.map(str::to_owned).to_vec();
    let found = Targets::new(&DirectSettings { proxies, ..settings() }).unwrap().list().await;
    let names: Vec<&str> = found.targets.iter().map(|target| target.name.as_str()).collect();
    assert_eq!(names, ["a.example:1/metrics", "a.example:1/stats/prometheus"]);
    let proxies = (0..1005).map(|number| format!("p{number}.example:1")).collect();
    let found = Targets::new(&DirectSettings { proxies, ..settings() }).unwrap().list().await;
    assert_eq!(found.targets.len(), TARGETS_MAX);
    assert!(found.problems[0].starts_with("5 targets"), "{:?}", found.problems);
}

#[tokio::test]
async fn a_name_becomes_all_its_addresses() {
    let names = DirectSettings { proxies_dns: vec!["localhost:15090".to_owned()], ..settings() };
    let found = Targets::new(&names).unwrap().list().await;
    assert!(urls(&found).contains(&"http://127.0.0.1:15090/stats/prometheus"), "{found:?}");
    let names = DirectSettings { proxies_dns: vec!["nobody.invalid:1".to_owned()], ..settings() };
    let found = Targets::new(&names).unwrap().list().await;
    assert_eq!((found.targets.len(), found.problems.len()), (0, 1));
}

#[test]
fn nothing_to_scrape_is_an_error() {
    assert!(Targets::new(&settings()).is_err());
    let names = DirectSettings { proxies_dns: vec!["no-port".to_owned()], ..settings() };
    assert!(Targets::new(&names).is_err());
    let proxies = DirectSettings { proxies: vec!["http://".to_owned()], ..settings() };
    assert!(Targets::new(&proxies).is_err());
}
