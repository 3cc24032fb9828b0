"""House rules that no compiler checks: layout, sizes, links, hosts, and who may depend on whom.

    python3 -B -m unittest discover -s tests/tidy -v
"""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

RUST_LINES_MAX = 500
SHELL_LINES_MAX = 800
GENERATED = ("crates/kafka-wire/src/schema/generated.rs", "crates/kafka-wire/src/schema/generated/")

# What each crate may have in its graph: (direct dependencies, names that must not be anywhere below it).
DEPENDENCIES = {
    "kafka-wire": ({"bytes", "nom"}, {"proxy-wasm", "serde", "serde_json", "log"}),
    "kafka-filter": ({"kafka-wire", "log", "regex-lite", "serde", "serde_json"}, {"proxy-wasm"}),
    "kafka-filter-wasm": ({"kafka-filter", "log", "proxy-wasm"}, {"kafka-schema-gen"}),
    "kafka-canary": ({"axum", "bytes", "clap", "kafka-operations", "kafka-protocol", "kafka-wire", "openssl",
                      "openssl-probe", "prometheus", "rdkafka", "reqwest", "serde", "serde_json", "tokio",
                      "tokio-openssl", "tokio-util", "tracing", "tracing-subscriber"},
                     {"kafka-filter", "kafka-schema-gen", "proxy-wasm"}),
    "kafka-operations": ({"axum", "hyper", "hyper-util", "prometheus", "tokio", "tokio-util", "tracing",
                          "tracing-subscriber"},
                         {"kafka-canary", "kafka-filter", "kafka-gateway", "kafka-wire", "rdkafka"}),
    "kafka-gateway-api": ({"base64", "jiff", "memchr", "serde", "serde_json"},
                          {"axum", "bytes", "hyper", "rdkafka", "tokio", "kafka-filter", "kafka-wire"}),
    "kafka-gateway": ({"axum", "bytes", "clap", "crc32fast", "futures-util", "http-body-util", "hyper", "hyper-util",
                       "kafka-gateway-api", "kafka-operations", "openssl", "openssl-probe", "prometheus", "rdkafka", "rustix", "serde",
                       "serde-saphyr", "serde_json", "tokio", "tokio-rustls", "tokio-util", "tower-http", "tracing",
                       "tracing-subscriber"},
                      {"kafka-canary", "kafka-filter", "kafka-schema-gen", "kafka-wire", "proxy-wasm"}),
    "kafka-console": ({"axum", "bytes", "clap", "futures-util", "hyper", "hyper-util", "ipnet",
                       "kafka-console-text", "kafka-operations", "kafka-wire", "prometheus", "reqwest", "serde", "serde-saphyr",
                       "serde_json", "subtle", "tokio", "tokio-util", "tracing"},
                      {"kafka-canary", "kafka-filter", "kafka-gateway", "kafka-schema-gen", "proxy-wasm", "rdkafka"}),
    "kafka-console-text": (set(), set()),
    "kafka-schema-gen": ({"serde_json"}, {"kafka-wire", "kafka-filter", "proxy-wasm"}),
}

# A URL in the repository leads to one of these, so that no build or page depends on a host which others cannot reach.
HOSTS = {
    "127.0.0.1", "localhost", "x", "crates.io", "cwiki.apache.org", "docs.rs", "github.com", "istio.io", "json-schema.org",
    "kafka.apache.org", "keepachangelog.com", "maven.apache.org", "nodejs.org", "prometheus.io", "pypi.org",
    "registry.npmjs.org", "rustup.rs", "semver.org", "www.apache.org", "www.envoyproxy.io", "www.w3.org",
    "token.actions.githubusercontent.com", "keda.sh", "strimzi.io", "prometheus.monitoring.svc",
}


def files(*suffixes: str) -> list[str]:
    """Committed files and new ones that are not ignored, as paths from the root."""
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return sorted(name for name in set(listed) if name.endswith(suffixes or ("",)) and (ROOT / name).is_file())


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def texts() -> list[tuple[str, str]]:
    """Every committed text with its name; corpora and captures are bytes and left out."""
    found = []
    for name in files():
        data = (ROOT / name).read_bytes()
        if b"\0" not in data:
            try:
                found.append((name, data.decode("utf-8")))
            except UnicodeDecodeError:
                continue
    return found


class Tidy(unittest.TestCase):
    longMessage = False

    def none(self, what: str, findings: list[str]) -> None:
        self.assertFalse(findings, f"{what}:\n  " + "\n  ".join(findings))


