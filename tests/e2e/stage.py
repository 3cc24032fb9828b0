"""What the tests stand on: routes through recorders and Envoy to a broker, and a watch over what passes there.

    client -> recorder -> Envoy listener with the filter -> recorder -> broker listener

Every `watch` ends with the two laws: the bytes before Envoy are the bytes behind it, for each connection and both
ways; and the filter's metrics are what an independent count of those bytes says.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from expected import PREFIX, Expected, expect
from frames import Exchange, exchanges
from lab import (
    Envoy,
    Kafka,
    Query,
    Recorder,
    Recording,
    Stats,
    free_port,
    paths,
    proxy,
    unexpected_log_lines,
    wait_until,
)
from oracle import Oracle


class Route:
    """The ports of one way to a broker listener; `port` is what clients use and what the broker advertises.

    The recorders `front` and `back` are there while it is `recorded`.
    """

    front: Recorder
    back: Recorder

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = free_port()
        self.envoy_port = free_port()
        self.back_port = free_port()

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def cluster_name(self) -> str:
        return f"{self.name}-broker"

    def cluster(self) -> proxy.Json:
        return proxy.cluster(self.cluster_name, self.back_port)

    def listener(self, folder: Path, configuration: proxy.Json | str | None, balance: bool = False,
                 vm_id: str = "kafka_filter") -> proxy.Json:
        """The Envoy listener of this route, with the filter configured as given."""
        return proxy.listener(self.name, self.envoy_port, self.cluster_name,
                              filters=[proxy.wasm_filter(configuration, vm_id=vm_id)],
                              access_log=folder / "envoy.access.jsonl", balance=balance)

    @contextlib.contextmanager
    def recorded(self, target_port: int) -> Iterator[None]:
        """Runs both recorders; `target_port` is the broker's own port."""
        with Recorder(self.port, self.envoy_port) as self.front, Recorder(self.back_port, target_port) as self.back:
            yield


@dataclass
class Seen:
    """What passed during a watch; filled in when the watch ends."""

    connections: list[tuple[Recording, Recording]] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    expected: Expected = field(default_factory=Expected)
    stats: Stats = field(default_factory=lambda: Stats({}))

    def metric(self, name: str) -> Query:
        """The change of a metric of the filter, named without its prefix."""
        return self.stats.metric(PREFIX + name)

    def requests(self, api_key: int) -> list[Exchange]:
        return [exchange for exchange in self.exchanges if exchange.api_key == api_key]


