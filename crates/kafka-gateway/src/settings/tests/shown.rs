//! What is shown has no secret.

use super::settings;
use crate::settings::summary;

const WHOLE: &str = "
kafka:
  brokers: [one:9092]
  user: shop
  password: hunter2
  sasl_mechanism: PLAIN
  properties:
    ssl.key.password: hunter2
    sasl.oauthbearer.config: principal=hunter2
    ssl.keystore.password: hunter2
    compression.type: lz4
http:
  tls: {certificate_file: /tls/tls.crt, key_file: /tls/tls.key, client_ca_file: /tls/ca.crt}
access:
  anonymous: {allowed: true, topics: [public]}
  clients:
    - name: edge
      keys_in_clear_text: [hunter2hunter2hunter2]
      max_records_per_second: 5
wal: {directory: /var/lib/kafka-gateway}
";

#[test]
fn debug_has_no_secret() {
    let text = format!("{:#?}", settings(WHOLE));
    assert!(!text.contains("hunter"), "{text}");
    for kept in ["one:9092", "shop", "lz4", "edge", "(hidden)"] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
}

#[test]
fn the_summary_has_everything_else() {
    let text = summary(&settings(WHOLE));
    assert!(!text.contains("hunter"), "{text}");
    for line in [
        "kafka: bootstrap.servers=one:9092",
        "kafka: security.protocol=sasl_ssl",
        "kafka: sasl.username=shop",
        "kafka: sasl.password=(hidden)",
        "kafka: ssl.key.password=(hidden)",
        "kafka: compression.type=lz4",
        "kafka: acks=all; what is sent with all is idempotent",
        "http: producers at 0.0.0.0:4242, TLS with /tls/tls.crt, certificates of clients taken",
        "http: operators at 0.0.0.0:8088",
        "access: without a key or certificate: public; no limit",
        "access: client edge with 1 keys and 0 certificates: every topic; 5 records a second, 5 at once",
        "write-ahead log: /var/lib/kafka-gateway, at most 1073741824 bytes in files of 67108864, on disk before the \
         answer",
        "idempotency: 100000 keys for 600000 ms",
        "log lines: standard error, text, info",
        "stop: within 25000 ms",
    ] {
        assert!(text.lines().any(|known| known == line), "{line}\nin\n{text}");
    }
}
