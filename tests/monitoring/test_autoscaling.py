"""The autoscalers: fields that KEDA, Kubernetes and prometheus-adapter know, one set of numbers in all of them.

No cluster is started, so manifests are held against the fields of the types that read them: KEDA's ScaledObject and its
prometheus scaler, autoscaling/v2, and the adapter's discovery rules.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import dashboards
import pytest
import yaml
from dashboards import AUTOSCALING, ROOT, Json
from lab.prometheus import promtool

Fields = dict[str, Any]

# What may stand where, and of which type. A list holds what each entry may have.
BEHAVIOR: Fields = {way: {"stabilizationWindowSeconds": int, "selectPolicy": str,
                          "policies": [{"type": str, "value": int, "periodSeconds": int}]}
                    for way in ("scaleUp", "scaleDown")}
SCALED_OBJECT: Fields = {
    "scaleTargetRef": {"apiVersion": str, "kind": str, "name": str, "envSourceContainerName": str},
    "pollingInterval": int, "initialCooldownPeriod": int, "cooldownPeriod": int, "idleReplicaCount": int,
    "minReplicaCount": int, "maxReplicaCount": int,
    "fallback": {"failureThreshold": int, "replicas": int, "behavior": str},
    "advanced": {"restoreToOriginalReplicaCount": bool,
                 "horizontalPodAutoscalerConfig": {"name": str, "behavior": BEHAVIOR}},
    "triggers": [{"type": str, "name": str, "metricType": str, "useCachedMetrics": bool,
                  # Metadata of a trigger is text only, numbers and booleans too.
                  "metadata": {key: str for key in (
                      "serverAddress", "query", "queryParameters", "threshold", "activationThreshold", "namespace",
                      "customHeaders", "ignoreNullValues", "unsafeSsl", "timeout", "authModes")}}]}
AUTOSCALER: Fields = {
    "scaleTargetRef": {"apiVersion": str, "kind": str, "name": str}, "minReplicas": int, "maxReplicas": int,
    "metrics": [{"type": str, "external": {"metric": {"name": str, "selector": {"matchLabels": dict}},
                                           "target": {"type": str, "value": str, "averageValue": str}}}],
    "behavior": BEHAVIOR}
ADAPTER_RULE: Fields = {
    "seriesQuery": str, "seriesFilters": list, "metricsQuery": str, "name": {"matches": str, "as": str},
    "resources": {"template": str, "overrides": dict, "namespaced": bool}}
FALLBACKS = {"static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"}


def manifest(name: str) -> Json:
    loaded: Json = yaml.safe_load((AUTOSCALING / name).read_text())
    return loaded


@pytest.mark.parametrize("subject", ["consumers", "brokers"])
def test_scaled_objects_have_fields_that_keda_knows(subject: str) -> None:
    made = manifest(f"keda-{subject}.yaml")
    assert (made["apiVersion"], made["kind"]) == ("keda.sh/v1alpha1", "ScaledObject")
    spec = made["spec"]
    assert not list(strangers(spec, SCALED_OBJECT))
    assert 0 < spec["minReplicaCount"] <= spec["fallback"]["replicas"] <= spec["maxReplicaCount"]
    assert spec["fallback"]["behavior"] in FALLBACKS
    for trigger in spec["triggers"]:
        # KEDA falls back only from an average, and only when silence is an error.
        assert trigger["type"] == "prometheus" and trigger["metricType"] == "AverageValue"
        assert trigger["metadata"]["ignoreNullValues"] == "false"
        assert float(trigger["metadata"]["threshold"]) > 0


@pytest.mark.parametrize("subject", ["consumers", "brokers"])
def test_autoscalers_have_fields_that_kubernetes_knows(subject: str) -> None:
    made = manifest(f"hpa-{subject}.yaml")
    assert (made["apiVersion"], made["kind"]) == ("autoscaling/v2", "HorizontalPodAutoscaler")
    assert not list(strangers(made["spec"], AUTOSCALER))


@pytest.mark.parametrize("subject", ["consumers", "brokers"])
def test_behavior_is_within_what_kubernetes_takes(subject: str) -> None:
    for way in manifest(f"hpa-{subject}.yaml")["spec"]["behavior"].values():
        assert 0 <= way.get("stabilizationWindowSeconds", 0) <= 3600
        assert way.get("selectPolicy", "Max") in ("Max", "Min", "Disabled")
        for policy in way.get("policies", []):
            assert policy["type"] in ("Pods", "Percent") and policy["value"] > 0
            assert 0 < policy["periodSeconds"] <= 1800


@pytest.mark.parametrize("subject", ["consumers", "brokers"])
def test_both_ways_scale_alike(subject: str) -> None:
    keda, hpa = manifest(f"keda-{subject}.yaml")["spec"], manifest(f"hpa-{subject}.yaml")["spec"]
    assert keda["scaleTargetRef"]["name"] == hpa["scaleTargetRef"]["name"]
    assert keda["scaleTargetRef"].get("kind", "Deployment") == hpa["scaleTargetRef"]["kind"]
    assert (keda["minReplicaCount"], keda["maxReplicaCount"]) == (hpa["minReplicas"], hpa["maxReplicas"])
    assert keda["advanced"]["horizontalPodAutoscalerConfig"]["behavior"] == hpa["behavior"]
    assert [trigger["metadata"]["threshold"] for trigger in keda["triggers"]] == \
        [metric["external"]["target"]["averageValue"] for metric in hpa["metrics"]]
    # The adapter groups by labels that the selector has fixed: one number, as with KEDA.
    asked = {path: [_selectors(ask.expr) for ask in dashboards.autoscaling_queries() if ask.file == path]
             for path in (f"keda-{subject}.yaml", f"hpa-{subject}.yaml")}
    assert asked[f"keda-{subject}.yaml"] == asked[f"hpa-{subject}.yaml"]


def test_brokers_are_never_removed() -> None:
    assert manifest("hpa-brokers.yaml")["spec"]["behavior"]["scaleDown"] == {"selectPolicy": "Disabled"}


def test_adapter_rules_have_fields_that_it_knows_and_find_their_series() -> None:
    rules = dashboards.adapter_rules()
    known = set(dashboards.catalog()) | set(dashboards.recorded())
    used = {ask.place for ask in dashboards.autoscaling_queries() if ask.file.startswith("hpa-")}
    assert {rule["name"]["as"] for rule in rules} == used
    for rule in rules:
        assert not list(strangers(rule, ADAPTER_RULE))
        (selector,), _ = dashboards.references(rule["seriesQuery"])
        assert selector.name in known, rule["seriesQuery"]
        assert re.fullmatch(rule["name"]["matches"], selector.name), rule["name"]
        # The name becomes a part of a URL.
        assert re.fullmatch(r"[a-z_]+", rule["name"]["as"])


def test_one_reporter_everywhere() -> None:
    """Of the filter's own series; a recording rule has chosen already."""
    texts = {ask: ask.expr for ask in dashboards.autoscaling_queries()}
    texts |= {f"rules.yaml: {name}": expr for name, expr in _own_rules().items()}
    for place, expr in texts.items():
        for selector in dashboards.references(expr)[0]:
            if selector.name.startswith("kafka_filter_"):
                assert re.fullmatch(r'="(source|destination)"', selector.matchers.get("reporter", "")), place


