"""What istio/missing.py makes of what istiod 1.31 sends: the listeners in golden/, with and without the filter."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

import missing
from manifests import Json

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*-*.json"))
POD = missing.Pod("shop", "orders")
PROXY = {"name": "envoy.filters.network.tcp_proxy"}


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_each_form_at_each_kind_of_proxy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: Json = json.loads(path.read_text())
    counts = 'kafka_filter_build_info{reporter="source"} 1'
    bare = copy.deepcopy(sent["listeners"])
    for listener in bare:
        for chain in [*listener["filter_chains"], listener.get("default_filter_chain", {})]:
            chain["filters"] = [one for one in chain.get("filters", []) if missing.NAME not in one["name"]]
    for listeners, resources, stats, expected in (
            (sent["listeners"], sent["fetched"], counts, missing.THERE),
            (sent["listeners"], sent["fetched"], "", missing.NOT_RUNNING),
            (sent["listeners"], sent["not_fetched"], "", missing.NOT_FETCHED),
            (sent["listeners"], [], "", missing.NOT_SENT),
            (bare, sent["fetched"], counts, missing.NOT_IN_LISTENER),
            ([], [], "", missing.NONE)):
        answers = {"config_dump?resource=dynamic_listeners": json.dumps(_dumped(*listeners)),
                   "config_dump?resource=ecds_filters": json.dumps(
                       {"configs": [{"ecds_filter": one} for one in resources]}),
                   "stats/prometheus": stats}
        monkeypatch.setattr(missing.Pod, "get", lambda _, asked, answers=answers: answers[asked])
        assert missing.verdict(POD, [9092]) == expected
    assert len(GOLDEN) >= 9


def test_chains_are_known_by_their_ports() -> None:
    """A broker's stand in one listener on a port of Istio's, and a waypoint's in one without an address."""
    broker = [{"filter_chain_match": {"destination_port": 9092}, "filters": [{"name": "x"}, PROXY]},
              {"filter_chain_match": {"destination_port": 9092}, "filters": [{"name": "http"}]},
              {"filter_chain_match": {"destination_port": 8080}, "filters": [PROXY]},
              {"filters": [PROXY]}]
    inbound = {"address": {"socket_address": {"port_value": 15006}}, "filter_chains": broker,
               "default_filter_chain": {"filters": [PROXY]}}
    waypoint = [{"name": "inbound-vip|9092|tcp|events-kafka-bootstrap.kafka.svc.cluster.local", "filters": [PROXY]},
                {"name": "inbound-vip|5432|tcp|postgres.shop.svc.cluster.local", "filters": [PROXY]}]
    internal = {"address": {"envoy_internal_address": {}}, "filter_chains": waypoint}
    dumped = _dumped(inbound, internal)
    dumped["configs"].append({"name": "still warming"})
    assert list(missing.kafka_chains(dumped, [9092])) == [broker[0], waypoint[0]]
    assert list(missing.kafka_chains({}, [9092])) == []


def test_a_proxy_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> str:
        raise RuntimeError("pods is forbidden\nand more")

    monkeypatch.setattr(missing.Pod, "get", refuse)
    assert missing.verdict(POD, [9092]) == "cannot be read: pods is forbidden"


def _dumped(*listeners: Json) -> Json:
    return {"configs": [{"active_state": {"listener": one}} for one in listeners]}
