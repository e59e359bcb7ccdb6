# `make` or `make help` lists the targets. Every target that needs more than Go
# calls deploy/setup.sh first, which installs what is missing and is silent and
# quick when nothing is.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c

GOLANGCI_LINT_VERSION := v2.15.0

# Tools and, on machines without root, the Postgres binaries live here.
CODEX_CACHE_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/codex
export CODEX_CACHE_DIR
export PATH := $(PATH):$(CODEX_CACHE_DIR)/postgres/bin

BINARY    := bin/codex
LINTER    := $(CODEX_CACHE_DIR)/bin/golangci-lint-$(GOLANGCI_LINT_VERSION)/golangci-lint
PACKAGES  ?= ./...
# TESTFLAGS is for one run: make test TESTFLAGS='-run TestRefund -v'
TESTFLAGS ?=
FUZZTIME  ?= 5s
BENCH     ?= .
# CHAOS is long or short; FAULTS=kill-relay,stop-edge runs these only. CHAOSFLAGS: bin/chaos -help
CHAOS     ?= long
FAULTS    ?=
CHAOSFLAGS ?=

.PHONY: help
help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: setup-run build ## start the whole platform on this machine (data in .codex)
	exec $(BINARY) up

.PHONY: build
build: ## build bin/codex
	go build -o $(BINARY) ./cmd/codex

.PHONY: test
test: setup-test ## unit, property and integration tests with the race detector
	CGO_ENABLED=1 go test -race -timeout 20m $(TESTFLAGS) $(PACKAGES)

# Packages whose tests, directly or not, start no server and no ffmpeg.
WITHOUT_SERVERS = go list -e -test -f '{{.ImportPath}} {{join .Deps " "}}' $(PACKAGES) | \
	awk '$$1 ~ /\.test$$/ && !/deploy\/embedded|media\/ffmpeg/ { sub(/\.test$$/, "", $$1); print $$1 }'

.PHONY: test-short
test-short: ## the tests that start no servers, without the race detector: seconds once compiled
	packages=$$($(WITHOUT_SERVERS)) && go test -short $(TESTFLAGS) $$packages
	go test -short -run 'Rule|Guides|Readme|TopLevel|Packages|Current' $(TESTFLAGS) ./cmd/codex

.PHONY: test-docker
test-docker: setup-test ## the integration tests against Postgres and NATS in containers
	deploy/testimages/with-docker.sh deploy/testimages/test.sh $(TESTFLAGS)

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (5s)
	@deploy/fuzz.sh $(FUZZTIME)

.PHONY: bench
bench: setup-run ## run the benchmarks (BENCH=pattern)
	go test -run '^$$' -bench '$(BENCH)' -benchmem $(TESTFLAGS) $(PACKAGES)

.PHONY: demo
demo: setup-run build ## run the demonstration, codex demo
	$(BINARY) demo

.PHONY: chaos
chaos: setup-test build ## break an installation of real processes under load (CHAOS=short, FAULTS=kill-relay)
	go build -o bin/chaos ./deploy/chaos
	bin/chaos -codex $(BINARY) -form $(CHAOS) -faults '$(FAULTS)' $(CHAOSFLAGS)

.PHONY: scan
scan: ## known vulnerabilities, the SBOM with its licences, secrets in files
	@GOFLAGS= deploy/scan.sh

.PHONY: lint
lint: $(LINTER) ## formatting (gofumpt, imports), go vet and the linters of .golangci.yml
	@status=0; $(LINTER) fmt --diff || status=1; $(LINTER) run || status=1; exit $$status

.PHONY: fmt
fmt: $(LINTER) ## format the code with gofumpt and sort its imports
	$(LINTER) fmt

.PHONY: contract
contract: ## generate events/asyncapi.json from the registry of events
	go run ./cmd/codex events schema > events/asyncapi.json.new
	mv events/asyncapi.json.new events/asyncapi.json

# The module proxy brings the source, checked against the checksum database;
# the first build takes some minutes, later runs find the binary.
$(LINTER):
	GOBIN=$(@D) GOFLAGS= go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)

.PHONY: setup-run setup-test
setup-run:
	@deploy/setup.sh run
setup-test:
	@deploy/setup.sh test

.PHONY: clean
clean: ## remove what was built; the data directory .codex stays
	rm -rf bin
	go clean -testcache