def test_rules_are_good_and_used() -> None:
    promtool("check", "rules", AUTOSCALING / "rules.yaml")
    used = {selector.name for expr in [*_own_rules().values(), *(a.expr for a in dashboards.autoscaling_queries())]
            for selector in dashboards.references(expr)[0]}
    assert set(_own_rules()) <= used


def test_rules_say_one_more_only_under_load(tmp_path: Path) -> None:
    """Four brokers. Slow at half load wants nothing, slow at full load wants a fifth, and the rate alone counts too."""
    written = tmp_path / "test.yaml"
    written.write_text(yaml.safe_dump({"rule_files": [str(AUTOSCALING / "rules.yaml")], "evaluation_interval": "1m",
                                       "tests": [_case(8e6, 20, 0), _case(14e6, 20, 5), _case(14e6, 995, 0),
                                                 _case(24e6, 995, 0)]}))
    assert "SUCCESS" in promtool("test", "rules", written)


def test_the_page_explains_each_number() -> None:
    page = (ROOT / "docs" / "autoscaling.md").read_text()
    for number in _numbers():
        assert re.search(rf"(?<![\d,.]){number}(?![\d,.]\d)", page), f"docs/autoscaling.md does not speak of {number}"
    for path in AUTOSCALING.glob("*.yaml"):
        assert f"`{path.name}`" in page


