"""What operators see: the configuration and what is wrong with it, health, metrics, logs, the OpenAPI document."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from gateway import BINARY, Gateway, check, with_log
from lab import Gate, Kafka, wait_until
from topics import Topics


@pytest.mark.parametrize(("text", "told"), [
    ("kafka: {brokers: [a:1], retires: 3}", ["kafka.retires", "line 1"]),
    ("kafka:\n  brokers: [a:1]\nhtpp: {}\n", ["htpp", "line 3"]),
    ("kafka: {brokers: []}", ["kafka.brokers"]),
    ("{}", ["kafka.brokers"]),
    ("kafka: {brokers: [a:1], message_max_bytes: many}", ["kafka.message_max_bytes"]),
    ("kafka: {brokers: [a:1], request_required_acks: 2}", ["kafka.request_required_acks"]),
    ("kafka: {brokers: [a:1]}\nhttp: {port: 70000}", ["http.port", "line 2"]),
    ("kafka: {brokers: [a:1], properties: {no.such.property: 1}}", ["no.such.property"]),
    ("kafka: {brokers: [a:1]}\nratelimit: {rules: [{topic_name: t, max_requests_per_minutes: 1}]}",
     ["ratelimit.rules[0].max_requests_per_minutes"]),
    ("kafka: {brokers: [a:1]}\nratelimit: {rules: [{topic_name: t, max_bytes_per_second: 9, bytes_burst: 9}]}",
     ["ratelimit.rules[0].bytes_burst", "message_max_bytes"]),
    ("kafka: {brokers: [a:1]}\naccess: {clients: [{name: a}]}", ["access.clients[0]"]),
    ("kafka: {brokers: [a:1]}\nhttp: {tls: {certificate_file: /nowhere.pem}}", ["http.tls"]),
    ("kafka: {brokers: [a:1]}\nwal: {directory: /x, fsync: sometimes}", ["wal.fsync", "always"]),
    ("kafka: [", ["YAML"]),
    ("kafka: {brokers: [a:1], brokers: [b:2]}", ["brokers"]),
], ids=range(15))
def test_what_is_wrong_is_named_with_its_path(here: Path, text: str, told: list[str]) -> None:
    file = here / "wrong.yaml"
    file.write_text(text)
    for command in (["--check"], []):
        done = subprocess.run([BINARY, "--config", file, *command], capture_output=True, text=True, timeout=20,
                              check=False)
        assert done.returncode not in (0, 101) and done.returncode > 0, done
        for part in told:
            assert part in done.stderr, done.stderr


def test_several_mistakes_at_once(here: Path) -> None:
    file = here / "wrong.yaml"
    file.write_text("kafka: {brokers: [a:1], retires: 3}\nhttp: {port: x}\n")
    done = check(file)
    assert "kafka.retires" in done.stderr and "http.port" in done.stderr, done.stderr


def test_a_file_that_is_not_there(here: Path) -> None:
    done = check(here / "none.yaml")
    assert done.returncode > 0 and "none.yaml" in done.stderr


def test_check_of_what_is_right(here: Path) -> None:
    """It opens no port and asks no broker."""
    gateway = Gateway(here, "127.0.0.1:1")
    done = check(gateway.written())
    assert done.returncode == 0, done


def test_variables_go_over_the_file(here: Path, single: Kafka, topic: str) -> None:
    """Every key has one; a file is not needed then."""
    own = {"KAFKA_GATEWAY_HTTP__RECORDS_MAX": "2", "KAFKA_GATEWAY_KAFKA__PROPERTIES__CLIENT_ID": "by-variable",
           "KAFKA_GATEWAY_OUTPUT_FORMAT": "json", "KAFKA_GATEWAY_KAFKA__BROKERS": single.bootstrap}
    with Gateway(here, "127.0.0.1:1", environment=own) as gateway:
        assert gateway.push(*[{"topic": topic, "data": "x"}] * 2).status == 200
        assert gateway.push(*[{"topic": topic, "data": "x"}] * 3).status == 422
        for line in gateway.log.splitlines():
            assert isinstance(json.loads(line), dict)
    wrong = check(Gateway(here / "wrong", "127.0.0.1:1").written(), {"KAFKA_GATEWAY_HTTP__PORTS": "1"})
    assert wrong.returncode > 0 and "KAFKA_GATEWAY_HTTP__PORTS" in wrong.stderr, wrong
    wrong = check(Gateway(here / "wrong", "127.0.0.1:1").written(), {"KAFKA_GATEWAY_HTTP__PORT": "x"})
    assert wrong.returncode > 0 and "KAFKA_GATEWAY_HTTP__PORT" in wrong.stderr, wrong


def test_help_and_version() -> None:
    for option in ("--help", "--version"):
        done = subprocess.run([BINARY, option], capture_output=True, text=True, timeout=10, check=False)
        assert done.returncode == 0 and "kafka-gateway" in done.stdout, done


def test_no_broker_at_the_start(here: Path) -> None:
    """It starts, is alive and not ready, and refuses honestly."""
    with Gateway(here, "127.0.0.1:1", ready=False) as gateway:
        assert gateway.manage("/healthy").status == 200
        status = wait_until("not ready", lambda: gateway.manage("/ready").status, 10)
        assert status == 503
        answer = gateway.push({"topic": "any", "data": "x"})
        assert answer.status in (503, 504) and answer.seconds < 10, answer
        assert gateway.stop()[0] == 0


def test_ready_follows_kafka(here: Path, single: Kafka, topic: str, gate: Gate) -> None:
    with Gateway(here, f"127.0.0.1:{gate.port}") as gateway:
        assert gateway.manage("/ready").status == 200
        gate.shut()
        gate.reset()
        told = wait_until("not ready", lambda: (
            found if (found := gateway.manage("/ready")).status == 503 else None), 60)
        assert len(told.body) > 10, "and why"
        assert gateway.manage("/healthy").status == 200
        gate.open()
        wait_until("ready", lambda: gateway.manage("/ready").status == 200, 60)


def test_management_knows_nothing_else(plain: Gateway) -> None:
    assert plain.manage("/").status in (200, 404) and plain.manage("/push").status == 404
    assert plain.manage("/metrics").headers["content-type"].startswith("text/plain")


def test_metrics_are_right(here: Path, single: Kafka, topics: Topics, topic: str) -> None:
    """Against traffic that is counted here."""
    with Gateway(here, single.bootstrap, with_log(here / "log")) as gateway:
        for _ in range(3):
            gateway.push({"topic": topic, "data": "12345"}, {"topic": topic, "data": "12345"})
        for _ in range(4):
            gateway.push({"topic": topic, "data": "12345"}, wait=False)
        gateway.send("POST", f"/topics/{topic}", b"12345")
        gateway.push({"topic": "there-is-none", "data": "x"})
        gateway.send("POST", "/push", b"{", {"content-type": "application/json"})
        wait_until("delivery", lambda: topics.count(topic) == 11, 10)
        stats = wait_until("counts", lambda: (
            found if (found := gateway.stats()).total("kafka_sent_messages") >= 11 else None), 10)
        assert stats.total("kafka_sent_messages") == 11
        text = gateway.manage("/metrics").text
    assert stats.total("http_requests_duration_count", method="push/sync") == 4
    own = sorted(name for name in stats.names("kafka_gateway_"))
    assert own, "metrics of its own"
    for line in text.splitlines():
        if line.startswith("# TYPE kafka_gateway_"):
            _, _, name, kind = line.split()
            assert kind != "counter" or name.endswith("_total"), name
            assert kind != "histogram" or name.endswith(("_seconds", "_bytes", "_records")), name
            assert f"# HELP {name} " in text
    assert "there-is-none" not in text
    assert stats.by("kafka_gateway_requests_total", "api", "code") == {
        ("push", "200"): 7, ("push", "404"): 1, ("push", "400"): 1, ("topic", "200"): 1}
    assert stats.by("kafka_gateway_records_total", "outcome") == {("written",): 7, ("logged",): 4, ("refused",): 1}
    assert stats.total("kafka_gateway_record_bytes_total") == 55
    assert stats.by("kafka_gateway_topic_records_total", "topic", "outcome") == {
        (topic, "written"): 7, (topic, "logged"): 4}
    assert stats.by("kafka_gateway_refusals_total", "reason") == {("unknown_topic",): 1, ("malformed",): 1}


def test_logs_have_no_payloads(plain: Gateway, topic: str) -> None:
    payload = "a-payload-of-somebody"
    plain.push({"topic": topic, "data": payload, "key": "their-key"})
    plain.push({"topic": "there-is-none", "data": payload, "partition": 99})
    plain.send("POST", "/push", f'{{"records":[{{"topic":"t","data":{payload}}}]}}'.encode(),
               {"content-type": "application/json"})
    assert payload not in plain.log and "their-key" not in plain.log


def test_log_files_and_rotation(here: Path, single: Kafka, topic: str) -> None:
    """kprf's `output_file`; SIGHUP opens it anew."""
    file = here / "out.log"
    with Gateway(here, single.bootstrap, {"output_file": str(file)}) as gateway:
        assert wait_until("lines", lambda: file.is_file() and file.stat().st_size > 0, 5)
        file.rename(here / "old.log")
        os.kill(gateway.pid, 1)
        wait_until("the new file", file.is_file, 5)
        assert gateway.push({"topic": topic, "data": "x"}).status == 200


def test_the_openapi_document(plain: Gateway) -> None:
    answer = plain.send("GET", "/openapi.yaml")
    assert answer.status == 200 and "yaml" in answer.headers["content-type"]
    document = yaml.safe_load(answer.text)
    assert document["openapi"].startswith("3.")
    assert set(document["paths"]) >= {"/push", "/topics/{topic}", "/v3/clusters/{cluster}/topics/{topic}/records",
                                      "/v3/clusters/{cluster}/topics/{topic}/records:batch"}