class Rust(Tidy):
    def test_no_file_is_called_mod_rs(self) -> None:
        self.none("write foo.rs beside foo/", [name for name in files("mod.rs") if Path(name).name == "mod.rs"])

    def test_files_can_be_read_whole(self) -> None:
        sizes = {name: read(name).count("\n") for name in files(".rs") if not name.startswith(GENERATED)}
        self.assertGreater(len(sizes), 20)
        self.none(f"more than {RUST_LINES_MAX} lines", [f"{n}: {s}" for n, s in sizes.items() if s > RUST_LINES_MAX])

    def test_modules_say_what_they_are(self) -> None:
        first = {name: _first_line_of_meaning(read(name)) for name in files(".rs") if Path(name).name != "tests.rs"}
        self.none("begins without //!", [name for name, line in first.items() if not line.startswith("//!")])

    def test_the_core_is_tested_on_wasm_too(self) -> None:
        shadow, excluded = "use wasm_bindgen_test::wasm_bindgen_test as test;", '#![cfg(not(target_family = "wasm"))]'
        core = [name for name in files(".rs") if name.startswith(("crates/kafka-wire/", "crates/kafka-filter/"))]
        tests = [(name, read(name)) for name in core if "#[test]" in read(name)]
        self.assertTrue(tests)
        missing = [name for name, text in tests if shadow not in text and excluded not in text]
        self.none(f"write `{shadow}` for wasm, or say why not and {excluded}", missing)

    def test_the_shell_stays_small(self) -> None:
        size = sum(read(name).count("\n") for name in files(".rs") if name.startswith("src/"))
        self.assertLessEqual(size, SHELL_LINES_MAX, "logic belongs into crates/kafka-filter, where it is tested")


class Texts(Tidy):
    def test_nothing_is_left_to_do(self) -> None:
        mark = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
        self.none("finish it, or write it into an issue", _lines(mark))

    def test_no_path_of_one_machine(self) -> None:
        path = re.compile(r"(?<![\w.$}])/(?:root|work|home/\w+|Users/\w+)/")
        self.none("holds on one machine only", _lines(path))

    def test_urls_lead_to_public_hosts(self) -> None:
        url = re.compile(r"\bhttps?://([A-Za-z0-9.-]+)")
        found = [f"{name}: {host}" for name, text in texts() for host in url.findall(text)
                 if host not in HOSTS and not host.endswith(".example")]  # RFC 2606: nobody's
        self.none("a host that is not in the list of tests/tidy", sorted(set(found)))

    def test_lines_end_clean(self) -> None:
        found = [f"{name}:{number}" for name, text in texts() if name.endswith(OWN)
                 for number, line in enumerate(text.split("\n"), 1) if line != line.rstrip()]
        found += [f"{name}: no newline at the end" for name, text in texts()
                  if name.endswith(OWN) and text and not text.endswith("\n")]
        self.none("white space at the end", found)


