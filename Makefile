# What a person does with this module, by name. `make help` lists the targets, and
# CONTRIBUTING.md says more. Tools run by `go run tool@version`, so that go.mod
# requires none of them. What is written goes below .cache, except docs/api,
# docs/requirements.md, docs/benchmarks.md, the pictures and what the -summary targets name.

ADDR      ?= 127.0.0.1:8080
TLS       ?=
HTTP3     ?=
CLUSTERPORT ?= 8090
FUZZTIME  ?= 10s
BENCH     ?= .
COUNT     ?= 10
JOBS      ?= 1
PKG       ?= ./...
BASE      ?=
BENCHTIME ?= 1s
VULN      ?=
SOAK      ?=
MILLION   ?=
VERSION   ?=
QEMU      ?= $(firstword $(foreach q,qemu-aarch64-static qemu-aarch64,$(if $(shell command -v $(q) 2>/dev/null;),$(q))) qemu-aarch64-static)

GOFUMPT     = go run mvdan.cc/gofumpt@v0.9.2
STATICCHECK = go run honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK = go run golang.org/x/vuln/cmd/govulncheck@v1.9.0
ACTIONLINT  = go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
BENCHSTAT   = go run golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da

# The modules below the root, and those whose tests no target of their own runs.
MODULES  = $(patsubst %/go.mod,%,$(shell git ls-files '*/go.mod'))
TESTED   = conn/fasthttp conn/otel conn/prometheus examples/graphql examples/metrics examples/middleware \
           examples/mqtt examples/ssh

.DEFAULT_GOAL := help
.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-20s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

##: to see it and to test it

.PHONY: demo page test explore race purego test-386 arm64 js browser
demo: ## serve the demo page on ADDR (127.0.0.1:8080); TLS=1 for https and wss, HTTP3=1 for HTTP/3 too
	cd examples/demo$(if $(filter-out 0,$(HTTP3)),/http3) && go run . -addr $(ADDR) $(if $(filter-out 0,$(TLS)),-tls)

.PHONY: cluster brokers brokers-long
cluster: ## run a chat on three nodes with NATS in them, on CLUSTERPORT (8090) and the ports after it
	cd examples/cluster && go build -o ../../.cache/cluster . && exec ../../.cache/cluster -port $(CLUSTERPORT)

test: ## run every test of the module, in random order
	go test -shuffle=on -timeout 20m ./...

explore: ## walk every order of events of the machines for sending, ending and topics, some minutes; make test walks the short ones
	go test -v -count=1 -timeout 60m -run '^TestExplore$$' ./conn/internal/outbox ./conn/internal/ending ./conn/hub -args -explore

race: ## run every test under the race detector
	go test -race -shuffle=on -timeout 20m ./...

# What the tags and the word size can change: what users import, and what tests it as a whole.
CORE = ./mask ./frame ./handshake ./conn/... ./autobahn

purego: ## run the tests of mask and frame without assembly; a 32-bit program has none in any package
	go test -tags purego ./mask ./frame

test-386: ## run the tests as a 32-bit program
	GOARCH=386 go test -timeout 20m $(CORE)

arm64: ## run the tests of mask and frame as an arm64 program, under qemu-user
	GOARCH=arm64 go test -exec $(QEMU) ./mask ./frame

js: ## run the tests of Go in the browser: in headless Chromium, over both kinds of socket, and in Node.js
	cd conn/internal/browser/e2e && go vet ./... && go test -count=1 ./...

page: ## as demo, and serve a page at /go/ whose client is written in Go
	@mkdir -p .cache/page
	GOOS=js GOARCH=wasm go build -ldflags='-s -w' -o .cache/page/client.wasm ./examples/page
	@cp "$$(go env GOROOT)/lib/wasm/wasm_exec.js" examples/page/index.html examples/page/start.js .cache/page
	go run ./examples/demo -addr $(ADDR) $(if $(filter-out 0,$(TLS)),-tls) -go .cache/page

browser: ## run the end-to-end tests in headless Chromium, and that of hub's client for browsers
	cd examples/demo/e2e && go vet ./... && go test -count=1 ./...
	cd examples/cluster && go vet ./... && go test -count=1 -run '^TestClient$$' .

brokers: ## run the tests of conn/hub/nats and conn/hub/redis, two minutes; the latter needs redis-server
	for m in nats redis; do (cd conn/hub/$$m && go vet ./... && go test -count=1 -parallel 4 ./...) || exit 1; done

brokers-long: ## as brokers, with 100,000 messages while servers, nodes and connections break, and the race detector; ten minutes
	for m in nats redis; do (cd conn/hub/$$m && go test -race -count=1 -parallel 4 -timeout 30m ./... -args -messages 100000) || exit 1; done
	cd examples/cluster && go test -count=1 ./...

