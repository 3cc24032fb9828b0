"""Who may write what, over TLS and not; and every way to log in to Kafka. Secrets show up nowhere."""

from __future__ import annotations

import hashlib
import http.client
import os
import signal
import socket
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

from gateway import Gateway, Json, check
from lab import Authority, Certificate, Kafka, Listener, wait_until
from lab.web import exchange
from topics import Topics

USER, PASSWORD = "gateway", "very-secret"
KEY, HASHED = "correct-horse-battery", "staple-of-another-client"


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder / "tls")


@pytest.fixture(scope="module")
def server(authority: Authority) -> Certificate:
    return authority.issue("server")


@pytest.fixture(scope="module")
def secured(folder: Path, authority: Authority) -> Iterator[Kafka]:
    broker = authority.issue("broker")
    listeners = [Listener("TLS", certificate=broker),
                 Listener("MUTUAL", certificate=broker, clients=authority.certificate),
                 Listener("PLAIN", mechanism="PLAIN"),
                 Listener("SCRAM256", mechanism="SCRAM-SHA-256"),
                 Listener("SCRAM512", mechanism="SCRAM-SHA-512", certificate=broker)]
    with Kafka(folder / "secured", listeners=listeners, users={USER: PASSWORD}, acls=True) as kafka:
        yield kafka


ACCESS: Json = {"clients": [
    {"name": "orders", "keys_in_clear_text": [KEY], "topics": ["secure-orders", "secure-prefix-*"]},
    {"name": "hashed", "keys_sha256": [hashlib.sha256(HASHED.encode()).hexdigest()], "topics": ["secure-other"]},
]}


@pytest.fixture(scope="module")
def guarded(folder: Path, single: Kafka, topics: Topics) -> Iterator[Gateway]:
    topics.make("secure-orders", "secure-other", "secure-prefix-a")
    with Gateway(folder / "guarded", single.bootstrap, {"access": ACCESS}) as gateway:
        yield gateway


def test_without_a_key(guarded: Gateway) -> None:
    for headers in ({}, {"x-api-key": "wrong"}, {"x-api-key": ""}, {"authorization": "Bearer wrong"},
                    {"authorization": "Basic"}, {"x-api-key": KEY.upper()}, {"x-api-key": "\xff" * 10}):
        answer = guarded.push({"topic": "secure-orders", "data": "x"}, headers=headers)
        assert answer.status == 401, (headers, answer)
        assert "www-authenticate" in answer.headers
    assert guarded.send("POST", "/topics/nothing", b"x").status == 401, "strangers learn of no topic"
    assert guarded.send("POST", "/v3/clusters/x/topics/y/records", {}).status == 401


def test_keys_and_their_topics(guarded: Gateway) -> None:
    for topic, headers, status in (("secure-orders", {"x-api-key": KEY}, 200),
                                   ("secure-orders", {"authorization": f"Bearer {KEY}"}, 200),
                                   ("secure-prefix-a", {"x-api-key": KEY}, 200),
                                   ("secure-other", {"x-api-key": KEY}, 403),
                                   ("secure-prefix", {"x-api-key": KEY}, 403),
                                   ("there-is-none", {"x-api-key": KEY}, 403),
                                   ("secure-other", {"x-api-key": HASHED}, 200),
                                   ("secure-orders", {"x-api-key": HASHED}, 403)):
        answer = guarded.push({"topic": topic, "data": "x"}, headers=headers)
        assert answer.status == status, (topic, headers, answer)


def test_one_forbidden_record_of_two(guarded: Gateway) -> None:
    answer = guarded.push({"topic": "secure-orders", "data": "x"}, {"topic": "secure-other", "data": "x"},
                          headers={"x-api-key": KEY})
    assert [entry["error"] for entry in answer.json["errors"]] == [False, True], answer


def test_keys_show_up_nowhere(guarded: Gateway) -> None:
    guarded.push({"topic": "secure-orders", "data": "x"}, headers={"x-api-key": "a-wrong-key-of-somebody"})
    shown = guarded.log + guarded.manage("/metrics").text
    for secret in (KEY, HASHED, "a-wrong-key-of-somebody"):
        assert secret not in shown
    assert 'client="orders"' in shown or "orders" in shown


def test_operators_need_no_key(guarded: Gateway) -> None:
    for path in ("/metrics", "/healthy", "/ready"):
        assert guarded.manage(path).status == 200


