//! Each error names its path and line, what was given, and what to write.

use super::{BROKERS, load, loaded, problem, problems};

#[test]
fn unknown_keys_are_told_with_the_nearest() {
    let text = "kafka:\n  broker: [a:1]\n  brokers: [a:1]\n  compression: zstd\nhtpp:\n  port: 1\nport: 4242\n\
                ratelimit:\n  enabled: true\n  rules:\n    - topic: a\n      topic_name: a\n";
    assert_eq!(
        problems(text)[..],
        [
            "kafka.broker (line 2): is not known; kafka.brokers is",
            "kafka.compression (line 4): is not known; here are brokers, user, password, password_file, \
             sasl_mechanism, security_protocol, message_max_bytes, queue_buffering_max_messages, \
             queue_buffering_max_ms, queue_buffering_max_kbytes, retries, message_timeout_ms, request_timeout_ms, \
             request_required_acks, statistics_interval_ms, idempotence, auto_create_topics, \
             unknown_topic_ttl_ms, properties, property_files",
            "htpp (line 6): is not known; http is",
            "port (line 7): is not known; http.port is",
            "ratelimit.rules[0].topic (line 11): is not known; ratelimit.rules[].topic_name is",
        ]
    );
}

#[test]
fn values_of_another_kind_are_told() {
    for (more, expected) in [
        ("http: 5\n", "http (line 2): is a single value; write a mapping, `key: value` a line"),
        ("http: [1]\n", "http (line 2): is a list; write a mapping, `key: value` a line"),
        ("http:\n  port: [1]\n", "http.port (line 3): is a list; write a single value"),
        ("http:\n  port: {a: 1}\n", "http.port (line 3): is a mapping; write a single value"),
        (
            "ratelimit: {rules: 7}\n",
            "ratelimit.rules (line 2): is a single value; write a list of mappings",
        ),
        (
            "ratelimit: {rules: [7]}\n",
            "ratelimit.rules[0] (line 2): is a single value; write a mapping, `key: value` a line\n\
             ratelimit.rules[0].topic_name: is missing; write the name of a topic",
        ),
    ] {
        assert_eq!(problems(&format!("{BROKERS}{more}")).join("\n"), expected, "{more}");
    }
    assert_eq!(
        problems("- a\n- b\n")[0],
        "the file (line 1): is a list; write a mapping, `key: value` a line"
    );
}

#[test]
fn values_out_of_range_are_told() {
    for (more, expected) in [
        (
            "http: {port: 65536}",
            "http.port (line 2): \"65536\" is not a whole number from 0 to 65535; the default is 4242",
        ),
        (
            "http: {port: -1}",
            "http.port (line 2): \"-1\" is not a whole number from 0 to 65535; the default is 4242",
        ),
        (
            "http: {port: 1.5}",
            "http.port (line 2): \"1.5\" is not a whole number from 0 to 65535; the default is 4242",
        ),
        (
            "http: {body_max_bytes: 16MiB}",
            "http.body_max_bytes (line 2): \"16MiB\" is not a whole number of bytes from 1024 to 1073741824; the default is 16777216",
        ),
        (
            "http: {idle_timeout_ms: 0}",
            "http.idle_timeout_ms (line 2): \"0\" is not a whole number of milliseconds from 1 to 2147483647; the default is 60000",
        ),
        (
            "http: {address: localhost}",
            "http.address (line 2): \"localhost\" is no IP address; write one without a port, for example 0.0.0.0",
        ),
        (
            "http: {address: '0.0.0.0:80'}",
            "http.address (line 2): \"0.0.0.0:80\" is no IP address; write one without a port, for example 0.0.0.0",
        ),
        (
            "wal: {directory: d, fsync: sometimes}",
            "wal.fsync (line 2): \"sometimes\" is not known; write one of always, interval, never",
        ),
        (
            "ratelimit: {enabled: maybe}",
            "ratelimit.enabled (line 2): \"maybe\" is neither; write true or false",
        ),
        (
            "output_filter: inof",
            "output_filter (line 2): \"inof\" is no filter: \"inof\" is no level (off, error, warn, info, debug, trace); write for example info",
        ),
    ] {
        assert_eq!(problem(&format!("{more}\n")), expected);
    }
}