##: to run it against others

.PHONY: autobahn autobahn-summary corpus corpus-all corpus-update interop interop-summary interop-all interop-all-summary
.PHONY: h3 h3-race h3-bench zlib bench-peers plot firefox gorilla gorilla-apps ws pictures modules examples
autobahn: ## run the Autobahn test suite against the testees, both roles, all 517 cases; JOBS=2 shares it
	go run ./autobahn/cmd/genuine -jobs $(JOBS)

autobahn-summary: ## as autobahn, and write docs/autobahn.md
	go run ./autobahn/cmd/genuine -jobs $(JOBS) -summary docs/autobahn.md

corpus: ## run the conformance corpus against this library; SHIMS="'name=command'" adds others
	go run ./autobahn/cmd/wscorpus 'ours=go run ./autobahn/cmd/corpusshim' $(SHIMS)

corpus-all: ## build the shims of seven other libraries, which takes minutes, and run the corpus against all
	@autobahn/corpus/shims/run

corpus-update: ## write the corpus anew from the catalogues
	go test ./autobahn/internal/generate -args -update

interop: ## run against other libraries, browsers and proxies, both roles; compare docs/interop.md
	cd autobahn/interop && go vet ./... && go test -count=1 -timeout 20m ./...

interop-summary: ## as interop, and write the first table of docs/interop.md
	cd autobahn/interop && go test -count=1 -timeout 20m . -args -summary ../../docs/interop.md

interop-all: ## as interop, and the peers that take long to build (Java, Rust)
	cd autobahn/interop && go vet ./... && go test -count=1 -timeout 40m . -args -all

interop-all-summary: ## as interop-all, and write both tables of docs/interop.md
	cd autobahn/interop && go test -count=1 -timeout 40m . -args -all -summary ../../docs/interop.md

h3: ## test WebSockets over HTTP/3, a module of its own; both catalogues in a minute
	cd conn/h3 && go vet ./... && go test -shuffle=on -timeout 10m ./...

h3-race: ## as h3, under the race detector
	cd conn/h3 && go test -race -shuffle=on -timeout 20m ./...

h3-bench: ## compare HTTP/3 with HTTP/2 and HTTP/1.1 over TLS; the plots of docs/http3.md are its figures
	cd conn/h3 && go test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 30m .

zlib: ## test the deflate codec against zlib, through cgo
	cd conn/internal/deflate/zlibtest && go vet ./... && go test ./...

bench-peers: ## do the same work with rival libraries, side by side; write docs/benchmarks.md and README's plot
	cd bench/peers && go run . -doc ../../docs $(PEERS)

plot: ## draw README's plot again, from the figures of the last bench-peers
	cd bench/peers && go run . -overview ../../docs

firefox: ## run Firefox against the server, compression and ends; needs firefox-esr
	cd autobahn/browsers && go vet ./... && go test -count=1 ./...

gorilla: ## compare conn/gorilla with gorilla/websocket: the API, the meaning, random programs, and suites of light ones
	cd conn/gorilla/replace && go vet ./... && cd ../compare && go vet ./... && go test -count=1 -timeout 20m ./...

gorilla-apps: ## as gorilla, and the suites that take long (go-socket.io, client-go, go-ethereum, slack, gqlgen, remotedialer)
	cd conn/gorilla/compare && go vet ./... && go test -count=1 -timeout 60m . -args -all

ws: ## run the tests of the ws command, some of them in a terminal
	cd cmd/ws && go vet ./... && go test -count=1 ./...

pictures: ## make the pictures of README.md and docs; all but those of the guide need Chromium or prometheus
	go test -count=1 -run TestPictures ./conn/internal/docs -args -picture
	cd examples/demo/e2e && go test -count=1 -run TestPicture . -args -picture
	cd cmd/ws && go test -count=1 -run TestPicture . -args -picture
	cd conn/internal/browser/e2e && go test -count=1 -run TestExample . -args -picture
	cd examples/metrics && go test -count=1 -run TestDashboard . -args -picture

modules: ## vet the modules that make check does not reach; compare README's plot with docs/benchmarks.md
	for m in $(MODULES); do (cd $$m && go vet ./...) || exit 1; done
	cd bench/peers && go vet -tags nbio ./... && go test -count=1 -run '^TestFigures$$' .

examples: ## test the modules below conn, and the examples, that are modules of their own
	for m in $(TESTED); do (cd $$m && go vet ./... && go test -count=1 ./...) || exit 1; done

##: to check a change

.PHONY: check fmt vet static vuln layers api api-check requirements requirements-update cover
check: fmt vet static layers api-check workflows requirements vuln ## run fmt vet static layers api-check workflows requirements vuln

