"""Every way to log in, for both roads into the cluster: librdkafka's and the admin calls past it."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from canary import Canary
from lab import Authority, Certificate, Kafka, Listener

USER, PASSWORD = "canary", "canary secret"


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder / "tls")


@pytest.fixture(scope="module")
def client(authority: Authority) -> Certificate:
    return authority.issue("canary")


@pytest.fixture(scope="module")
def secured(folder: Path, authority: Authority) -> Iterator[Kafka]:
    broker = authority.issue("broker")
    listeners = [Listener("TLS", certificate=broker),
                 Listener("MUTUAL", certificate=broker, clients=authority.certificate),
                 Listener("PLAIN", mechanism="PLAIN"),
                 Listener("SCRAM256", mechanism="SCRAM-SHA-256"),
                 Listener("SCRAM512", mechanism="SCRAM-SHA-512", certificate=broker),
                 Listener("OAUTH", mechanism="OAUTHBEARER")]
    with Kafka(folder / "secured", listeners=listeners, users={USER: PASSWORD}) as kafka:
        yield kafka


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    with TokenServer() as server:
        yield server


class TokenServer:
    """A token endpoint with the client credentials grant; its tokens are unsecured, as the broker's test login is."""

    def __init__(self, lifetime: float = 300.0) -> None:
        self.grants = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                basic = base64.b64decode(self.headers.get("authorization", "").removeprefix("Basic ")).decode()
                named = basic or f"{form.get('client_id', [''])[0]}:{form.get('client_secret', [''])[0]}"
                good = form.get("grant_type") == ["client_credentials"] and named == "canary:token-secret"
                outer.grants += good
                body = {"access_token": _unsecured(lifetime), "expires_in": int(lifetime), "token_type": "Bearer"}
                answer = json.dumps(body if good else {"error": "invalid_client"}).encode()
                self.send_response(200 if good else 401)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/token"

    def __enter__(self) -> TokenServer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _unsecured(lifetime: float) -> str:
    now = time.time()
    parts = ({"alg": "none"}, {"sub": USER, "iat": now, "exp": now + lifetime})
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join(coded) + "."


def _tls(authority: Authority) -> dict[str, str]:
    return {"TLS_ENABLED": "true", "TLS_CA_CERT": str(authority.certificate)}


def _sasl(mechanism: str, password: str = PASSWORD) -> dict[str, str]:
    return {"SASL_MECHANISM": mechanism, "SASL_USER": USER, "SASL_PASSWORD": password}


def _served(here: Path, kafka: Kafka, listener: str, settings: Mapping[str, str]) -> Canary:
    bootstrap = f"127.0.0.1:{kafka.port(listener)}"
    with Canary(here, bootstrap, f"through-{listener.lower()}", settings) as canary:
        canary.wait_until_serving(1)
        stats = canary.wait_for("commits and connections", lambda stats: stats.total(
            "kafka_canary_commit_latency_seconds_count") and stats.total("strimzi_canary_connection_total", connected="true"))
        assert stats.total("kafka_canary_topic_operations_failed_total") == 0
        assert canary.get("/readiness")[0] == 200
    for secret in (PASSWORD, "token-secret", "PRIVATE KEY"):
        assert secret not in canary.log
    return canary


def test_tls(here: Path, secured: Kafka, authority: Authority) -> None:
    _served(here, secured, "TLS", _tls(authority))


def test_tls_with_texts_instead_of_paths(here: Path, secured: Kafka, authority: Authority, client: Certificate) -> None:
    texts = {"TLS_CA_CERT": authority.certificate.read_text(), "TLS_CLIENT_CERT": client.certificate.read_text(),
             "TLS_CLIENT_KEY": client.key.read_text()}
    _served(here, secured, "MUTUAL", {"TLS_ENABLED": "true", **texts})


def test_mutual_tls(here: Path, secured: Kafka, authority: Authority, client: Certificate) -> None:
    own = {"TLS_CLIENT_CERT": str(client.certificate), "TLS_CLIENT_KEY": str(client.key)}
    _served(here, secured, "MUTUAL", {**_tls(authority), **own})


def test_tls_that_is_not_verified(here: Path, secured: Kafka) -> None:
    _served(here, secured, "TLS", {"TLS_ENABLED": "true", "TLS_INSECURE_SKIP_VERIFY": "true"})


def test_plain(here: Path, secured: Kafka) -> None:
    _served(here, secured, "PLAIN", _sasl("PLAIN"))


def test_scram_sha_256(here: Path, secured: Kafka) -> None:
    _served(here, secured, "SCRAM256", _sasl("SCRAM-SHA-256"))


def test_scram_sha_512_over_tls(here: Path, secured: Kafka, authority: Authority) -> None:
    _served(here, secured, "SCRAM512", {**_tls(authority), **_sasl("SCRAM-SHA-512")})


def test_oauthbearer(here: Path, secured: Kafka, tokens: TokenServer) -> None:
    grant = {"SASL_MECHANISM": "OAUTHBEARER", "KAFKA_CANARY_OAUTH_TOKEN_ENDPOINT": tokens.url,
             "KAFKA_CANARY_OAUTH_CLIENT_ID": "canary", "KAFKA_CANARY_OAUTH_CLIENT_SECRET": "token-secret"}
    _served(here, secured, "OAUTH", grant)
    assert 1 <= tokens.grants <= 4, "tokens are kept until they expire"


@pytest.mark.parametrize(("listener", "settings", "said"), [
    ("PLAIN", _sasl("PLAIN", "wrong"), "authenticat"),
    ("SCRAM256", _sasl("SCRAM-SHA-256", "wrong"), "authenticat"),
    ("SCRAM256", _sasl("PLAIN"), "SCRAM-SHA-256"),
    ("TLS", {"TLS_ENABLED": "true"}, "certificate"),
    ("TLS", {}, "TLS"),
    ("DIRECT", {"TLS_ENABLED": "true", "TLS_INSECURE_SKIP_VERIFY": "true"}, "TLS"),
], ids=["wrong-password", "wrong-password-scram", "another-mechanism", "unknown-authority", "no-tls", "tls-to-plain"])
def test_what_cannot_work_is_told(here: Path, secured: Kafka, listener: str, settings: Mapping[str, str],
                                  said: str) -> None:
    """Not ready, with the reason; alive; no crash; and the probes are counted as failed."""
    bootstrap = f"127.0.0.1:{secured.port(listener)}"
    with Canary(here, bootstrap, "refused", {"EXPECTED_CLUSTER_SIZE": "1", **settings}) as canary:
        canary.wait_for("failures", lambda stats: stats.total("kafka_canary_records_produce_failed_total") >= 3)
        stats = canary.wait_for("the reason", lambda stats: stats.total("kafka_canary_client_errors_total") >= 1)
        assert stats.total("strimzi_canary_client_creation_error_total") + stats.total(
            "strimzi_canary_topic_describe_cluster_error_total") >= 1
        status, body = canary.get("/readiness")
        assert status == 503 and said.lower() in body.lower(), body
        assert canary.get("/liveness") == (200, "OK")
        assert canary.stop()[0] == 0
    assert PASSWORD not in canary.log
