//! The program from outside, without a cluster: what it says, where, and with which status it ends.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// kprf's file, as its users have it.
const KPRF: &str = "
kafka:
  brokers:
    - 'BROKER'
  request_required_acks: 1
  queue_buffering_max_ms: 20
  queue_buffering_max_kbytes: 2048 # 2 MiB

http:
  port: 4242
  metrics_port: 8088

output_file: \"/dev/stdout\"

ratelimit: # of one topic
  enabled: true
  rules:
    - topic_name: \"some_topic\"
      max_requests_per_minute: 42
";

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// Runs it without the variables of this process, to the end.
fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kafka-gateway"))
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .expect("the program starts")
}

fn check(text: &str, variables: &[(&str, &str)]) -> (i32, String, String) {
    let files = Files::new();
    let path = files.write("gateway.yaml", text);
    let ended = run(&["--check", "--config", path.to_str().unwrap()], variables);
    (
        ended.status.code().expect("no signal ended it"),
        String::from_utf8(ended.stdout).unwrap(),
        String::from_utf8(ended.stderr).unwrap(),
    )
}

#[test]
fn a_check_of_kprfs_file_says_what_was_understood_and_calls_nobody() {
    let broker = TcpListener::bind("127.0.0.1:0").unwrap();
    broker.set_nonblocking(true).unwrap();
    let address = broker.local_addr().unwrap().to_string();
    let (status, said, wrong) = check(&KPRF.replace("BROKER", &address), &[]);
    assert_eq!((status, wrong.as_str()), (0, ""), "{said}");
    for line in [
        format!("kafka: bootstrap.servers={address}"),
        "kafka: linger.ms=20".to_owned(),
        "kafka: acks=1; what is sent with all is idempotent".to_owned(),
        "http: producers at 0.0.0.0:4242, plain text".to_owned(),
        "http: operators at 0.0.0.0:8088".to_owned(),
        "limit: topic some_topic: 0.7 records a second, 42 at once".to_owned(),
        "log lines: /dev/stdout, text, info".to_owned(),
    ] {
        assert!(said.lines().any(|known| known == line), "{line}\nin\n{said}");
    }
    let called = broker.accept();
    assert_eq!(
        called.expect_err("no broker is called").kind(),
        std::io::ErrorKind::WouldBlock,
        "the program has ended: a connection would be in the queue"
    );
}

#[test]
fn a_check_finds_what_cannot_be_used_and_ends_with_2() {
    let (status, said, wrong) = check(
        "kafka:\n  brokers: [a.example:1]\n  security_protocol: ssl\n  properties: {ssl.ca.location: /nowhere/ca.pem}\n\
         http: {tls: {certificate_file: /nowhere/tls.crt, key_file: /nowhere/tls.key}}\n\
         wal: {directory: /etc/passwd/log}\noutput_file: /nowhere/gateway.log\n",
        &[],
    );
    assert_eq!((status, said.as_str()), (2, ""));
    let lines: Vec<&str> = wrong.lines().collect();
    for (line, begin) in lines.iter().zip([
        "kafka-gateway: http.tls: /nowhere/tls.crt: ",
        "kafka-gateway: kafka.properties.ssl.ca.location: /nowhere/ca.pem cannot be read: ",
        "kafka-gateway: wal.directory: /etc/passwd is no folder; write a path to one",
        "kafka-gateway: output_file: /nowhere is no folder; make it first",
    ]) {
        assert!(line.starts_with(begin), "{line}\nis not\n{begin}");
    }
    assert_eq!(lines.len(), 4, "{wrong}");
}

/// librdkafka checks values one by one when they are set, and together only when a client is made.
#[test]
fn a_check_finds_what_librdkafka_refuses_together() {
    let (status, _, wrong) =
        check("kafka: {brokers: [a.example], properties: {queuing.strategy: lifo}}\n", &[]);
    assert_eq!(status, 2);
    assert!(
        wrong.starts_with("kafka-gateway: kafka: librdkafka makes no such client: "),
        "{wrong}"
    );
    assert!(wrong.contains("`queuing.strategy` must be set to `fifo`"), "{wrong}");
    let (status, _, warned) = check(
        "kafka: {brokers: [a.example], properties: {group.id: shop, retry.backoff.ms: 5000}}\n",
        &[],
    );
    assert_eq!(status, 0, "{warned}");
    let lines: Vec<&str> = warned.lines().collect();
    assert_eq!(lines.len(), 2, "{warned}");
    for (line, named) in lines.iter().zip(["group.id", "retry.backoff.ms"]) {
        assert!(line.starts_with("kafka-gateway: warning: librdkafka: Configuration"), "{line}");
        assert!(line.contains(named), "{line}");
    }
}

