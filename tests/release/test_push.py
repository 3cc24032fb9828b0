"""`make push`: what a registry has afterwards is what was made, and nothing that is there is replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

import agent
import registry
import trees
from conftest import Release

REPOSITORY = "filters/kafka-filter"
TAGGED = (REPOSITORY, trees.VERSION)
# An address of documentation (RFC 5737).
NOBODY = "192.0.2.1"


def test_what_is_pushed_is_what_is_pulled(release: Release, shop: registry.Registry) -> None:
    told = trees.make(release.tree, "push", f"IMAGE={shop.host}/{REPOSITORY}")
    assert told.splitlines()[-1] == f"{shop.host}/{REPOSITORY}:{trees.VERSION}@{release.digest}"
    assert shop.tags == {TAGGED: release.digest}
    pin = release.digest.removeprefix("sha256:")
    assert agent.fetch(f"oci://{shop.host}/{REPOSITORY}:{trees.VERSION}", pin) == release.module
    # Configuration, layer, and no more than that.
    assert len(shop.blobs) == 2


def test_what_is_there_is_not_sent_again(release: Release, shop: registry.Registry) -> None:
    for _ in range(2):
        trees.make(release.tree, "push", f"IMAGE={shop.host}/{REPOSITORY}:{trees.VERSION}")
    assert sum("POST" in request for request in shop.requests) == 2
    assert shop.tags == {TAGGED: release.digest}


def test_a_repository_is_lower_case_whatever_its_owner_is_called(release: Release, shop: registry.Registry) -> None:
    trees.make(release.tree, "push", f"IMAGE={shop.host}/Some-Owner/kafka-filter:Edge")
    assert shop.tags == {("some-owner/kafka-filter", "Edge"): release.digest}


def test_a_released_tag_is_not_moved(release: Release, shop: registry.Registry) -> None:
    other = shop.add(*TAGGED, b'{"schemaVersion": 2}', agent.OCI_MANIFEST, [])
    told = trees.make(release.tree, "push", f"IMAGE={shop.host}/{REPOSITORY}", fails=True)
    assert "a release is not replaced" in told
    assert shop.tags == {TAGGED: other}
    assert not shop.blobs


def test_a_registry_may_ask_for_a_token(release: Release, shop: registry.Registry) -> None:
    shop.token = "t0ken"
    arguments = ("push", f"IMAGE={shop.host}/{REPOSITORY}")
    right = {"REGISTRY_USERNAME": registry.USER, "REGISTRY_PASSWORD": registry.PASSWORD}
    for wrong in ({"REGISTRY_USERNAME": "", "REGISTRY_PASSWORD": ""}, {**right, "REGISTRY_PASSWORD": "guess"}):
        told = trees.make(release.tree, *arguments, fails=True, **wrong)
        assert "REGISTRY_USERNAME" in told
        assert "guess" not in told
        assert not shop.tags
    assert registry.PASSWORD not in trees.make(release.tree, *arguments, **right)
    assert shop.tags == {TAGGED: release.digest}


def test_a_registry_that_forgets_is_noticed(release: Release, shop: registry.Registry) -> None:
    """The digest that is signed and pinned is one that the registry was seen to answer with."""
    add = shop.add
    shop.add = lambda repository, tag, *rest: add(repository, "elsewhere", *rest)  # type: ignore[method-assign]
    told = trees.make(release.tree, "push", f"IMAGE={shop.host}/{REPOSITORY}", fails=True)
    assert "does not answer with" in told


def test_credentials_do_not_travel_in_the_clear(release: Release, shop: registry.Registry) -> None:
    """A registry may send us elsewhere for a token."""
    shop.token, shop.realm = "t0ken", f"http://{NOBODY}/token"
    told = trees.make(release.tree, "push", f"IMAGE={shop.host}/{REPOSITORY}", fails=True,
                      REGISTRY_USERNAME=registry.USER, REGISTRY_PASSWORD=registry.PASSWORD)
    assert "do not travel in the clear" in told
    assert not shop.tags


@pytest.mark.parametrize("address", ["", "kafka-filter", "127.0.0.1:1/a b", "127.0.0.1:1/a:b:c"])
def test_what_is_no_address_is_refused(release: Release, address: str) -> None:
    assert "expected REGISTRY/REPOSITORY" in trees.make(release.tree, "push", f"IMAGE={address}", fails=True)


def test_nothing_is_pushed_before_it_is_made(shop: registry.Registry, tmp_path: Path) -> None:
    tree = trees.copy(tmp_path / "tree")
    assert "run `make dist`" in trees.make(tree, "push", f"IMAGE={shop.host}/{REPOSITORY}", fails=True)
    assert not shop.requests


def test_the_workflow_is_told_what_it_signs(release: Release) -> None:
    told = trees.make(release.tree, "release-facts", "IMAGE=ghcr.io/Owner/kafka-filter")
    assert dict(line.split("=", 1) for line in told.splitlines()) == {
        "version": trees.VERSION, "name": "ghcr.io/owner/kafka-filter",
        "image": f"ghcr.io/owner/kafka-filter:{trees.VERSION}", "digest": release.digest}
