"""The bill of materials: valid by CycloneDX's own schema, and true about what is in the module."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

import trees
from conftest import Release
from lab import paths

Json = dict[str, Any]


@pytest.fixture(scope="module")
def bill(release: Release) -> Json:
    read: Json = json.loads(release.file("cdx.json").read_text())
    return read


@pytest.fixture(scope="module")
def crates(bill: Json) -> dict[str, Json]:
    """The components that are crates, by name and version."""
    return {f"{part['name']} {part['version']}": part for part in bill["components"]
            if part["bom-ref"].startswith("pkg:cargo/")}


@pytest.fixture(scope="module")
def findings() -> Iterator[Any]:
    """What CycloneDX's strict validator says of a text; None when it is valid."""
    assert paths.CYCLONEDX.is_dir(), "the validator is missing: run `python3 tests/lab/lab.py setup cyclonedx`"
    sys.path.append(str(paths.CYCLONEDX))
    try:
        from cyclonedx.schema import SchemaVersion
        from cyclonedx.validation.json import JsonStrictValidator
        yield JsonStrictValidator(SchemaVersion.V1_6).validate_str
    finally:
        sys.path.remove(str(paths.CYCLONEDX))


def test_it_is_valid(bill: Json, findings: Any) -> None:
    assert findings(json.dumps(bill)) is None


@pytest.mark.parametrize("damage", [
    lambda bill: bill.update(bomFormat="SPDX"),
    lambda bill: bill.update(unheard_of=1),
    lambda bill: bill["components"][0].pop("name"),
    lambda bill: bill["components"][0]["hashes"][0].update(content="short"),
    lambda bill: bill.update(components=bill["components"] + bill["components"][:1]),
], ids=["another format", "an unknown key", "no name", "no hash", "a part twice"])
def test_what_is_wrong_is_not_valid(bill: Json, findings: Any, damage: Any) -> None:
    copy = json.loads(json.dumps(bill))
    damage(copy)
    assert findings(json.dumps(copy)) is not None


def test_it_names_the_crates_of_the_module_and_no_other(release: Release, crates: dict[str, Json]) -> None:
    """By another way than the bill was made: by what cargo compiled for the module's target."""
    assert trees.compiled(release.tree, release.target) == crates.keys()
    assert {"kafka-filter-wasm", "kafka-filter", "kafka-wire", "nom", "proxy-wasm"} <= {n.split()[0] for n in crates}
    assert not {"serde_derive", "syn", "wasmtime", "tokio"} & {n.split()[0] for n in crates}


def test_every_crate_that_the_module_itself_names_is_in_it(release: Release, crates: dict[str, Json]) -> None:
    """Panics name source files, so the module tells of some of its crates, with their versions."""
    named = set(re.findall(rb"/cargo/registry/([a-z0-9_-]+)-(\d+\.\d+\.\d+)/src/", release.module))
    assert len(named) >= 5
    assert {f"{name.decode()} {version.decode()}" for name, version in named} <= crates.keys()


def test_crates_have_checksum_licence_and_address(crates: dict[str, Json]) -> None:
    lock = tomllib.loads((paths.REPOSITORY / "Cargo.lock").read_text())["package"]
    checksums = {f"{entry['name']} {entry['version']}": entry.get("checksum") for entry in lock}
    for key, part in crates.items():
        name, version = key.split()
        assert part["licenses"][0]["expression"], key
        if checksums[key]:
            assert part["purl"] == f"pkg:cargo/{name}@{version}"
            assert part["hashes"] == [{"alg": "SHA-256", "content": checksums[key]}], key
        else:
            assert part["purl"].startswith(f"pkg:cargo/{name}@{version}?vcs_url=git%2Bhttps%3A%2F%2Fgithub.com%2F"), key
            assert "hashes" not in part, key
    [memchr] = [part for part in crates.values() if part["name"] == "memchr"]
    assert memchr["licenses"] == [{"expression": "Unlicense OR MIT"}]


def test_the_graph_is_whole(bill: Json) -> None:
    refs = {part["bom-ref"] for part in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    edges = {entry["ref"]: entry["dependsOn"] for entry in bill["dependencies"]}
    assert edges.keys() == refs
    assert {need for needs in edges.values() for need in needs} <= refs
    reached, open_ends = set(), [bill["metadata"]["component"]["bom-ref"]]
    while open_ends:
        ref = open_ends.pop()
        if ref not in reached:
            reached.add(ref)
            open_ends += edges[ref]
    assert reached == refs
    wire = next(ref for ref in refs if ref.startswith("pkg:cargo/kafka-wire@"))
    direct = {need.partition("/")[2].partition("@")[0] for need in edges[wire]}
    assert direct == {"bytes", "nom", "rust-std"}


def test_it_is_about_this_module(bill: Json, release: Release) -> None:
    subject = bill["metadata"]["component"]
    assert (subject["name"], subject["version"]) == ("kafka-filter", trees.VERSION)
    assert subject["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(release.module).hexdigest()}]
    assert {"name": "cargo:target", "value": "wasm32-wasip1"} in subject["properties"]
    assert bill["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"


def test_it_says_where_the_kafka_tables_come_from(bill: Json) -> None:
    """By the pins that the tables are generated from."""
    [wire] = [part for part in bill["components"] if part["name"] == "kafka-wire"]
    kafka = paths.PINS["kafka"]
    assert [ancestor["purl"] for ancestor in wire["pedigree"]["ancestors"]] == [
        f"pkg:maven/org.apache.kafka/kafka-clients@{kafka[which]}" for which in ("current", "previous")]


def test_it_names_the_compiler_and_its_library(bill: Json) -> None:
    channel = tomllib.loads((paths.REPOSITORY / "rust-toolchain.toml").read_text())["toolchain"]["channel"]
    [compiler] = bill["metadata"]["tools"]["components"]
    [library] = [part for part in bill["components"] if part["name"] == "rust-std"]
    assert (compiler["name"], compiler["version"], library["version"]) == ("rustc", channel, channel)
    [commit] = re.findall(r"commit-hash: ([0-9a-f]{40})", trees.output("rustc", "-vV"))
    assert library["externalReferences"][0]["url"].endswith(commit)
