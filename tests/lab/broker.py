"""Kafka as child processes: one broker or three, KRaft in combined mode, with listeners of one's own.

    with Kafka(folder, listeners=[Listener("ENVOY", advertised=[envoy_port])]) as kafka:
        cluster("broker", kafka.port("ENVOY"))       # where Envoy connects to
        kafka.bootstrap                              # past Envoy: for setting up topics, and for counting

A client that bootstraps through Envoy must also be sent to Envoy by Metadata, so the path through the filter has a
listener of its own, whose advertised port is Envoy's. The listener DIRECT is always there and advertises itself.
"""

from __future__ import annotations

import functools
import os
import shutil
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from . import paths
from .certificates import Certificate
from .process import Child, Failed, free_port, wait_until


@dataclass(frozen=True)
class Listener:
    """A listener on every broker. `advertised` has one port for each broker; empty: each broker's own.

    `mechanism` turns on SASL: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER (with unsecured tokens, as Kafka's
    own tests have them). `certificate` turns on TLS, `clients` is the authority of client certificates that are
    required then.
    """

    name: str
    advertised: Sequence[int] = ()
    mechanism: str | None = None
    certificate: Certificate | None = None
    clients: Path | None = None

    @property
    def protocol(self) -> str:
        return ("SASL_" if self.mechanism else "") + ("SSL" if self.certificate else "PLAINTEXT")


