# What a person does with this module, by name. `make help` lists the targets,
# CONTRIBUTING.md says more. Tools run by `go run tool@version`, so that go.mod
# requires none of them. Everything that is written goes below .cache, except
# docs/api, docs/requirements.md and what the -summary targets name.

ADDR      ?= 127.0.0.1:8080
TLS       ?=
FUZZTIME  ?= 10s
BENCH     ?= .
COUNT     ?= 10
JOBS      ?= 1
PKG       ?= ./...
BASE      ?=
VULN      ?=
SOAK      ?=
QEMU      ?= $(firstword $(foreach q,qemu-aarch64-static qemu-aarch64,$(if $(shell command -v $(q) 2>/dev/null;),$(q))) qemu-aarch64-static)

GOFUMPT     = go run mvdan.cc/gofumpt@v0.9.2
STATICCHECK = go run honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK = go run golang.org/x/vuln/cmd/govulncheck@v1.9.0
BENCHSTAT   = go run golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da

.DEFAULT_GOAL := help
.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-20s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

##: to see it and to test it

.PHONY: demo test race purego test-386 arm64 browser
demo: ## serve the demo page on ADDR (127.0.0.1:8080); TLS=1 for https and wss
	go run ./examples/demo -addr $(ADDR) $(if $(filter-out 0,$(TLS)),-tls)

test: ## run every test of the module, in random order
	go test -shuffle=on ./...

race: ## run every test under the race detector
	go test -race -shuffle=on -timeout 20m ./...

purego: ## run the tests without assembly
	go test -tags purego $(PKG)

test-386: ## run the tests as a 32-bit program
	GOARCH=386 go test $(PKG)

arm64: ## run the tests of mask and frame as an arm64 program, under qemu-user
	GOARCH=arm64 go test -exec $(QEMU) ./mask ./frame

browser: ## run the end-to-end tests in headless Chromium
	cd examples/demo/e2e && go vet ./... && go test -count=1 ./...

##: to run it against others

.PHONY: autobahn autobahn-summary interop interop-summary zlib bench-peers firefox modules
autobahn: ## the Autobahn test suite against the testees, both roles, all 517 cases; JOBS=2 shares it
	go run ./autobahn/cmd/genuine -jobs $(JOBS)

autobahn-summary: ## as autobahn, and write docs/autobahn.md
	go run ./autobahn/cmd/genuine -jobs $(JOBS) -summary docs/autobahn.md

interop: ## other libraries, browsers and proxies, both roles; holds docs/interop.md against it
	cd autobahn/interop && go vet ./... && go test -count=1 ./...

interop-summary: ## as interop, and write docs/interop.md
	cd autobahn/interop && go test -count=1 . -args -summary ../../docs/interop.md

zlib: ## the deflate codec against zlib, through cgo
	cd conn/internal/deflate/zlibtest && go vet ./... && go test ./...

bench-peers: ## the same work on rival libraries, side by side; writes docs/benchmarks.md
	cd bench/peers && go run . -doc ../../docs $(PEERS)

firefox: ## Firefox against the server, compression and ends; needs firefox-esr
	cd autobahn/browsers && go vet ./... && go test -count=1 ./...

modules: ## vet the modules that make check does not reach
	for m in autobahn/peers autobahn/interop autobahn/browsers bench/peers examples/demo/e2e; do \
		(cd $$m && go vet ./...) || exit 1; done

##: to check a change

.PHONY: check fmt vet static vuln layers api api-check requirements requirements-update cover
check: fmt vet static layers api-check requirements vuln ## all of: fmt vet static layers api-check requirements vuln

fmt: ## find files that gofumpt would change
	@files=$$($(GOFUMPT) -l .) && if [ -n "$$files" ]; then \
		echo "run $(GOFUMPT) -w on:"; echo "$$files"; exit 1; fi

# Go has no darwin/386.
PLATFORMS = linux/amd64 linux/arm64 linux/386 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64 windows/386

vet: ## build and vet, tests included, for every kind of machine, with and without assembly
	@for p in $(PLATFORMS); do for tags in '' purego; do \
		case $$p-$$tags in *386-purego) continue;; esac; \
		echo "build and vet for $$p $$tags"; \
		export GOOS=$${p%/*} GOARCH=$${p#*/}; \
		go build -tags "$$tags" ./... && go vet -tags "$$tags" ./... || exit 1; \
	done; done

static: ## staticcheck
	$(STATICCHECK) ./...

vuln: ## govulncheck; VULN=required fails where its database cannot be reached
	@GOVULNCHECK="$(GOVULNCHECK)" VULN="$(VULN)" .ci/vuln

layers: ## who may import whom, and what go.mod may say
	go test ./conn -count=1 -run '^(TestLayers|TestLayerRules|TestDependencies|TestModule)$$'

api: ## write docs/api, the exported API as text
	@.ci/api write

api-check: ## compare docs/api with the code
	@.ci/api check

requirements: ## hold docs/requirements.md against a run of the tests
	@.ci/requirements

requirements-update: ## as requirements, and write the tests' names into it
	@.ci/requirements -update

cover: ## coverage of each package by its own tests: mask, frame, handshake 100 %, conn 95 %
	@.ci/cover mask=100 frame=100 handshake=100 conn=95

##: to look deeper

.PHONY: fuzz fuzz-long soak bench benchcmp
fuzz: ## run each fuzz target for FUZZTIME (10s); PKG=./frame for one package
	@FUZZTIME=$(FUZZTIME) .ci/fuzz $(PKG)

fuzz-long: ## run each fuzz target for ten minutes
	@FUZZTIME=10m .ci/fuzz $(PKG)

soak: ## 10,000 connections and 2,000 more a second for ten minutes: what grows, is left, or lost; SOAK='-time 30s -conns 2000'
	go run ./bench/soak $(SOAK)

bench: ## run the benchmarks; BENCH=regexp and PKG=./mask choose
	go test -run '^$$' -bench '$(BENCH)' -benchmem $(PKG)

benchcmp: ## compare the benchmarks with those of BASE=ref, COUNT (10) runs each
	@BENCHSTAT="$(BENCHSTAT)" BENCH='$(BENCH)' COUNT=$(COUNT) .ci/benchcmp "$(BASE)" $(PKG)
