# The menu: every command is here, its logic in a script, a test or a crate. `make` lists the targets.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

PYTHON ?= python3
CARGO ?= cargo
GO ?= go
DURATION ?= 0
FUZZ_SECONDS ?= 60

LAB := $(PYTHON) tests/lab/lab.py
LAB_FOLDER := $(abspath $(or $(KAFKA_FILTER_LAB),.lab))
TARGET_FOLDER := $(abspath $(or $(CARGO_TARGET_DIR),target))

# What is built and tested natively; the shell and the benchmark's filters exist for wasm alone.
NATIVE := -p kafka-wire -p kafka-filter -p kafka-schema-gen -p kafka-bench
# With the profile that ships: OpenSSL and librdkafka, which they are linked with, take minutes for each profile.
TOOLS := --release -p kafka-canary -p kafka-gateway -p kafka-gateway-api -p kafka-operations -p kafka-console \
	-p kafka-console-text
WASM := -p kafka-filter-wasm -p kafka-bench-filters
# A small host that runs the built module.
WASM_HOST := -p kafka-filter-wasm-tests
# The crates whose tests run once more where usize has 32 bits.
CORE := -p kafka-wire -p kafka-filter

# A workspace of its own: see fuzz/Cargo.toml.
FUZZ := --manifest-path fuzz/Cargo.toml

# The console's pages, which its program carries inside.
WEB := crates/kafka-console/web
NPM := npm --prefix $(WEB) --no-audit --no-fund

# A program of the workspace in dist/, replaced at once: one that runs goes on with the old file. All are selected, so that
# its libraries have the features that they are tested with, and are compiled once.
define program
	$(CARGO) build --locked $(TOOLS) --bin $(1)
	@mkdir -p dist
	@cp $(TARGET_FOLDER)/release/$(1) dist/.$(1).new
	@mv dist/.$(1).new dist/$(1)
	@printf 'dist/$(1): %s bytes\n' "$$(wc -c < dist/$(1))"
endef

# Pages for maintainers: private items are in them, so links to these are fine.
DOC := RUSTDOCFLAGS='-D warnings -A rustdoc::private_intra_doc_links' $(CARGO) doc --locked --no-deps --document-private-items