fmt: ## find files that gofumpt would change
	@files=$$($(GOFUMPT) -l .) && if [ -n "$$files" ]; then \
		echo "run $(GOFUMPT) -w on:"; echo "$$files"; exit 1; fi

# Go has no darwin/386.
PLATFORMS = linux/amd64 linux/arm64 linux/386 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64 windows/386

vet: ## build and vet, tests included, for every kind of machine; what has assembly, without it too
	@for p in $(PLATFORMS); do \
		echo "build and vet for $$p"; \
		export GOOS=$${p%/*} GOARCH=$${p#*/}; \
		go build ./... && go vet ./... && go vet -tags purego ./mask ./frame ./internal/cpu || exit 1; \
	done
	@for os in freebsd netbsd openbsd dragonfly solaris; do \
		echo "vet conn for $$os"; GOOS=$$os GOARCH=amd64 go vet ./conn ./conn/internal/loop || exit 1; \
	done
	@echo "build and vet for js/wasm"
	@GOOS=js GOARCH=wasm go vet ./mask ./frame ./handshake ./conn/internal/browser ./examples/page
	@GOOS=js GOARCH=wasm go build ./conn ./conn/hub ./conn/wsjson

static: ## run staticcheck
	$(STATICCHECK) ./...

vuln: ## run govulncheck; VULN=required fails if its database cannot be reached
	@GOVULNCHECK="$(GOVULNCHECK)" VULN="$(VULN)" .ci/vuln

layers: ## check who imports whom, and what go.mod says
	go test ./conn -count=1 -run '^(TestLayers|TestLayerRules|TestDependencies|TestModule)$$'

api: ## write docs/api, the exported API as text
	@.ci/api write

api-check: ## compare docs/api with the code
	@.ci/api check

requirements: ## run the tests and compare docs/requirements.md with what passed
	@.ci/requirements

requirements-update: ## as requirements, and write the tests' names into it
	@.ci/requirements -update

cover: ## coverage of each package by its own tests: mask, frame, handshake 100 %, conn with its rows and wsjson 95 %
	@.ci/cover mask=100 frame=100 handshake=100 conn+conn/rows=95 conn/wsjson=95

##: to publish it

.PHONY: workflows release-check
workflows: ## check the workflows: actionlint, and that they run every part of .ci/run and every fuzz target
	$(ACTIONLINT)
	go test -count=1 -run '^TestWorkflows' ./internal/repository

release-check: ## check that VERSION (v0.1.0) can be released: changelog, API, licences, builds, modules, and a rehearsal
	@GOVULNCHECK="$(GOVULNCHECK)" VULN="$(VULN)" .ci/release "$(VERSION)"

##: to look deeper

.PHONY: fuzz fuzz-long loop loop-long million soak bench benchcmp
fuzz: ## run each fuzz target for FUZZTIME (10s); PKG=./frame for one package
	@FUZZTIME=$(FUZZTIME) .ci/fuzz $(PKG)

fuzz-long: ## run each fuzz target for ten minutes
	@FUZZTIME=10m .ci/fuzz $(PKG)

loop: ## run the tests of conn and of the requirements once more with an event loop
	go test -count=1 -timeout 20m ./conn ./conn/rows -args -loop

loop-long: ## run both catalogues with an event loop, over TCP and TLS, 200,000 connections that come and go under the race detector, and 10,000 whose peers do not read
	go test -count=1 -timeout 30m -run '^(TestServer|TestClient)$$' ./autobahn -args -loop
	go test -race -count=1 -timeout 30m -run '^TestSuccessors$$' ./conn/internal/loop -args -long
	go test -count=1 -timeout 30m -v -run '^TestLoopGoroutines$$' ./conn -args -loop-peers 10000

million: ## measure idle connections in an event loop: see docs/million.md; MILLION='-conns 100000 -tls'
	go run ./bench/million $(MILLION)

soak: ## hold 10,000 connections, 2,000 more a second, for ten minutes: nothing may grow, be left or be lost; SOAK='-time 30s -conns 2000'
	go run ./bench/soak $(SOAK)

bench: ## run the benchmarks; BENCH=regexp and PKG=./mask choose
	go test -run '^$$' -bench '$(BENCH)' -benchmem $(PKG)

benchcmp: ## compare the benchmarks with those of BASE=ref, COUNT (10) runs of BENCHTIME (1s) each
	@BENCHSTAT="$(BENCHSTAT)" BENCH='$(BENCH)' BENCHTIME=$(BENCHTIME) COUNT=$(COUNT) .ci/benchcmp "$(BASE)" $(PKG)