def strangers(found: Any, known: Any, path: str = "") -> Any:
    """Fields that are not known, and values of another type, each with its path."""
    if isinstance(known, list):
        for at, entry in enumerate(found):
            yield from strangers(entry, known[0], f"{path}[{at}]")
    elif isinstance(known, dict):
        for key, value in found.items():
            if key not in known:
                yield f"{path}.{key}: not known"
            else:
                yield from strangers(value, known[key], f"{path}.{key}")
    elif not isinstance(found, known):
        yield f"{path}: {found!r} is no {known.__name__}"


def _own_rules() -> dict[str, str]:
    return {rule["record"]: rule["expr"] for group in manifest("rules.yaml")["groups"] for rule in group["rules"]}


def _selectors(expr: str) -> list[tuple[str, list[tuple[str, str]]]]:
    return [(one.name, sorted(one.matchers.items())) for one in dashboards.references(expr)[0]]


def _numbers() -> set[str]:
    """Limits and thresholds of the consumers' and brokers' autoscalers, as the page writes them."""
    found = set()
    for subject in ("consumers", "brokers"):
        spec = manifest(f"hpa-{subject}.yaml")["spec"]
        found |= {str(spec["minReplicas"]), str(spec["maxReplicas"])}
        found |= {f"{int(metric['external']['target']['averageValue']):,}" for metric in spec["metrics"]}
        for way in spec["behavior"].values():
            found |= {str(way[key] // 60) for key in ("stabilizationWindowSeconds",) if way.get(key, 0) > 60}
            found |= {str(policy["periodSeconds"] // 60) for policy in way.get("policies", [])}
    return found | {f"{float(_own_rules()['kafka_filter:broker_worth:bytes_per_second'][7:-1]) / 1e6:g} MB/s"}


def _case(broker_rate: float, fast_of_1000: int, wanted_by_latency: int) -> Json:
    """Four brokers that each take so many bytes a second; so many of 1,000 writes are answered within 0.1 s."""
    series = []
    for broker in range(4):
        labels = f'reporter="destination", instance="broker-{broker}"'
        buckets = f'kafka_filter_request_duration_microseconds_bucket{{{labels}, request="Produce"'
        series += [
            {"series": f"kafka_filter_build_info{{{labels}}}", "values": "1x60"},
            {"series": f"kafka_filter_topic_produced_bytes_total{{{labels}}}",
             "values": f"0+{round(broker_rate * 60)}x60"},
            {"series": f'{buckets}, le="100000"}}', "values": f"0+{fast_of_1000}x60"},
            {"series": f'{buckets}, le="500000"}}', "values": "0+1000x60"},
            {"series": f'{buckets}, le="+Inf"}}', "values": "0+1000x60"}]
    by_rate = -(-4 * broker_rate // 20e6)
    return {"interval": "1m", "input_series": series, "promql_expr_test": [
        {"expr": f"kafka_filter:brokers_wanted_by_{way}:count", "eval_time": "50m",
         "exp_samples": [{"labels": f"kafka_filter:brokers_wanted_by_{way}:count", "value": value}]}
        for way, value in (("latency", wanted_by_latency), ("rate", by_rate))]}