class Stage:
    """One Envoy with the routes that lead through it."""

    def __init__(self, envoy: Envoy, kafka: Kafka | None, folder: Path, routes: Sequence[Route],
                 oracle: Oracle) -> None:
        self.envoy = envoy
        self._kafka = kafka
        self.folder = folder
        self.routes = {route.name: route for route in routes}
        self._oracle = oracle
        self._topic_names: dict[str, str] = {}
        self._log_lines_checked = 0

    @property
    def bootstrap(self) -> str:
        """Where clients of the first route connect to."""
        return next(iter(self.routes.values())).bootstrap

    @property
    def kafka(self) -> Kafka:
        assert self._kafka, "this stage has no Kafka behind it"
        return self._kafka

    def update(self, version: str, configuration: proxy.Json | str | None, vm_id: str = "kafka_filter") -> None:
        """Replaces the listener of the only route in the watched file; Envoy takes note by itself, somewhat later."""
        (route,) = self.routes.values()
        proxy.write_lds(self.folder / "lds" / "listeners.json",
                        [route.listener(self.folder, configuration, vm_id=vm_id)], version)

    @contextlib.contextmanager
    def watch(self, exact: bool = True, labels: dict[str, str] | None = None,
              allowed_log: Sequence[tuple[str, str]] = ()) -> Iterator[Seen]:
        """Watches what the block does. The block must close the clients it opens.

        `exact` compares the metrics with the recordings; a block that sends other things than Kafka turns it off and
        asserts by itself. `labels` narrows the comparison to series with these labels.
        """
        before = self.envoy.quiet_stats()
        marks = {name: route.front.mark() for name, route in self.routes.items()}
        earlier_entries = len(self.envoy.access_entries())
        seen = Seen()
        yield seen
        self._settle()
        seen.stats = self.envoy.quiet_stats() - before
        for name, route in self.routes.items():
            seen.connections += self._pair(route, marks[name], earlier_entries)
        self.assert_transparent(seen)
        if exact:
            self.assert_exact(seen, labels or {})
        self.assert_quiet(allowed_log)

    def assert_exact(self, seen: Seen, labels: dict[str, str]) -> None:
        seen.exchanges = [exchange for number, (front, _) in enumerate(seen.connections)
                          for exchange in exchanges(front.requests, front.responses, number)]
        seen.expected = expect(len(seen.connections), seen.exchanges, self._oracle, self._topic_names)
        differences = seen.expected.differences(seen.stats, **labels)
        assert not differences, "metrics are not what passed:\n  " + "\n  ".join(differences)
        overflowed = seen.stats.total(f"{PREFIX}label_values_overflowed_total", label="topic")
        others = [name for name in seen.stats.names(PREFIX) if seen.stats.total(name, topic="__other__")]
        assert bool(overflowed) == bool(others), f"{overflowed:g} topics overflowed, series of __other__: {others}"
        for gauge in ("connections_active", "requests_in_flight", "in_flight_request_bytes", "topic_fetch_lag_records"):
            assert self.envoy.stats().total(PREFIX + gauge) == 0, f"{gauge} did not return to zero"

    def assert_quiet(self, allowed: Sequence[tuple[str, str]] = ()) -> None:
        """Envoy is alive, and its log holds no warning or error that is not expected."""
        assert self.envoy.is_running(), f"Envoy ended: {self.envoy.log_lines()[-20:]}"
        lines = self.envoy.log_lines()
        unexpected = unexpected_log_lines(lines[self._log_lines_checked:], allowed)
        self._log_lines_checked = len(lines)
        assert not unexpected, "Envoy's log warns:\n" + "\n".join(unexpected)

    def _settle(self, timeout: float = 20.0) -> None:
        """Waits until every connection of every route has ended at both recorders."""
        recorders = [recorder for route in self.routes.values() for recorder in (route.front, route.back)]
        wait_until("clients to close their connections", lambda: all(r.all_closed() for r in recorders), timeout)

    def _pair(self, route: Route, mark: int, earlier_entries: int) -> list[tuple[Recording, Recording]]:
        """Each connection before Envoy with its own behind it, joined by the ports in Envoy's access log."""
        fronts = {recording.connected_from: recording for recording in route.front.since(mark)}

        def ports() -> dict[int, int] | None:
            entries = self.envoy.access_entries()[earlier_entries:]
            pairs = {_port(entry["downstream"]): _port(entry["upstream_local"]) for entry in entries}
            return pairs if set(pairs) >= set(fronts) else None

        upstream = {}
        if fronts:
            upstream = wait_until("Envoy's access log to name every connection", ports, 10)
        # A port may have been used before; the last connection from it is meant.
        backs = {recording.accepted_from: recording for recording in route.back.since(0)}
        missing = [port for port in fronts if upstream[port] not in backs]
        assert not missing, f"connections from ports {missing} never reached the broker's side"
        return [(front, backs[upstream[port]]) for port, front in fronts.items()]

    @staticmethod
    def assert_transparent(seen: Seen) -> None:
        """Law one: what entered Envoy left it, for each connection and both ways."""
        for front, back in seen.connections:
            for way in ("requests", "responses"):
                before, after = getattr(front, way), getattr(back, way)
                if before != after:
                    pairs = enumerate(zip(before, after, strict=False))
                    at = next((at for at, (a, b) in pairs if a != b), min(len(before), len(after)))
                    raise AssertionError(f"connection {front.number}: {way} differ at byte {at}; "
                                         f"{len(before)} bytes before Envoy, {len(after)} behind it")


@contextlib.contextmanager
def stage(folder: Path, routes: Sequence[Route], target: Kafka | Mapping[str, int], oracle: Oracle,
          configurations: Mapping[str, proxy.Json | str | None] | None = None, balance: bool = False,
          lds: bool = False, drain_seconds: int = 1) -> Iterator[Stage]:
    """Recorders and an Envoy over the given routes, each to the target's listener (or port) of its name.

    `configurations` holds the filter's configuration by route. With `lds` the listeners come from a watched file and
    can be replaced, see `Stage.update`.
    """
    with contextlib.ExitStack() as stack:
        for route in routes:
            port = target.port(route.name) if isinstance(target, Kafka) else target[route.name]
            stack.enter_context(route.recorded(port))
        folder.mkdir(parents=True)
        listeners = [route.listener(folder, (configurations or {}).get(route.name), balance) for route in routes]
        config = proxy.bootstrap(listeners, [route.cluster() for route in routes],
                                 lds=folder / "lds" / "listeners.json" if lds else None)
        envoy = stack.enter_context(Envoy(folder, config, overlays=[paths.STATS_TAGS], drain_seconds=drain_seconds))
        made = Stage(envoy, target if isinstance(target, Kafka) else None, folder, routes, oracle)
        made.assert_quiet()
        yield made
        made.assert_quiet()


def _port(address: str) -> int:
    """The port of "127.0.0.1:40123"; 0 when Envoy had no such connection."""
    return int(address.rpartition(":")[2]) if ":" in address else 0
