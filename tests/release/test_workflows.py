"""The workflows: they call make targets, nothing that comes from outside, and may do no more than they must.

GitHub itself is not run here. Their syntax was checked with actionlint, which is no prerequisite of these tests.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from lab import paths

Json = dict[str, Any]
FOLDER = paths.REPOSITORY / ".github" / "workflows"
WORKFLOWS = sorted(path.name for path in FOLDER.glob("*.yml"))

# What is no make target, with the reason: the beginning of the command.
EXCEPTIONS = {
    ".ci/run": "installs what a bare machine lacks, then runs `make test`",
    'printf %s "$REGISTRY_PASSWORD" | docker login ghcr.io ': "cosign and the attestations push to the registry too",
    "cosign sign --yes ": "needs the identity of the workflow",
    'gh release create "$TAG" ': "makes a page on GitHub",
    "sudo apt-get install --yes --no-install-recommends musl-tools": "the runner has no compiler for static programs",
}
# What each job may do. Only those of the release write.
PERMISSIONS = {
    ("ci.yml", ""): {"contents": "read"},
    ("release.yml", ""): {},
    ("release.yml", "test"): {"contents": "read"},
    ("release.yml", "release"): dict.fromkeys(("contents", "packages", "id-token", "attestations"), "write"),
    ("release.yml", "canary"): {"contents": "read", "packages": "write", "id-token": "write", "attestations": "write"},
    ("release.yml", "gateway"): {"contents": "read", "packages": "write", "id-token": "write", "attestations": "write"},
    ("release.yml", "console"): {"contents": "read", "packages": "write", "id-token": "write", "attestations": "write"},
}


def test_there_are_two() -> None:
    assert WORKFLOWS == ["ci.yml", "release.yml"]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_command_is_a_make_target(name: str) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):.*## ", (paths.REPOSITORY / "Makefile").read_text(), re.M))
    commands = [step["run"] for step in _steps(name) if "run" in step]
    assert commands
    for command in commands:
        found = re.fullmatch(r'make (?:-s )?([a-z0-9-]+)(?: >> "\$GITHUB_OUTPUT")?', command)
        exception = any(command.startswith(known) for known in EXCEPTIONS)
        assert exception or (found and found[1] in targets), command


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_command_is_put_together_from_what_others_chose(name: str) -> None:
    """A branch may be called `$(...)`: what comes from outside is handed over in the environment."""
    assert [step["run"] for step in _steps(name) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_pinned_to_a_commit_that_bears_its_version(name: str) -> None:
    used = re.findall(r"uses: (.*)", (FOLDER / name).read_text())
    assert used
    own = [use for use in used if use.startswith("./")]
    assert all((paths.REPOSITORY / use).is_file() for use in own)
    pinned = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert [use for use in used if use not in own and not pinned.fullmatch(use)] == []


def test_one_action_has_one_pin() -> None:
    used = {use for name in WORKFLOWS for use in re.findall(r"uses: (.*@.*)", (FOLDER / name).read_text())}
    names = [use.partition("@")[0] for use in used]
    assert sorted(names) == sorted(set(names))


def test_no_job_may_do_more_than_it_must() -> None:
    asked = {(name, job): content["permissions"] for name in WORKFLOWS
             for job, content in [("", _read(name)), *_read(name)["jobs"].items()] if "permissions" in content}
    assert asked == PERMISSIONS
    assert all("" in {job for file, job in asked if file == name} for name in WORKFLOWS)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_checkouts_leave_no_credentials_behind(name: str) -> None:
    checkouts = [step for step in _steps(name) if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_jobs_end(name: str) -> None:
    jobs = _read(name)["jobs"]
    assert all(0 < job["timeout-minutes"] <= 60 for job in jobs.values() if "uses" not in job)


def test_only_a_tag_makes_a_release_and_only_after_all_tests() -> None:
    workflow = _read("release.yml")
    assert _triggers(workflow) == {"push": {"tags": ["v*"]}}
    assert workflow["jobs"]["test"]["uses"] == "./.github/workflows/ci.yml"
    assert "workflow_call" in _triggers(_read("ci.yml"))
    assert workflow["jobs"]["release"]["needs"] == "test"
    assert all(workflow["jobs"][program]["needs"] == "release" for program in ("canary", "gateway", "console"))


def test_a_release_is_checked_first_and_published_last() -> None:
    """Nothing leaves the machine before the check, and nobody is told of it before it is signed."""
    steps = [step.get("run") or step["uses"] for step in _steps("release.yml")]
    order = ["actions/checkout@", "make release-check", "make dist", "make push", "make -s release-facts",
             "docker login", "cosign sign", "actions/attest-build-provenance@", "actions/attest@", "gh release create"]
    places = [next(number for number, step in enumerate(steps) if part in step) for part in order]
    assert places == sorted(places)


def test_what_is_signed_is_a_digest() -> None:
    """A tag can be moved between pushing and signing."""
    signs = [step for step in _steps("release.yml") if step.get("run", "").startswith("cosign sign")]
    assert len(signs) == 4
    for sign in signs:
        assert sign["run"] == 'cosign sign --yes "$NAME@$DIGEST"'
        assert sign["env"]["DIGEST"] == "${{ steps.facts.outputs.digest }}"


def test_the_page_offers_what_the_sums_name() -> None:
    [page] = [step["run"] for step in _steps("release.yml") if step.get("run", "").startswith("gh release create")]
    offered = set(re.findall(r"dist/release/(\S+)", page))
    assert offered == {"SHA256SUMS", *(f"*.{ending}" for ending in ("wasm", "oci.tar", "digest", "cdx.json", "tar.gz"))}


def _read(name: str) -> Json:
    read: Json = yaml.safe_load((FOLDER / name).read_text())
    return read


def _triggers(workflow: Json) -> Json:
    """YAML 1.1 reads the key `on` as a truth value."""
    found: Json = workflow.get("on") or workflow[True]  # type: ignore[index]
    return found


def _steps(name: str) -> list[Json]:
    return [step for job in _read(name)["jobs"].values() for step in job.get("steps", [])]
