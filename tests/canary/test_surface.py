"""What people who run strimzi-canary rely on: every variable, metric, label and endpoint, on the running program.

The lists are written by hand from strimzi-canary's documentation and source; docs/canary.md has what differs.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from pathlib import Path

from canary import BINARY, Canary
from lab import Kafka, wait_until

# Name, default.
VARIABLES = {
    "KAFKA_BOOTSTRAP_SERVERS": "localhost:9092", "KAFKA_BOOTSTRAP_BACKOFF_MAX_ATTEMPTS": "10",
    "KAFKA_BOOTSTRAP_BACKOFF_SCALE": "5000", "TOPIC": "__strimzi_canary", "TOPIC_CONFIG": "",
    "RECONCILE_INTERVAL_MS": "30000", "CLIENT_ID": "strimzi-canary-client", "CONSUMER_GROUP_ID": "strimzi-canary-group",
    "PRODUCER_LATENCY_BUCKETS": "2,5,10,20,50,100,200,400", "ENDTOEND_LATENCY_BUCKETS": "5,10,20,50,100,200,400,800",
    "EXPECTED_CLUSTER_SIZE": "-1", "KAFKA_VERSION": "3.2.0", "SARAMA_LOG_ENABLED": "false", "VERBOSITY_LOG_LEVEL": "0",
    "TLS_ENABLED": "false", "TLS_CA_CERT": "", "TLS_CLIENT_CERT": "", "TLS_CLIENT_KEY": "",
    "TLS_INSECURE_SKIP_VERIFY": "false", "SASL_MECHANISM": "", "SASL_USER": "", "SASL_PASSWORD": "",
    "CONNECTION_CHECK_INTERVAL_MS": "120000", "CONNECTION_CHECK_LATENCY_BUCKETS": "100,200,400,800,1600",
    "STATUS_CHECK_INTERVAL_MS": "30000", "STATUS_TIME_WINDOW_MS": "300000", "DYNAMIC_CONFIG_FILE": "",
    "DYNAMIC_CONFIG_WATCHER_INTERVAL": "30000", "EXPORTER_TYPE_TRACING": "", "PROMETHEUS_CONSTANT_LABELS": "",
}
# Name without the prefix, type, labels.
METRICS = {
    "client_creation_error_total": ("counter", set()),
    "expected_cluster_size_error_total": ("counter", set()),
    "topic_describe_cluster_error_total": ("counter", set()),
    "topic_creation_failed_total": ("counter", {"topic"}),
    "topic_describe_error_total": ("counter", {"topic"}),
    "topic_alter_assignments_error_total": ("counter", {"topic"}),
    "topic_alter_configuration_error_total": ("counter", {"topic"}),
    "records_produced_total": ("counter", {"clientid", "partition"}),
    "records_produced_failed_total": ("counter", {"clientid", "partition"}),
    "records_produced_latency": ("histogram", {"clientid", "partition"}),
    "producer_refresh_metadata_error_total": ("counter", {"clientid"}),
    "records_consumed_total": ("counter", {"clientid", "partition"}),
    "records_consumed_latency": ("histogram", {"clientid", "partition"}),
    "consumer_error_total": ("counter", {"clientid"}),
    "consumer_timeout_join_group_total": ("counter", {"clientid"}),
    "consumer_refresh_metadata_error_total": ("counter", {"clientid"}),
    "connection_total": ("counter", {"brokerid", "connected"}),
    "connection_latency": ("histogram", {"brokerid", "connected"}),
}


def test_every_metric_with_its_type_and_labels(here: Path, single: Kafka) -> None:
    with Canary(here, single.bootstrap, "surface", {"PROMETHEUS_CONSTANT_LABELS": "cluster=test;zone=a"}) as canary:
        canary.wait_until_serving(1)
        canary.wait_for("a connection", lambda stats: stats.total("strimzi_canary_connection_total") >= 1)
        text = canary.get("/metrics")[1]
        stats = canary.stats()
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    constant = {"cluster", "zone"}
    for name, (kind, labels) in METRICS.items():
        full = f"strimzi_canary_{name}"
        assert types.get(full) == kind, full
        shown = full + ("_bucket" if kind == "histogram" else "")
        series = [found for found, _ in stats.series(shown)]
        assert series, f"{full} has no series"
        for found in series:
            assert set(found) - {"le"} == labels | constant, full
    bounds = {found["le"] for found, _ in stats.series("strimzi_canary_records_produced_latency_bucket")}
    assert bounds == {"2", "5", "10", "20", "50", "100", "200", "400", "+Inf"}
    assert stats.total("strimzi_canary_records_produced_total", clientid="strimzi-canary-client", partition="0") >= 1
    assert stats.names("process_") and not stats.names("go_")
    own = {name for name in types if name.startswith("kafka_canary_")}
    assert all(name.endswith(("_total", "_seconds", "_info")) or types[name] == "gauge" for name in own)


def test_every_variable_is_there_with_its_default() -> None:
    shown = subprocess.run([BINARY, "--help"], capture_output=True, text=True, timeout=20, check=True).stdout
    for name, default in VARIABLES.items():
        assert re.search(rf"\b{name}\b", shown), f"{name} is not in --help"
        if default:
            flat = re.sub(r"\s+", "", shown)
            assert re.sub(r"\s+", "", default) in flat, f"{name} should be {default} by default"


def test_variables_do_what_they_say(here: Path, single: Kafka) -> None:
    """Those that show on the running program; security and clusters have tests of their own."""
    dynamic = here / "dynamic.json"
    dynamic.write_text('{"verbosityLogLevel": 0}')
    settings = {"CLIENT_ID": "other", "CONSUMER_GROUP_ID": "other-group", "PRODUCER_LATENCY_BUCKETS": "1,1000",
                "ENDTOEND_LATENCY_BUCKETS": "3,3000", "CONNECTION_CHECK_LATENCY_BUCKETS": "7,7000",
                "STATUS_CHECK_INTERVAL_MS": "500", "STATUS_TIME_WINDOW_MS": "2000", "KAFKA_VERSION": "2.8.0",
                "DYNAMIC_CONFIG_FILE": str(dynamic), "DYNAMIC_CONFIG_WATCHER_INTERVAL": "300",
                "EXPORTER_TYPE_TRACING": "otlp"}
    with Canary(here, single.bootstrap, "variables", settings) as canary:
        assert json.loads(canary.get("/status")[1])["Consuming"]["Percentage"] in (-1, 100)
        canary.wait_until_serving(1)
        stats = canary.wait_for("a connection", lambda stats: stats.total("strimzi_canary_connection_total") >= 1)
        bounds = {name: {found["le"] for found, _ in stats.series(f"strimzi_canary_{name}_latency_bucket")}
                  for name in ("records_produced", "records_consumed", "connection")}
        assert bounds == {"records_produced": {"1", "1000", "+Inf"}, "records_consumed": {"3", "3000", "+Inf"},
                          "connection": {"7", "7000", "+Inf"}}
        assert stats.by("strimzi_canary_records_produced_total", "clientid").keys() == {("other",)}
        wait_until("a full window", lambda: json.loads(canary.get("/status")[1])["Consuming"] == {
            "TimeWindow": 2000, "Percentage": 100}, 20)
        assert "DEBUG" not in canary.log
        dynamic.write_text('{"verbosityLogLevel": 1, "saramaLogEnabled": true}')
        wait_until("debug lines", lambda: "DEBUG" in canary.log, 10)
        dynamic.write_text('{"verbosityLogLevel": "loud"}')
        wait_until("the complaint", lambda: "verbosityLogLevel" in canary.log, 10)
        assert canary.get("/liveness") == (200, "OK")


def test_endpoints(here: Path, single: Kafka) -> None:
    with Canary(here, single.bootstrap, "endpoints") as canary:
        canary.wait_until_serving(1)
        for path in ("/liveness", "/readiness"):
            assert canary.get(path) == (200, "OK")
        assert canary.get("/nothing")[0] == 404
        status, text = canary.get("/status")
        assert status == 200 and list(json.loads(text)) == ["Consuming"]


def test_the_original_s_rate_and_health(here: Path, single: Kafka) -> None:
    """With the switch a record goes to each partition once in RECONCILE_INTERVAL_MS, and health is always OK."""
    settings = {"KAFKA_CANARY_COMPATIBILITY": "strimzi", "RECONCILE_INTERVAL_MS": "500",
                "KAFKA_CANARY_PROBE_INTERVAL_MS": "10"}
    with Canary(here, single.bootstrap, "original", settings) as canary:
        canary.wait_until_serving(1)
        before, begin = canary.stats(), time.monotonic()
        time.sleep(5)
        due = (canary.stats() - before).total("strimzi_canary_records_produced_total")
        assert abs(due - (time.monotonic() - begin) / 0.5) <= 2
    with Canary(here, "127.0.0.1:1", "original", settings) as canary:
        assert canary.get("/readiness") == (200, "OK") and canary.get("/liveness") == (200, "OK")


def test_an_impossible_value_ends_it_with_its_name() -> None:
    for name, value in (("RECONCILE_INTERVAL_MS", "soon"), ("EXPECTED_CLUSTER_SIZE", "0"), ("SASL_MECHANISM", "GSSAPI"),
                        ("PRODUCER_LATENCY_BUCKETS", "5,2"), ("TLS_CA_CERT", "/nowhere/ca.pem"),
                        ("KAFKA_BOOTSTRAP_SERVERS", "no port"), ("PROMETHEUS_CONSTANT_LABELS", "a b=c")):
        environment = {"PATH": os.environ["PATH"], "TLS_ENABLED": "true" if name.startswith("TLS") else "false", name: value}
        done = subprocess.run([BINARY], env=environment, capture_output=True, text=True, timeout=10, check=False)
        assert done.returncode == 2, f"{name}={value} ended with {done.returncode}"
        assert name in done.stderr, done.stderr