class Documents(Tidy):
    def test_links_lead_somewhere(self) -> None:
        found, seen = [], 0
        for name in files(".md"):
            for target in LINK.findall(_without_code(read(name))):
                if re.match(r"[a-z]+:", target):
                    continue
                seen += 1
                path, _, anchor = target.partition("#")
                there = (ROOT / name).parent / path if path else ROOT / name
                if not there.exists():
                    found.append(f"{name}: {target}")
                elif anchor and there.suffix == ".md" and anchor not in _anchors(there.read_text()):
                    found.append(f"{name}: {target}: no such heading")
        self.assertGreater(seen, 10)
        self.none("dead links", found)

    def test_make_targets_exist(self) -> None:
        targets = set(re.findall(r"^([a-z0-9-]+):", read("Makefile"), re.M))
        named = [(name, target) for name, text in texts() if name != "Makefile" and not name.startswith("tests/tidy/")
                 for target in MAKE.findall(text)]
        self.assertGreater(len(named), 5)
        self.none("no such target", sorted({f"{name}: make {to}" for name, to in named if to not in targets}))

    def test_every_target_is_on_the_menu(self) -> None:
        inner = {"setup-demo", "setup-rust", "setup-schemas", "go-is-there"}
        text = read("Makefile")
        phony = {name for line in re.findall(r"^\.PHONY: (.*)", text, re.M) for name in line.split()}
        self.assertEqual(phony - inner, set(re.findall(r"^([a-z0-9-]+):.* ## ", text, re.M)))

    def test_the_code_map_names_modules_that_exist(self) -> None:
        section = re.search(r"^## Code map$(.*?)^## ", read("ARCHITECTURE.md"), re.M | re.S)
        names = ["kafka-wire", "kafka-filter", "kafka-canary", "kafka-gateway-api", "kafka-gateway", "kafka-console",
                 "kafka-console-text", "kafka-operations", "src/"]
        paragraph = rf"^\*\*({'|'.join(names)})\*\*:(.*?)\n\n"
        parts = re.findall(paragraph, section[1] if section else "", re.M | re.S)
        self.assertEqual([name for name, _ in parts], names)
        found = []
        for part, text in parts:
            folder = ROOT / ("src" if part == "src/" else f"crates/{part}/src")
            paths = [name.replace("::", "/") for name in re.findall(r"`([a-z_:]+)`", text)]
            found += [f"{part}: {p}" for p in paths if not list(folder.glob(f"{p}.rs")) + list(folder.glob(f"*/{p}.rs"))]
        self.none("ARCHITECTURE.md names modules that are not there", found)

    def test_the_changelog_has_a_place_for_news(self) -> None:
        self.assertEqual(len(re.findall(r"^## Unreleased$", read("CHANGELOG.md"), re.M)), 1)

    def test_decisions_are_numbered(self) -> None:
        names = [Path(name).name for name in files(".md") if name.startswith("docs/decisions/")]
        numbers = [name[:4] for name in names if name != "README.md"]
        self.assertTrue(all(re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", name) for name in names if name != "README.md"), names)
        self.assertEqual(numbers, [f"{n:04}" for n in range(1, len(numbers) + 1)])


class Crates(Tidy):
    def test_arrows_point_one_way(self) -> None:
        found = []
        for crate, (allowed, banned) in DEPENDENCIES.items():
            direct = set(_tree(crate, depth=1)) - {crate}
            found += [f"{crate} depends on {name}" for name in sorted(direct - allowed)]
            found += [f"{crate} has {name} in its graph" for name in sorted(banned & set(_tree(crate)))]
        self.none("a crate is a set of allowed knowledge", found)

    def test_the_built_filter_has_no_test_tools(self) -> None:
        crates = set(_tree("kafka-filter-wasm", target="wasm32-wasip1"))
        self.assertIn("kafka-wire", crates)
        self.assertFalse(crates & {"wasmtime", "regex", "wasm-bindgen", "tokio"}, crates)

    def test_fuzz_targets_keep_their_own_lock_file(self) -> None:
        self.assertIn("fuzz", tomllib.loads(read("Cargo.toml"))["workspace"]["exclude"])


class Pins(Tidy):
    def test_the_wasm_test_runner_is_the_library_s_own(self) -> None:
        """wasm-bindgen's runner refuses a module made with another version of the library."""
        locked = {p["name"]: p["version"] for p in tomllib.loads(read("Cargo.lock"))["package"]}
        pinned = tomllib.loads(read("tests/lab/versions.toml"))["cargo"]["wasm-bindgen-cli"]
        self.assertEqual(locked.get("wasm-bindgen", pinned), pinned)

    def test_the_toolchain_is_the_one_the_manifest_promises(self) -> None:
        channel = tomllib.loads(read("rust-toolchain.toml"))["toolchain"]["channel"]
        promised = tomllib.loads(read("Cargo.toml"))["workspace"]["package"]["rust-version"]
        self.assertTrue(channel.startswith(promised), f"{channel} is not {promised}")

    def test_the_readme_asks_for_what_setup_asks_for(self) -> None:
        least = tomllib.loads(read("tests/lab/versions.toml"))["prerequisites"]
        told = {name: re.search(rf"\b{word} (\d[\d.]*\d)", read("README.md"))
                for name, word in {"python": "Python", "java": "JDK", "node": r"Node\.js"}.items()}
        self.assertEqual({name: found and found[1] for name, found in told.items()}, {name: least[name] for name in told})

    def test_lock_files_name_public_registries(self) -> None:
        for name in files("Cargo.lock"):
            sources = {p.get("source") for p in tomllib.loads(read(name))["package"]} - {None}
            self.assertLessEqual(sources, {"registry+https://github.com/rust-lang/crates.io-index"}, name)
        for name in files("package-lock.json"):
            packages = json.loads(read(name))["packages"].values()
            hosts = {re.sub(r"^(https?://[^/]+).*", r"\1", p["resolved"]) for p in packages if "resolved" in p}
            self.assertLessEqual(hosts, {"https://registry.npmjs.org"}, name)


def _first_line_of_meaning(text: str) -> str:
    """The first line that is not an inner attribute or empty."""
    for line in text.split("\n"):
        if line.strip() and not line.startswith("#!["):
            return line
    return ""


def _lines(pattern: re.Pattern[str]) -> list[str]:
    return [f"{name}:{number}: {line.strip()[:80]}" for name, text in texts() if not name.startswith("tests/tidy/")
            for number, line in enumerate(text.split("\n"), 1) if pattern.search(line)]


def _tree(crate: str, depth: int = 99, target: str | None = None) -> list[str]:
    """The names in a crate's graph, itself first; what is only for tests is left out."""
    command = ["cargo", "tree", "--locked", "--package", crate, "--edges", "normal", "--prefix", "none",
               "--format", "{p}", "--depth", str(depth), *(["--target", target] if target else [])]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return [line.split()[0] for line in done.stdout.splitlines() if line.strip()]


def _without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))


def _anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them, and those that it sets itself."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M)
    own = set(re.findall(r'^<a id="([a-z0-9-]+)"></a>$', text, re.M))
    return own | {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


OWN = (".rs", ".py", ".md", ".toml", ".yaml", ".yml", ".java", ".js", "Makefile", "run")
LINK = re.compile(r"\]\(<?([^)\s>]+)>?\)")
# In code, and at the start of a command: prose may "make sure" of things.
MAKE = re.compile(r"(?:`|^\s*|\$ )(?:sudo )?make ([a-z][a-z0-9-]*)(?=[`\s;])", re.M)

if __name__ == "__main__":
    unittest.main()