def context(authority: Authority, own: Certificate | None = None) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=authority.certificate)
    if own:
        made.load_cert_chain(own.certificate, own.key)
    return made


def test_tls(here: Path, single: Kafka, authority: Authority, server: Certificate, topic: str) -> None:
    tls = {"certificate_file": str(server.certificate), "key_file": str(server.key)}
    with Gateway(here, single.bootstrap, {"http": {"tls": tls}}, tls=context(authority)) as gateway:
        assert gateway.push({"topic": topic, "data": "secret"}).status == 200
        with gateway.socket() as plain:
            plain.sendall(b"POST /push HTTP/1.1\r\nhost: x\r\n\r\n")
            assert not plain.recv(1000).startswith(b"HTTP/1.1 2")
        old = context(authority)
        old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        old.set_ciphers("ALL:@SECLEVEL=0")
        connection = http.client.HTTPSConnection("127.0.0.1", gateway.port, context=old, timeout=10)
        connection.request("GET", "/nothing")
        assert connection.getresponse().status == 404
        connection.close()


def test_certificates_are_read_again(here: Path, single: Kafka, authority: Authority, topic: str) -> None:
    """A renewed certificate serves without a restart."""
    first, second = authority.issue("first-of-two"), authority.issue("second-of-two")
    certificate, key = here / "tls.pem", here / "tls-key.pem"
    certificate.write_bytes(first.certificate.read_bytes())
    key.write_bytes(first.key.read_bytes())
    tls = {"certificate_file": str(certificate), "key_file": str(key)}

    def subject() -> str:
        with (socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as plain,
              context(authority).wrap_socket(plain, server_hostname="localhost") as secure):
            shown: Any = secure.getpeercert()
            return str(dict(pair for part in shown["subject"] for pair in part)["commonName"])

    with Gateway(here, single.bootstrap, {"http": {"tls": tls}}, tls=context(authority)) as gateway:
        assert subject() == "first-of-two"
        key.write_bytes(second.key.read_bytes())
        certificate.write_bytes(second.certificate.read_bytes())
        wait_until("the new certificate", lambda: subject() == "second-of-two", 20, gateway.child, interval=0.5)
        certificate.write_text("no certificate at all")
        assert subject() == "second-of-two" and gateway.push({"topic": topic, "data": "x"}).status == 200


def test_sighup_reads_certificates_at_once(here: Path, single: Kafka, topic: str, authority: Authority) -> None:
    """Without waiting for the look at the files every ten seconds; what cannot be used is said and not used."""
    issued = [authority.issue(f"round-{number}") for number in range(3)]
    certificate, key = here / "tls.crt", here / "tls.key"

    def put(one: Certificate) -> None:
        key.write_bytes(one.key.read_bytes())
        certificate.write_bytes(one.certificate.read_bytes())

    def subject() -> str:
        with (socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as plain,
              context(authority).wrap_socket(plain, server_hostname="localhost") as secure):
            shown: Any = secure.getpeercert()
            return str(dict(pair for part in shown["subject"] for pair in part)["commonName"])

    def failing() -> float:
        return gateway.stats().total("kafka_gateway_certificates_failing")

    put(issued[0])
    tls = {"certificate_file": str(certificate), "key_file": str(key)}
    with Gateway(here, single.bootstrap, {"http": {"tls": tls}}, tls=context(authority)) as gateway:
        held = gateway.connection()
        held.connect()
        for number in (1, 2, 0):
            put(issued[number])
            os.kill(gateway.pid, signal.SIGHUP)
            wait_until("the new certificate", lambda: subject() == f"round-{number}", 2.5, gateway.child)
            assert failing() == 0
        body = {"records": [{"topic": topic, "data": "x"}], "wait_for_send": True}
        assert exchange(held, "POST", "/push", body).status == 200, "a connection of before goes on"
        held.close()
        key.write_text("no key at all")
        os.kill(gateway.pid, signal.SIGHUP)
        wait_until("the metric", lambda: failing() == 1, 5, gateway.child)
        assert "the certificates of the HTTP server stay as they were" in gateway.log
        assert subject() == "round-0" and gateway.push({"topic": topic, "data": "x"}).status == 200
        put(issued[1])
        os.kill(gateway.pid, signal.SIGHUP)
        wait_until("the mended one", lambda: subject() == "round-1", 2.5, gateway.child)
        assert failing() == 0