# The demo's own comparisons are tests.
SHORT_DEMO := $(LAB_FOLDER)/venv/bin/python -B tests/demo/demo.py --duration 8

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^## / {printf "\n%s\n", substr($$0, 4)} \
	  /^[a-z0-9-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

## Use

.PHONY: wasm
wasm: ## build dist/kafka_filter.wasm
	CARGO="$(CARGO)" $(PYTHON) -B release/wasm.py build

.PHONY: canary
canary: ## build dist/kafka-canary (compiles librdkafka and OpenSSL the first time: minutes)
	$(call program,kafka-canary)

.PHONY: gateway
gateway: ## build dist/kafka-gateway (the same libraries)
	$(call program,kafka-gateway)

.PHONY: console
console: export KAFKA_CONSOLE_PAGES_REQUIRED = 1
console: web ## build dist/kafka-console, with its pages inside (compiles OpenSSL the first time: minutes)
	$(call program,kafka-console)

.PHONY: demo
demo: setup-demo wasm console ## watch real traffic through real Envoy, here and in a browser (DURATION=20 ends by itself)
	@$(LAB_FOLDER)/venv/bin/python -B tests/demo/demo.py --duration $(DURATION)

.PHONY: demo-canary
demo-canary: setup-demo canary ## watch the canary probe three real brokers while one is frozen, about 90 seconds
	@$(LAB_FOLDER)/venv/bin/python -B tests/demo/watch_canary.py

.PHONY: demo-gateway
demo-gateway: setup-demo gateway ## requests of each kind to a real broker, which is stopped for a while, under a minute
	@$(LAB_FOLDER)/venv/bin/python -B tests/demo/watch_gateway.py

## Test

.PHONY: test
test: setup check test-unit test-wasm test-lanes ## everything: sets up, checks, and runs all tests

.PHONY: check
check: setup-rust $(WEB)/node_modules/.package-lock.json ## formatting, lints, documentation, licences, generated files, house rules
	$(CARGO) fmt --all --check
	$(CARGO) fmt $(FUZZ) --check
	$(CARGO) clippy --locked --all-targets $(NATIVE) $(WASM_HOST) -- -D warnings
	$(CARGO) clippy --locked --all-targets $(TOOLS) -- -D warnings
	$(CARGO) clippy --locked --target wasm32-wasip1 $(WASM) -- -D warnings
	$(CARGO) clippy --locked --all-targets $(FUZZ) -- -D warnings
	$(DOC) $(NATIVE)
	$(DOC) $(TOOLS)
	$(DOC) --target wasm32-wasip1 $(WASM)
	$(LAB_FOLDER)/cargo/bin/cargo-deny --locked --workspace check bans licenses sources
	$(CARGO) test --locked -p kafka-filter --test generated
	$(CARGO) test --locked $(TOOLS) --test generated
	$(CARGO) test --locked -p kafka-schema-gen --test drift
	$(NPM) run lint
	$(NPM) run types
	$(PYTHON) -B -m unittest discover -s tests/demo
	$(PYTHON) -B -m unittest discover -s tests/tidy

.PHONY: test-unit
test-unit: setup-schemas $(WEB)/node_modules/.package-lock.json ## rules of each module, every API and version, and the laws on known hostile input
	$(CARGO) test --locked $(NATIVE)
	$(CARGO) test --locked $(TOOLS)
	$(CARGO) test --locked $(FUZZ)
	$(NPM) test

.PHONY: test-wasm
test-wasm: setup-rust wasm ## the built module, and the core's tests under Node
	$(CARGO) test --locked $(WASM_HOST)
	CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=$(LAB_FOLDER)/cargo/bin/wasm-bindgen-test-runner \
	  $(CARGO) test --locked --target wasm32-unknown-unknown $(CORE)

.PHONY: test-monitoring
test-monitoring: wasm console ## scrape configuration, rules and alerts under a real Prometheus, and promtool
	$(LAB) test-monitoring

.PHONY: test-istio
test-istio: wasm ## the manifests' rules, their blocks in real Envoy, and labels as Istio makes them
	$(LAB) test-istio

.PHONY: test-release
test-release: wasm ## build twice and compare; the image as proxies read it, its registry, the SBOM, the workflows
	$(LAB) test-release

# Not in `make test`: Go is no prerequisite, and Istio takes 3 GB and minutes to build the first time.
.PHONY: test-istiod go-is-there
test-istiod: go-is-there wasm ## the manifests before Istio's own code: istioctl, istiod and the agent; needs Go 1.26
	cd tests/istio/istiod && $(GO) vet . && $(GO) test -count=1 . $(if $(UPDATE_GENERATED),-update)

go-is-there:
	@command -v $(GO) > /dev/null || { echo "$(GO) is missing: install Go 1.26 or later"; exit 1; }

.PHONY: test-e2e
test-e2e: wasm ## real Envoy, Kafka and clients: transparency and exact counts; then the demo
	$(LAB) test-e2e
	$(SHORT_DEMO)

.PHONY: test-canary
test-canary: canary ## the canary against real clusters: faults, scaling, security, what it costs
	$(LAB) test-canary

.PHONY: test-gateway
test-gateway: gateway ## the gateway against real brokers: every status, crashes, outages, full disks, security
	$(LAB) test-gateway

.PHONY: test-console
test-console: wasm console ## the console in a real browser, before real Kafka, Envoy and Prometheus
	$(LAB) test-console

.PHONY: test-lanes
test-lanes: wasm canary gateway console ## the suites from test-monitoring to test-console but test-istiod, two at a time; then the demo
	$(LAB) test-lanes canary,e2e release,console,istio,gateway,monitoring
	$(SHORT_DEMO)

.PHONY: fuzz
fuzz: ## the laws against hostile input, FUZZ_SECONDS (60) for each target
	$(LAB) setup fuzz
	@fuzz/run $(FUZZ_SECONDS)

.PHONY: advisories
advisories: ## whether a dependency has a known advisory; needs the network
	$(LAB) setup cargo-deny
	$(LAB_FOLDER)/cargo/bin/cargo-deny --locked --workspace check advisories

## Deploy

.PHONY: manifests
manifests: ## write dist/istio/ with IMAGE=registry/repository:tag and DIGEST=sha256:...
	$(PYTHON) -B istio/pin.py "$(IMAGE)" "$(DIGEST)"

## Release

.PHONY: dist
dist: wasm ## write dist/release/; with IMAGE=registry/repository also Istio's manifests, pinned to the digest made
	$(PYTHON) -B release/dist.py --image "$(IMAGE)" --source "$(SOURCE)"

.PHONY: push
push: ## push the image of dist/release/ to IMAGE, as REGISTRY_USERNAME with REGISTRY_PASSWORD
	$(PYTHON) -B release/push.py "$(IMAGE)"

.PHONY: canary-image
canary-image: ## write dist/canary/: kafka-canary as one static program, and its image; needs musl-tools
	CARGO="$(CARGO)" $(PYTHON) -B release/canary.py --source "$(SOURCE)"

.PHONY: push-canary
push-canary: ## push the image of dist/canary/ to IMAGE, as `push` does
	$(PYTHON) -B release/push.py "$(IMAGE)" --layout dist/canary/kafka-canary.oci

.PHONY: canary-facts
canary-facts: ## print name=value lines about dist/canary/, for the workflow
	@$(PYTHON) -B release/canary.py --facts --image "$(IMAGE)"

.PHONY: gateway-image
gateway-image: ## write dist/gateway/: kafka-gateway as one static program, and its image; needs musl-tools
	CARGO="$(CARGO)" $(PYTHON) -B release/gateway.py --source "$(SOURCE)"

.PHONY: push-gateway
push-gateway: ## push the image of dist/gateway/ to IMAGE, as `push` does
	$(PYTHON) -B release/push.py "$(IMAGE)" --layout dist/gateway/kafka-gateway.oci

.PHONY: gateway-facts
gateway-facts: ## print name=value lines about dist/gateway/, for the workflow
	@$(PYTHON) -B release/gateway.py --facts --image "$(IMAGE)"

.PHONY: console-image
console-image: web ## write dist/console/: kafka-console as one static program, and its image; needs musl-tools
	CARGO="$(CARGO)" $(PYTHON) -B release/console.py --source "$(SOURCE)"

.PHONY: push-console
push-console: ## push the image of dist/console/ to IMAGE, as `push` does
	$(PYTHON) -B release/push.py "$(IMAGE)" --layout dist/console/kafka-console.oci

.PHONY: console-facts
console-facts: ## print name=value lines about dist/console/, for the workflow
	@$(PYTHON) -B release/console.py --facts --image "$(IMAGE)"

.PHONY: release-check
release-check: ## whether this commit may be released as TAG
	$(PYTHON) -B release/check.py "$(TAG)"

.PHONY: release-facts
release-facts: ## print name=value lines about dist/release/, for the workflow
	@$(PYTHON) -B release/dist.py --facts --image "$(IMAGE)"

## Measure

.PHONY: bench
bench: setup-demo wasm ## what the filter costs, about 15 minutes; writes docs/performance.md
	$(PYTHON) tests/bench/bench.py check
	$(PYTHON) tests/bench/bench.py run --write

.PHONY: bench-quick
bench-quick: setup-demo wasm ## the same in short: for a look, not for figures
	$(PYTHON) tests/bench/bench.py run --quick

.PHONY: bench-groups
bench-groups: setup-demo wasm ## what each group of metrics costs, about 8 minutes; writes docs/performance.md
	$(PYTHON) tests/bench/bench.py groups --write

.PHONY: bench-series
bench-series: setup-demo wasm ## what a series costs Envoy and Prometheus, about two minutes; writes docs/performance.md
	$(PYTHON) tests/bench/bench.py series --write

.PHONY: bench-attack
bench-attack: setup-demo wasm ## a hostile client for DURATION (600) seconds; writes docs/performance.md
	$(PYTHON) tests/bench/bench.py attack --write $(if $(filter-out 0,$(DURATION)),--seconds $(DURATION))

.PHONY: bench-gateway
bench-gateway: gateway ## kafka-gateway under wrk, beside a stand-in for kprf; 10 minutes; writes docs/performance.md
	@$(LAB) setup bench-gateway
	CARGO="$(CARGO)" $(PYTHON) tests/bench/bench.py gateway --write

.PHONY: bench-console
bench-console: console ## kafka-console in a browser, with 1,000 topics and with 10; 4 minutes; writes docs/performance.md
	@$(LAB) setup console
	$(PYTHON) tests/bench/bench.py console --write

## Maintain

.PHONY: setup
setup: ## fetch the pinned Envoy, Kafka, clients and tools into .lab/
	$(LAB) setup

.PHONY: setup-demo setup-rust setup-schemas
setup-demo setup-rust setup-schemas: setup-%:
	@$(LAB) setup $*

# Packages come from the lab's cache: npm asks nobody.
$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json
	@$(LAB) setup web
	$(NPM) ci --offline --ignore-scripts --cache $(LAB_FOLDER)/npm-cache
	@touch $@

.PHONY: web
web: $(WEB)/node_modules/.package-lock.json ## build the console's pages
	$(NPM) run build

.PHONY: pictures
pictures: setup-demo wasm console ## write the pictures of docs/images anew: the console beside the demo's clients
	@$(LAB) setup console
	$(LAB_FOLDER)/venv/bin/python -B tests/console/pictures.py

.PHONY: generate
generate: kafka-tables ## write tables, references, tag rules and dashboards anew; the rest is in CONTRIBUTING.md
	UPDATE_GENERATED=1 $(CARGO) test --locked -p kafka-filter --test generated
	UPDATE_GENERATED=1 $(CARGO) test --locked $(TOOLS) --test generated
	$(PYTHON) envoy/dashboards/source/generate.py

.PHONY: kafka-tables
kafka-tables: setup-schemas ## write the protocol tables anew from the pinned Kafka releases
	$(CARGO) run --locked -p kafka-schema-gen -- $$($(LAB) env --json | $(PYTHON) -c 'import json, sys; env = json.load(sys.stdin); \
	  print("--messages", env["LAB_KAFKA_CURRENT_MESSAGES"], "--messages", env["LAB_KAFKA_PREVIOUS_MESSAGES"])') \
	  --out crates/kafka-wire/src/schema/generated

.PHONY: questions questions-check
questions: setup-demo wasm ## run the queries of docs/questions.md and write their answers anew
	$(LAB_FOLDER)/venv/bin/python -B tests/monitoring/questions.py

questions-check: setup-demo wasm ## run them, and compare the answers' columns and rows with the page
	$(LAB_FOLDER)/venv/bin/python -B tests/monitoring/questions.py --check

.PHONY: doctor
doctor: ## say what is set up and what is missing
	$(LAB) doctor

.PHONY: clean
clean: ## remove what was built; .lab/ stays
	$(CARGO) clean
	rm -rf dist fuzz/target $(WEB)/dist $(WEB)/node_modules