#[test]
fn no_secret_is_said() {
    let text = "kafka: {brokers: [a.example], user: u, password: hunter2, sasl_mechanism: PLAIN}\n\
                access: {clients: [{name: shop, keys_in_clear_text: [hunter2hunter2hunter2], key_variables: [SHOP]}]}\n";
    let (status, said, warned) = check(
        text,
        &[
            ("KAFKA_GATEWAY_KAFKA__PROPERTIES__SSL_KEY_PASSWORD", "hunter2"),
            ("SHOP", "hunter2-of-the-environment"),
        ],
    );
    assert_eq!(status, 0, "{warned}");
    assert!(said.contains("kafka: sasl.password=(hidden)"), "{said}");
    assert!(said.contains("access: client shop with 2 keys"), "{said}");
    assert!(!said.contains("hunter2") && !warned.contains("hunter2"), "{said}\n{warned}");
    assert!(warned.contains("warning: API keys come over connections without TLS"), "{warned}");
}

/// What people copy is checked as they would check it.
#[test]
fn published_files_are_right() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["examples/gateway.yaml", "deploy/kubernetes/gateway.yaml"] {
        let text = std::fs::read_to_string(root.join(name)).expect(name);
        let (status, _, wrong) = check(&text, &[]);
        assert_eq!(status, 0, "{name}: {wrong}");
    }
    let page =
        std::fs::read_to_string(root.join("../../docs/gateway.md")).expect("docs/gateway.md");
    let blocks: Vec<&str> = page.split("```yaml\n").skip(1).collect();
    assert!(!blocks.is_empty(), "docs/gateway.md shows a file");
    for block in blocks {
        let text = block.split("```").next().unwrap();
        let (status, _, wrong) = check(text, &[]);
        assert_eq!(status, 0, "{wrong}\nof\n{text}");
    }
    // Its secrets are in files that are in the cluster alone: nothing else may be missing.
    let name = "deploy/kubernetes/gateway-secured.yaml";
    let text = std::fs::read_to_string(root.join(name)).expect(name);
    let (status, _, wrong) = check(&text, &[]);
    assert_eq!(status, 2, "{name}");
    for line in wrong.lines() {
        assert!(
            line.contains("/run/secrets/") && line.contains("cannot be read"),
            "{name}: {line}"
        );
    }
}

#[test]
fn impossible_settings_end_it_with_2_before_anything_starts() {
    let files = Files::new();
    let path = files.write("gateway.yaml", "kafka: {brokers: []}\nhttp: {prot: 1}\n");
    let ended = run(
        &["-c", path.to_str().unwrap()],
        &[("KAFKA_GATEWAY_NOTHING", "1"), ("KAFKA_GATEWAY_SERVICE_HOST", "10.0.0.1")],
    );
    assert_eq!(ended.status.code(), Some(2));
    assert_eq!(
        String::from_utf8(ended.stderr).unwrap(),
        "kafka-gateway: KAFKA_GATEWAY_NOTHING: is not known; write KAFKA_GATEWAY_, and the path of a key in capitals \
         with __ for each dot\n\
         kafka-gateway: http.prot (line 2): is not known; http.port is\n\
         kafka-gateway: kafka.brokers (line 1): is missing; write at least one host:port\n"
    );
}

/// The log's own tests read what it prints; this is that the program has it, and needs no settings for it.
#[test]
fn a_log_is_looked_into_without_settings() {
    let nowhere = run(&["wal", "inspect", "--directory", "/nowhere/at/all"], &[]);
    assert_eq!(nowhere.status.code(), Some(1));
    let wrong = String::from_utf8(nowhere.stderr).unwrap();
    assert!(wrong.starts_with("kafka-gateway: ") && wrong.contains("/nowhere/at/all"), "{wrong}");
    assert_eq!(run(&["wal"], &[]).status.code(), Some(2));
    assert_eq!(run(&["--check", "wal", "inspect"], &[]).status.code(), Some(2));
}

#[test]
fn it_says_its_version_and_what_it_can_be_told() {
    let version = run(&["--version"], &[]);
    assert_eq!(version.status.code(), Some(0));
    let expected = format!("kafka-gateway {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8(version.stdout).unwrap(), expected);
    let help = String::from_utf8(run(&["--help"], &[]).stdout).unwrap();
    for part in ["--config <FILE>", "--check", "KAFKA_GATEWAY_KAFKA__BROKERS", "Exit status: 0"] {
        assert!(help.contains(part), "{part} in\n{help}");
    }
    assert_eq!(run(&["--nonsense"], &[]).status.code(), Some(2));
}