def test_who_may_learn_the_cluster_s_id(here: Path, single: Kafka, topics: Topics) -> None:
    """Whoever may write something; nobody else."""
    with Gateway(here, single.bootstrap, {"access": ACCESS}) as gateway:
        for path in ("/v3/clusters", f"/v3/clusters/{topics.cluster}", "/v3/clusters/another"):
            refused = gateway.send("GET", path)
            assert refused.status == 401 and refused.json["error_code"] == 401, refused
            assert "www-authenticate" in refused.headers and topics.cluster not in refused.text, refused
            assert gateway.send("GET", path, headers={"x-api-key": "not-a-key-of-anybody"}).status == 401
        for key in (KEY, HASHED):
            assert gateway.send("GET", "/v3/clusters", headers={"x-api-key": key}).status == 200
        other = gateway.send("GET", "/v3/clusters/another", headers={"x-api-key": KEY})
        assert other.status == 404 and other.json["error_code"] == 404, other


def test_client_certificates(here: Path, single: Kafka, topics: Topics, authority: Authority, server: Certificate,
                             topic: str) -> None:
    known, stranger = authority.issue("device-7"), authority.issue("device-8")
    foreign = Authority(here / "foreign", "foreign")
    tls: Json = {"certificate_file": str(server.certificate), "key_file": str(server.key),
                 "client_ca_file": str(authority.certificate)}
    access = {"clients": [{"name": "device", "certificates": ["CN=device-7"], "topics": [topic]},
                          {"name": "with-key", "keys_in_clear_text": [KEY], "topics": [topic]}]}
    with Gateway(here, single.bootstrap, {"http": {"tls": tls}, "access": access}) as gateway:
        def status(own: Certificate | None, **headers: str) -> int:
            gateway.tls = context(authority, own)
            return gateway.push({"topic": topic, "data": "x"}, headers=headers).status

        assert status(known) == 200
        assert status(stranger) == 401
        assert status(None) == 401
        assert status(None, **{"x-api-key": KEY}) == 200
        with pytest.raises((ssl.SSLError, OSError, http.client.HTTPException)):
            status(foreign.issue("device-7"))
    tls["client_required"] = True
    with Gateway(here, single.bootstrap, {"http": {"tls": tls}, "access": access}) as gateway:
        assert status(known) == 200
        with pytest.raises((ssl.SSLError, OSError, http.client.HTTPException)):
            status(None, **{"x-api-key": KEY})


def test_browsers_of_other_origins(here: Path, single: Kafka, topic: str) -> None:
    cors = {"origins": ["https://shop.example"], "max_age_s": 600}
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type,x-api-key"}
    settings = {"http": {"cors": cors}, "access": {"clients": [{"name": "page", "keys_in_clear_text": [KEY]}]}}
    with Gateway(here, single.bootstrap, settings) as gateway:
        good = gateway.send("OPTIONS", "/push", headers={"origin": "https://shop.example", **asked})
        assert good.status in (200, 204), good
        assert good.headers["access-control-allow-origin"] == "https://shop.example"
        assert "POST" in good.headers["access-control-allow-methods"]
        assert "x-api-key" in good.headers["access-control-allow-headers"].lower()
        assert good.headers["access-control-max-age"] == "600"
        bad = gateway.send("OPTIONS", "/push", headers={"origin": "https://evil.example", **asked})
        assert bad.headers.get("access-control-allow-origin") != "https://evil.example"
        posted = gateway.push({"topic": topic, "data": "x"},
                              headers={"origin": "https://shop.example", "x-api-key": KEY})
        assert posted.status == 200 and posted.headers["access-control-allow-origin"] == "https://shop.example"
        refused = gateway.push({"topic": topic, "data": "x"}, headers={"origin": "https://shop.example"})
        assert refused.status == 401 and "access-control-allow-origin" in refused.headers, "a page must see why"


def test_no_browsers_unless_configured(plain: Gateway) -> None:
    answer = plain.send("OPTIONS", "/push", headers={"origin": "https://shop.example",
                                                     "access-control-request-method": "POST"})
    assert answer.status in (204, 405) and "access-control-allow-origin" not in answer.headers


def sasl(mechanism: str, password: str = PASSWORD) -> Json:
    return {"user": USER, "password": password, "sasl_mechanism": mechanism, "security_protocol": "sasl_plaintext"}


def ssl_properties(authority: Authority) -> dict[str, str]:
    return {"ssl.ca.location": str(authority.certificate)}


