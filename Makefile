# `make help` lists the targets. Go and make are all that is needed, but where a
# target says what else: the rest comes from the Go module proxy, as tools/go.mod
# pins it.

GO       ?= go
FUZZTIME ?= 30s
# What probing, switching and answering are made of: it takes a few minutes.
BENCH    ?= ^Benchmark(ServeDNS|OtherNames|Update|Resolving|Choose|Decide|Probe|IdleCheck|Parse|Lookup|Scrape|Verdict)
COVERAGE := 90
# The race detector needs a C compiler; without one the tests run all the same.
# Of cmd/coredns, all packages would be compiled once more with its profile.
PLAIN    := -pgo=off
RACE     := $(if $(shell command -v $$($(GO) env CC)),-race)

SOURCES := $(shell find *.go cmd plugin -type f -not -name '*_test.go' -not -path '*/testdata/*') go.mod go.sum

.PHONY: all
all: build/coredns build/failoverctl ## build CoreDNS with failover, and failoverctl, in build/

build/coredns build/failoverctl build/demo: build/%: $(SOURCES)
	$(GO) build -o $@ ./cmd/$*

# As others build it who have no profile.
build/coredns-plain: $(SOURCES)
	$(GO) build $(PLAIN) -o $@ ./cmd/coredns

.PHONY: demo
demo: build/coredns build/demo ## see a failover on 127.0.0.1:1053 (ONCE=1: without a person)
	@build/demo $(if $(ONCE),-once)

.PHONY: test
test: ## run every test with the race detector, and check the coverage of plugin/...
	@mkdir -p build
	@$(if $(RACE),,echo 'There is no C compiler, so the race detector is off.')
	$(GO) test $(RACE) $(PLAIN) -timeout 30m -coverpkg=./plugin/... -coverprofile=build/cover.out ./...
	@$(GO) tool cover -func=build/cover.out | awk '/^total:/ { covered = $$3 + 0 } \
		END { print "coverage of plugin/...: " covered "%, at least $(COVERAGE)% wanted"; exit covered < $(COVERAGE) }'

.PHONY: test-kubernetes
test-kubernetes: ## test as the DNS of a cluster, with a real API server (Linux; ten minutes the first time)
	$(GO) test -C test/kubernetes -count=1 -timeout 30m ./...

.PHONY: lint
lint: build/golangci-lint ## run golangci-lint, gofumpt included
	GOFLAGS='$(GOFLAGS) $(PLAIN)' build/golangci-lint run ./...

.PHONY: fmt
fmt: build/golangci-lint ## format the code as lint wants it
	build/golangci-lint fmt ./...

.PHONY: bench
bench: build/coredns build/benchstat ## run benchmarks (BENCH=regexp) beside the figures kept: compare those of one cpu only
	FAILOVER_COREDNS=$(CURDIR)/build/coredns $(GO) test $(PLAIN) \
		-run '^$$' -bench '$(BENCH)' -benchmem -benchtime 200ms -count 6 ./... >build/bench.txt || (cat build/bench.txt; exit 1)
	build/benchstat bench/baseline.txt build/bench.txt

.PHONY: bench-once
bench-once: ## run every benchmark of the plugin once: none of them is broken
	$(GO) test $(RACE) $(PLAIN) -run '^$$' -bench . -benchtime 1x . ./plugin/...

.PHONY: bench-baseline
bench-baseline: ## keep the figures of the last "make bench" in bench/baseline.txt, to be committed
	grep -E '^(goos|goarch|pkg|cpu|Benchmark)' build/bench.txt >bench/baseline.txt

.PHONY: pgo
pgo: build/coredns ## make cmd/coredns/default.pgo anew, for which nothing else may run (needs dnsperf)
	bench/pgo.sh

build/peers: $(shell find bench -name '*.go') go.mod go.sum
	$(GO) build -o $@ ./bench/peers

.PHONY: bench-peers
bench-peers: build/coredns build/coredns-plain build/peers ## measure beside gdnsd and HAProxy into bench/RESULTS.md (PEERS=flags; says what it needs)
	build/peers $(PEERS)

.PHONY: bench-plot
bench-plot: ## plot bench/start.tsv, which bench-peers writes, as bench/start.svg (needs gnuplot)
	gnuplot bench/start.gp

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME=30s
	@grep -r --include='*_test.go' '^func Fuzz' . | sed -E 's|^(.*)/[^/]*:func (Fuzz[A-Za-z0-9_]*).*|\1 \2|' | \
	while read -r package target; do \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package" || exit 1; \
	done

.PHONY: man
man: build/go-md2man ## make man/coredns-failover.7 from README.md, from its section Name on
	@mkdir -p man
	(echo '% "COREDNS-FAILOVER" 7 "" "CoreDNS" "CoreDNS Plugins"'; echo; \
		awk '/^## / { $$0 = toupper($$0) } /^## NAME/ { named = 1 } named' README.md) | \
		build/go-md2man > man/coredns-failover.7

build/golangci-lint: tools/go.mod tools/go.sum
	$(GO) build -C tools -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

build/benchstat: tools/go.mod tools/go.sum
	$(GO) build -C tools -o ../$@ golang.org/x/perf/cmd/benchstat

build/go-md2man: tools/go.mod tools/go.sum
	$(GO) build -C tools -o ../$@ github.com/cpuguy83/go-md2man/v2

.PHONY: clean
clean: ## remove what was built
	rm -rf build

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s %s\n", $$1, $$2 }' Makefile