#[test]
fn what_contradicts_is_told() {
    for (more, expected) in [
        (
            "http: {metrics_port: 4242}",
            "http.metrics_port (line 2): \"4242\" is http.port too; write two different ports",
        ),
        ("http: {port: 8088}", "http.metrics_port: is http.port too; write two different ports"),
        (
            "http: {bodies_max_bytes: 2048}",
            "http.bodies_max_bytes (line 2): \"2048\" is less than http.body_max_bytes",
        ),
        (
            "http: {tls: {key_file: k}}",
            "http.tls.certificate_file: is missing beside http.tls.key_file; write it",
        ),
        (
            "http: {tls: {certificate_file: c}}",
            "http.tls.key_file: is missing beside http.tls.certificate_file; write it",
        ),
        (
            "http: {tls: {client_ca_file: c}}",
            "http.tls.client_ca_file (line 2): \"c\" needs http.tls.certificate_file and http.tls.key_file",
        ),
        (
            "http: {tls: {client_required: true}}",
            "http.tls.client_required (line 2): \"true\" needs http.tls.client_ca_file",
        ),
        (
            "http: {cors: {origins: ['*', 'http://a.example']}}",
            "http.cors.origins (line 2): has * beside others",
        ),
        (
            "http: {cors: {origins: ['http://a.example/']}}",
            "http.cors.origins (line 2): has \"http://a.example/\", which is no origin",
        ),
        (
            "http: {cors: {origins: ['https://*.example']}}",
            "http.cors.origins (line 2): has \"https://*.example\", which is no origin",
        ),
        (
            "wal: {max_bytes: 4194304}",
            "wal.directory: is missing beside other keys of wal, so that there is no log",
        ),
        (
            "wal: {directory: d, max_bytes: 4194304, segment_bytes: 4194304}",
            "wal.segment_bytes (line 2): \"4194304\" is more than half of wal.max_bytes; write at most 2097152",
        ),
        (
            "ratelimit: {rules: [{max_requests_per_minute: 1}]}",
            "ratelimit.rules[0].topic_name: is missing",
        ),
        (
            "ratelimit: {rules: [{topic_name: a/b}]}",
            "ratelimit.rules[0].topic_name (line 2): \"a/b\" is no topic's name",
        ),
        (
            "ratelimit: {rules: [{topic_name: a}, {topic_name: a}]}",
            "ratelimit.rules[1].topic_name (line 2): \"a\" has a rule already",
        ),
        (
            "ratelimit: {rules: [{topic_name: a, max_requests_per_minute: 1, max_records_per_second: 2}]}",
            "ratelimit.rules[0].max_requests_per_minute (line 2): \"1\" stands beside max_records_per_second",
        ),
        (
            "ratelimit: {rules: [{topic_name: a, records_burst: 1}]}",
            "ratelimit.rules[0].records_burst (line 2): \"1\" needs the rate",
        ),
        (
            "ratelimit: {rules: [{topic_name: a, max_bytes_per_second: 5, bytes_burst: 9}]}",
            "ratelimit.rules[0].bytes_burst (line 2): \"9\" is less than kafka.message_max_bytes",
        ),
        (
            "ratelimit: {rules: [{topic_name: a, max_records_per_second: -5}]}",
            "ratelimit.rules[0].max_records_per_second (line 2): \"-5\" is no number above 0",
        ),
        (
            "ratelimit: {rules: [{topic_name: a, max_records_per_second: nan}]}",
            "ratelimit.rules[0].max_records_per_second (line 2): \"nan\" is no number above 0",
        ),
    ] {
        let told = problem(&format!("{more}\n"));
        assert!(told.starts_with(expected), "{more}\n  told: {told}\n  want: {expected}");
    }
}

#[test]
fn everything_is_told_at_once() {
    let text = "kafka: {retries: x, idempotence: true, request_required_acks: 1, properties: {nonsense: 1}}\n\
                http: {port: 8088, metrics_prt: 1}\nwal: {fsync: never}\naccess: {clients: [{name: ''}]}\n";
    let told = problems(text).join("\n");
    for place in [
        "http.metrics_prt",
        "kafka.brokers",
        "kafka.retries",
        "kafka.idempotence",
        "kafka.properties.nonsense",
        "http.metrics_port",
        "wal.directory",
        "access.clients[0].name",
        "access.clients[0].keys_sha256",
    ] {
        let lines = told.lines().filter(|line| {
            line.strip_prefix(place).is_some_and(|rest| rest.starts_with([' ', ':']))
        });
        assert_eq!(lines.count(), 1, "{place} in\n{told}");
    }
}

#[test]
fn what_is_no_yaml_is_told_with_its_line_and_without_its_text() {
    let told = loaded("kafka:\n  password: hunter2\n  user: [hunter3\nhttp: {}\n", &[])
        .unwrap_err()
        .to_string();
    assert!(told.contains("gateway.yaml: is no YAML: "), "{told}");
    assert!(told.contains("line"), "{told}");
    assert!(!told.contains("hunter"), "{told}");
    let told = loaded("http: {port: 1}\nhttp: {port: 2}\n", &[]).unwrap_err().to_string();
    assert!(told.contains("duplicate") && told.contains("http"), "{told}");
    let told = loaded(&"[".repeat(1000), &[]).unwrap_err().to_string();
    assert!(told.contains("is no YAML"), "{told}");
    let bomb = "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n\
                d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e]\n";
    let told = loaded(bomb, &[]).unwrap_err().to_string();
    assert!(told.contains("is no YAML"), "{told}");
}

#[test]
fn other_formats_are_refused_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    for (name, hint) in
        [("a.toml", "tomllib"), ("a.ini", "[http] port=4242"), ("a.HJSON", "hjson -j")]
    {
        let told = load(Some(&folder.path().join(name)), []).unwrap_err().to_string();
        assert!(told.contains("the file is YAML, of which JSON is a part"), "{told}");
        assert!(told.contains(hint), "{told}");
    }
    let told = load(Some(&folder.path().join("none.yaml")), []).unwrap_err().to_string();
    assert!(told.contains("none.yaml: cannot be read: "), "{told}");
    std::fs::write(folder.path().join("latin.yaml"), b"a: \xe4\n").unwrap();
    let told = load(Some(&folder.path().join("latin.yaml")), []).unwrap_err().to_string();
    assert!(told.ends_with("is not UTF-8; write it in UTF-8"), "{told}");
}

#[test]
fn long_values_are_shortened() {
    let told = problem(&format!("http: {{address: {}}}\n", "x".repeat(500)));
    assert!(told.len() < 250 && told.contains("xxx…\""), "{told}");
}