@pytest.fixture(scope="module")
def inside(secured: Kafka) -> Topics:
    """The secured cluster's topics; `allowed` may be written by the user."""
    topics = Topics(secured.bootstrap)
    topics.make("allowed", "denied")
    acls = [AclBinding(ResourceType.TOPIC, "allowed", ResourcePatternType.LITERAL, f"User:{USER}", "*", operation,
                       AclPermissionType.ALLOW) for operation in (AclOperation.WRITE, AclOperation.DESCRIBE)]
    acls += [AclBinding(ResourceType.TOPIC, "denied", ResourcePatternType.LITERAL, f"User:{USER}", "*",
                        AclOperation.DESCRIBE, AclPermissionType.ALLOW),
             AclBinding(ResourceType.TOPIC, "allowed", ResourcePatternType.LITERAL, "User:CN=gateway-client", "*",
                        AclOperation.ALL, AclPermissionType.ALLOW)]
    for made in topics.admin.create_acls(acls).values():
        made.result(15)
    return topics


@pytest.mark.parametrize("way", ["TLS", "MUTUAL", "PLAIN", "SCRAM256", "SCRAM512"])
def test_to_kafka(here: Path, secured: Kafka, inside: Topics, authority: Authority, way: str) -> None:
    client = authority.issue("gateway-client")
    tls = ssl_properties(authority)
    kafka: dict[str, Json] = {
        "TLS": {"security_protocol": "ssl", "properties": tls},
        "MUTUAL": {"security_protocol": "ssl", "properties": {
            **tls, "ssl.certificate.location": str(client.certificate), "ssl.key.location": str(client.key)}},
        "PLAIN": sasl("PLAIN"),
        "SCRAM256": sasl("SCRAM-SHA-256"),
        "SCRAM512": {**sasl("SCRAM-SHA-512"), "security_protocol": "sasl_ssl",
                     "properties": ssl_properties(authority)},
    }
    before = inside.count("allowed")
    with Gateway(here, f"127.0.0.1:{secured.port(way)}", {"kafka": kafka[way]}) as gateway:
        assert gateway.push({"topic": "allowed", "data": way}).status == 200
        if way in ("PLAIN", "SCRAM256"):
            denied = gateway.push({"topic": "denied", "data": way})
            assert denied.status == 403, denied
            assert "AUTHORIZATION" in denied.text.upper(), denied
        shown = gateway.log + gateway.manage("/metrics").text
        assert PASSWORD not in shown and "PRIVATE KEY" not in shown
    assert inside.count("allowed") == before + 1


@pytest.mark.parametrize(("way", "kafka"), [("PLAIN", sasl("PLAIN", "wrong-secret")),
                                            ("SCRAM256", sasl("SCRAM-SHA-256", "wrong-secret")),
                                            ("TLS", {"security_protocol": "ssl"})],
                         ids=["plain", "scram", "unknown-authority"])
def test_what_cannot_log_in_is_not_ready(here: Path, secured: Kafka, way: str, kafka: Mapping[str, Any]) -> None:
    with Gateway(here, f"127.0.0.1:{secured.port(way)}", {"kafka": kafka}, ready=False) as gateway:
        told = wait_until("the reason", lambda: (
            found if (found := gateway.manage("/ready")).status == 503 and len(found.body) > 20 else None), 15)
        assert any(word in told.text.lower() for word in ("authent", "ssl", "certificate", "broker")), told
        assert gateway.manage("/healthy").status == 200
        answer = gateway.push({"topic": "allowed", "data": "x"})
        assert answer.status in (503, 504), answer
        assert "wrong-secret" not in gateway.log


def test_check_tells_no_secret(here: Path) -> None:
    gateway = Gateway(here, "127.0.0.1:1", {"kafka": sasl("PLAIN", "wrong-secret"), "access": {
        "clients": [{"name": "a", "keys_in_clear_text": [KEY], "topics": {"a": 7}}]}})
    done = check(gateway.written())
    assert done.returncode != 0
    assert "wrong-secret" not in done.stdout + done.stderr and KEY not in done.stdout + done.stderr
    gateway.settings = {"kafka": sasl("PLAIN", "wrong-secret"), "access": ACCESS}
    done = check(gateway.written())
    assert done.returncode == 0, done.stderr
    assert "wrong-secret" not in done.stdout + done.stderr and KEY not in done.stdout + done.stderr
