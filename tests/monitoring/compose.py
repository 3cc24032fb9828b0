"""The compose files as Compose sees them: merge keys resolved, variables replaced, services of the active profiles.

It knows of the Compose Specification what these files use, and refuses the rest: an interpolation that it cannot do.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from lab import paths

Json = dict[str, Any]

ENVOY = paths.REPOSITORY / "envoy"
FILE = ENVOY / "docker-compose.yaml"
RELEASED = ENVOY / "docker-compose.released.yaml"


class Loader(yaml.SafeLoader):
    """Safe YAML, and Compose's own tag for what replaces instead of merging."""


Loader.add_constructor("!override", lambda loader, node: loader.construct_sequence(node, deep=True))


def load(path: Path = FILE, variables: Mapping[str, str] | None = None) -> Json:
    """The file with its variables replaced: by `variables`, else by their defaults."""
    loaded: Json = _interpolated(yaml.load(path.read_text(), Loader), variables or {})
    return loaded


def active(compose: Json, profiles: Collection[str] = ()) -> dict[str, Json]:
    """The services that run with these profiles: those without one, and those with one of them."""
    return {name: service for name, service in compose["services"].items()
            if not service.get("profiles") or set(service["profiles"]) & set(profiles)}


def dependencies(service: Json) -> dict[str, Json]:
    """What must be there before the service starts: name to condition and whether it is required."""
    declared = {name: {"required": True, **how} for name, how in service.get("depends_on", {}).items()}
    mode = service.get("network_mode", "")
    if mode.startswith("service:"):
        declared.setdefault(mode.removeprefix("service:"), {"condition": "service_started", "required": True})
    return declared


def order(services: Mapping[str, Json]) -> list[str]:
    """The services, each after those that it depends on. ValueError when they wait for each other."""
    done: list[str] = []
    while len(done) < len(services):
        ready = [name for name, service in services.items() if name not in done
                 and all(need in done for need in dependencies(service) if need in services)]
        if not ready:
            raise ValueError(f"these wait for each other: {sorted(set(services) - set(done))}")
        done += ready
    return done


def mounts(service: Json) -> dict[str, str]:
    """Where in the container to what outside: a path from the file's folder, or the name of a volume."""
    found = {}
    for volume in service.get("volumes", []):
        if isinstance(volume, str):
            source, target = volume.split(":")[:2]
        else:
            source, target = volume["source"], volume["target"]
        found[target] = source
    return found


def is_path(source: str) -> bool:
    return source.startswith((".", "/"))


def version(image: str) -> str:
    """The version in an image's name."""
    return image.partition("@")[0].rpartition(":")[2].removeprefix("v")


def _interpolated(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _interpolated(one, variables) for key, one in value.items()}
    if isinstance(value, list):
        return [_interpolated(one, variables) for one in value]
    if not isinstance(value, str):
        return value

    def replaced(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        name, operator, text = match["name"], match["operator"], match["text"]
        if name is None or (operator == ":?" and not variables.get(name)):
            raise ValueError(f"{value!r}: {text or 'an interpolation of another kind'}")
        return variables.get(name) or text

    return _VARIABLE.sub(replaced, value)


_VARIABLE = re.compile(r"\$\$|\$\{(?P<name>\w+)(?P<operator>:-|:\?)(?P<text>[^}]*)\}|\$")
