"""The bill of materials of the module: the crates that are compiled into it, as CycloneDX 1.6 JSON.

What runs during the build alone (procedural macros, the tools of this workspace) is not in the module and so not in the
bill; Cargo.lock has it. `cargo cyclonedx` counts macros as parts, and knows neither the standard library nor where the
Kafka tables come from; hence this reading of `cargo tree`.
"""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from facts import DESCRIPTION, NAME, Facts
from wasm import PACKAGE, ROOT, TARGET, Refused, cargo, version

Json = dict[str, Any]

UPSTREAM = ROOT / "crates" / "kafka-wire" / "src" / "schema" / "generated" / "UPSTREAM.md"
# The crate that holds tables made from Kafka's definitions.
TABLES = "kafka-wire"


@dataclass
class Crate:
    """A crate of the module. `checksum` is that of its archive on crates.io, which the workspace's own do not have."""

    name: str
    version: str
    licence: str
    repository: str
    checksum: str | None
    needs: set[str] = field(default_factory=set)

    @property
    def ref(self) -> str:
        return f"pkg:cargo/{self.name}@{self.version}"


def bill(digest: str, facts: Facts) -> str:
    """The bill of the module with the SHA-256 `digest`, as text."""
    crates = _crates()
    compiler = version()
    std = _standard_library(compiler)
    top = NAME
    product: Json = {
        "type": "library", "bom-ref": top, "name": NAME, "version": facts.version, "description": DESCRIPTION,
        "hashes": [{"alg": "SHA-256", "content": digest}], "licenses": [{"expression": facts.licence}],
        "properties": [{"name": "cargo:target", "value": TARGET}]}
    if facts.source:
        product["externalReferences"] = [{"type": "vcs", "url": facts.source}]
    edges = {top: [_root(crates).ref], std["bom-ref"]: [],
             **{crate.ref: [*crate.needs, std["bom-ref"]] for crate in crates}}
    made: Json = {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        # A release made again is the same release, so its bill bears the same number.
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, f'{NAME} {facts.version} sha256:{digest}')}",
        "metadata": {"timestamp": facts.created, "lifecycles": [{"phase": "build"}], "component": product,
                     "tools": {"components": [_compiler(compiler)]}},
        "components": [*(_component(crate, facts) for crate in crates), std],
        "dependencies": [{"ref": ref, "dependsOn": sorted(needs)} for ref, needs in sorted(edges.items())]}
    return json.dumps(made, indent=2) + "\n"


def _crates() -> list[Crate]:
    """The crates of the module, in the order of name and version, each with what it needs directly."""
    command = [cargo(), "tree", "--locked", "-p", PACKAGE, "--target", TARGET, "--edges", "normal,no-proc-macro",
               "--prefix", "depth", "--no-dedupe", "--format", "\t{p}\t{l}\t{r}"]
    done = subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise Refused("cargo does not tell which crates are in the module")
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    checksums = {(entry["name"], entry["version"]): entry.get("checksum") for entry in lock}
    crates: dict[str, Crate] = {}
    path: list[Crate] = []
    for line in done.stdout.splitlines():
        depth, package, licence, repository = line.split("\t")
        name, number = package.split()[:2]
        key = (name, number.removeprefix("v"))
        # "MIT/Apache-2.0" is how cargo wrote "or" before it knew SPDX.
        crate = Crate(*key, licence.replace("/", " OR "), repository, checksums[key])
        crate = crates.setdefault(crate.ref, crate)
        del path[int(depth):]
        if path:
            path[-1].needs.add(crate.ref)
        path.append(crate)
    return sorted(crates.values(), key=lambda crate: (crate.name, crate.version))


def _root(crates: list[Crate]) -> Crate:
    return next(crate for crate in crates if crate.name == PACKAGE)


def _component(crate: Crate, facts: Facts) -> Json:
    made: Json = {"type": "library", "bom-ref": crate.ref, "name": crate.name, "version": crate.version,
                  "licenses": [{"expression": crate.licence}], "purl": crate.ref}
    if crate.checksum:
        made["hashes"] = [{"alg": "SHA-256", "content": crate.checksum}]
        if crate.repository:
            made["externalReferences"] = [{"type": "vcs", "url": crate.repository}]
    elif facts.source:
        # A crate of this workspace, and not one of crates.io that happens to bear its name.
        at = f"@{facts.revision.removesuffix('-dirty')}" if facts.revision else ""
        made["purl"] = f"{crate.ref}?vcs_url={quote(f'git+{facts.source}{at}', safe='')}"
    if crate.name == TABLES:
        made["pedigree"] = _pedigree()
    return made


def _pedigree() -> Json:
    """Kafka's releases whose message definitions the tables were made from; the definitions are not in the module."""
    wanted = r"`org\.apache\.kafka:kafka-clients`,\s+releases\s+(.+?),\s+newest first"
    told = re.search(wanted, UPSTREAM.read_text(), re.S)
    releases = re.findall(r"\d+(?:\.\d+)+", told[1]) if told else []
    if not releases:
        raise Refused(f"{UPSTREAM.relative_to(ROOT)} does not name Kafka's releases as it used to")
    ancestors = [{"type": "library", "group": "org.apache.kafka", "name": "kafka-clients", "version": release,
                  "licenses": [{"expression": "Apache-2.0"}],
                  "purl": f"pkg:maven/org.apache.kafka/kafka-clients@{release}"} for release in releases]
    return {"ancestors": ancestors,
            "notes": "The schema tables were generated from the message definitions (common/message/*.json) in these."}


def _standard_library(compiler: dict[str, str]) -> Json:
    number = compiler["release"]
    return {"type": "library", "bom-ref": f"pkg:generic/rust-std@{number}", "name": "rust-std", "version": number,
            "description": f"Rust's standard library for {TARGET}, prebuilt: std, core, alloc, the crates of their own "
                           "lock file, and wasi-libc",
            "licenses": [{"expression": "MIT OR Apache-2.0"}], "purl": f"pkg:generic/rust-std@{number}",
            "externalReferences": [_rust_sources(compiler)]}


def _compiler(compiler: dict[str, str]) -> Json:
    return {"type": "application", "name": "rustc", "version": compiler["release"],
            "description": f"LLVM {compiler['LLVM version']}, host {compiler['host']}",
            "externalReferences": [_rust_sources(compiler)]}


def _rust_sources(compiler: dict[str, str]) -> Json:
    return {"type": "vcs", "url": f"https://github.com/rust-lang/rust/tree/{compiler['commit-hash']}"}