@dataclass
class Kafka:
    """A cluster of brokers; use it in a `with` block. Ready means: every broker answers ApiVersions and has joined.

    The first `controllers` nodes are controllers as well (all, if not given); a controller must stay for the rest to
    work. `racks` gives each broker its `broker.rack`.

    `users` (name to password) may log in on SASL listeners; with `acls` an authorizer denies SASL users what no ACL
    allows, while clients of listeners without SASL may do everything. `properties` adds to the brokers' properties,
    `plugins` are folders or jars whose classes these may name.
    """

    folder: Path
    version: str = paths.KAFKA_CURRENT
    brokers: int = 1
    listeners: Sequence[Listener] = ()
    users: Mapping[str, str] = field(default_factory=dict)
    acls: bool = False
    properties: Mapping[str, str] = field(default_factory=dict)
    heap: str = "512m"
    # The second compiler costs more than it gives in a short run; a benchmark sets () instead.
    jvm: Sequence[str] = ("-XX:TieredStopAtLevel=1",)
    plugins: Sequence[Path] = ()
    controllers: int | None = None
    racks: Sequence[str] = ()

    def __post_init__(self) -> None:
        names = ["DIRECT", *(listener.name for listener in self.listeners)]
        self._ports = {name: [free_port() for _ in range(self.brokers)] for name in [*names, "CONTROLLER"]}
        self._controllers = min(self.controllers or self.brokers, self.brokers)
        for listener in self.listeners:
            if listener.advertised and len(listener.advertised) != self.brokers:
                raise ValueError(f"listener {listener.name} advertises {len(listener.advertised)} ports, "
                                 f"there are {self.brokers} brokers")
        self._children: list[Child] = []
        self._cluster_id = ""

    def __enter__(self) -> Kafka:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()

    @property
    def bootstrap(self) -> str:
        """Addresses of the listener DIRECT, past any proxy."""
        return ",".join(f"127.0.0.1:{port}" for port in self._ports["DIRECT"])

    def port(self, listener: str = "DIRECT", broker: int = 0) -> int:
        """The port that a broker itself listens on."""
        return self._ports[listener][broker]

    def start(self, timeout: float = 90.0) -> None:
        try:
            self._cluster_id = self._java("random-uuid", "kafka.tools.StorageTool", ["random-uuid"]).split()[-1]
            for broker in range(self.brokers):
                self._format(broker)
            self._children += [self._launch(broker) for broker in range(self.brokers)]
            for broker in range(self.brokers):
                self.wait_for(broker, timeout)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stops the brokers and removes their data; the logs stay."""
        for child in self._children:
            child.stop()
        self._children.clear()
        for broker in range(self.brokers):
            shutil.rmtree(self._home(broker) / "data", ignore_errors=True)

    def child(self, broker: int) -> Child:
        """The process of a broker: to be killed, frozen, or stopped."""
        return self._children[broker]

    def wait_for(self, broker: int, timeout: float = 90.0) -> None:
        """Until it answers and knows all brokers that run."""
        answers = functools.partial(self._answers, broker)
        wait_until(f"broker {broker + 1} to answer", answers, timeout, self._children[broker], interval=0.1)

    def start_again(self, broker: int) -> None:
        """Starts a broker that has ended, with its data."""
        self._children[broker] = self._launch(broker)
        self.wait_for(broker)

    def add_broker(self) -> int:
        """One more broker, which is no controller; its number. Listeners with advertised ports cannot have more."""
        if any(listener.advertised for listener in self.listeners):
            raise ValueError("give the cluster as many advertised ports as it may have brokers, or none")
        broker = self.brokers
        self.brokers += 1
        for ports in self._ports.values():
            ports.append(free_port())
        self._format(broker)
        self._children.append(self._launch(broker))
        self.wait_for(broker)
        return broker

    def log(self, broker: int = 0) -> str:
        path = self.folder / f"kafka-{broker + 1}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _format(self, broker: int) -> None:
        arguments = ["format", "-t", self._cluster_id, "-c", str(self._write_properties(broker))]
        self._java(f"format-{broker}", "kafka.tools.StorageTool", arguments + self._scram_arguments())

    def _launch(self, broker: int) -> Child:
        config = self._home(broker) / "server.properties"
        command = java_command(self.version, "kafka.Kafka", [str(config)], self.heap, self.jvm, self.plugins)
        return Child(f"kafka-{broker + 1}", command, self.folder / f"kafka-{broker + 1}.log", environment=_QUIET)

    def _home(self, broker: int) -> Path:
        return self.folder / f"kafka-{broker + 1}"

    def _java(self, name: str, main: str, arguments: Sequence[str]) -> str:
        log = self.folder / f"{name}.log"
        child = Child(name, java_command(self.version, main, arguments, "128m"), log, environment=_QUIET)
        if child.wait(60) != 0:
            raise Failed(f"{main} {arguments[0]} failed{child.tail()}")
        return child.output()

    def _scram_arguments(self) -> list[str]:
        mechanisms = sorted({li.mechanism for li in self.listeners if (li.mechanism or "").startswith("SCRAM")})
        arguments: list[str] = []
        for mechanism in mechanisms:
            for user, password in self.users.items():
                arguments += ["--add-scram", f"{mechanism}=[name={user},password={password}]"]
        return arguments

    def _write_properties(self, broker: int) -> Path:
        home = self._home(broker)
        home.mkdir(parents=True, exist_ok=True)
        path = home / "server.properties"
        path.write_text("".join(f"{key}={value}\n" for key, value in self._properties(broker).items()))
        return path

    def _properties(self, broker: int) -> dict[str, str]:
        everywhere = [Listener("DIRECT"), *self.listeners]
        replicas = str(min(self.brokers, 3))
        controllers = self._ports["CONTROLLER"][:self._controllers]
        voters = [f"{i + 1}@127.0.0.1:{port}" for i, port in enumerate(controllers)]
        protocols = {li.name: li.protocol for li in everywhere}
        ports = {name: each[broker] for name, each in self._ports.items()
                 if name != "CONTROLLER" or broker < self._controllers}
        values = {
            "process.roles": "broker,controller" if broker < self._controllers else "broker",
            "node.id": str(broker + 1),
            "controller.quorum.voters": ",".join(voters),
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "DIRECT",
            "listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items()),
            "advertised.listeners": ",".join(
                f"{li.name}://127.0.0.1:{(li.advertised or self._ports[li.name])[broker]}" for li in everywhere),
            "listener.security.protocol.map": ",".join(
                f"{name}:{protocol}" for name, protocol in {**protocols, "CONTROLLER": "PLAINTEXT"}.items()),
            "log.dirs": str(self._home(broker) / "data"),
            "num.partitions": "1",
            "offsets.topic.num.partitions": "4",
            "offsets.topic.replication.factor": replicas,
            "transaction.state.log.num.partitions": "4",
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": replicas,
            "share.coordinator.state.topic.min.isr": "1",
            "share.coordinator.state.topic.num.partitions": "4",
            "group.initial.rebalance.delay.ms": "0",
            "auto.create.topics.enable": "false",
        }
        if self.version == paths.KAFKA_PREVIOUS:
            # Kafka 3.9 knows the consumer group protocol (KIP-848), and offers it only when asked.
            values["group.coordinator.rebalance.protocols"] = "classic,consumer"
        if self.racks:
            values["broker.rack"] = self.racks[broker % len(self.racks)]
        for listener in self.listeners:
            values |= self._sasl_properties(listener) | _tls_properties(listener)
        if self.acls:
            values["authorizer.class.name"] = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
            values["super.users"] = "User:ANONYMOUS"
        return values | dict(self.properties)

    def _sasl_properties(self, listener: Listener) -> dict[str, str]:
        if not listener.mechanism:
            return {}
        prefix = f"listener.name.{listener.name.lower()}"
        if listener.mechanism == "PLAIN":
            users = " ".join(f'user_{name}="{password}"' for name, password in self.users.items())
            module = f"org.apache.kafka.common.security.plain.PlainLoginModule required {users};"
        elif listener.mechanism == "OAUTHBEARER":
            module = ("org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "
                      'unsecuredLoginStringClaim_sub="broker";')
        else:
            module = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        return {f"{prefix}.sasl.enabled.mechanisms": listener.mechanism,
                f"{prefix}.{listener.mechanism.lower()}.sasl.jaas.config": module}

    def _answers(self, broker: int) -> bool:
        """The broker answers ApiVersions without an error, and knows all brokers that run."""
        try:
            with socket.create_connection(("127.0.0.1", self.port("DIRECT", broker)), timeout=5) as connection:
                answer = _exchange(connection, _request(api_key=18, api_version=0, body=b""))
                if answer[4:6] != b"\0\0":
                    return False
                no_topics = struct.pack(">i", 0)
                answer = _exchange(connection, _request(api_key=3, api_version=1, body=no_topics))
                (brokers,) = struct.unpack(">i", answer[4:8])
                # One that was stopped or killed may still be known for a while.
                return bool(brokers >= sum(child.is_running() for child in self._children))
        except (OSError, struct.error):
            return False


def _tls_properties(listener: Listener) -> dict[str, str]:
    if not listener.certificate:
        return {}
    prefix = f"listener.name.{listener.name.lower()}"
    values = {f"{prefix}.ssl.keystore.type": "PEM", f"{prefix}.ssl.keystore.location": str(listener.certificate.both)}
    if listener.clients:
        values |= {f"{prefix}.ssl.client.auth": "required", f"{prefix}.ssl.truststore.type": "PEM",
                   f"{prefix}.ssl.truststore.location": str(listener.clients)}
    return values


def java_command(version: str, main: str, arguments: Sequence[str], heap: str = "256m",
                 jvm: Sequence[str] = ("-XX:TieredStopAtLevel=1",), plugins: Sequence[Path] = ()) -> list[str]:
    """The command line of a Java program on one Kafka release's class path, with a bounded heap."""
    classpath = os.pathsep.join([*map(str, plugins), paths.kafka_classpath(version)])
    return ["java", f"-Xmx{heap}", "-XX:+UseSerialGC", "-Xshare:auto", *jvm,
            "-Dorg.slf4j.simpleLogger.showDateTime=true", "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
            "-cp", classpath, main, *arguments]


def _request(api_key: int, api_version: int, body: bytes) -> bytes:
    client_id = b"lab"
    message = struct.pack(">hhih", api_key, api_version, 1, len(client_id)) + client_id + body
    return struct.pack(">i", len(message)) + message


def _exchange(connection: socket.socket, request: bytes) -> bytes:
    connection.sendall(request)
    (size,) = struct.unpack(">i", _read(connection, 4))
    return _read(connection, size)


def _read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise OSError("closed")
        data += more
    return data


# The environment of the surrounding shell must not change what the brokers do.
_QUIET = {"KAFKA_OPTS": "", "JAVA_TOOL_OPTIONS": "", "_JAVA_OPTIONS": "", "JDK_JAVA_OPTIONS": ""}
