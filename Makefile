# `make help` lists the targets. Go and make are all that is needed: what else
# is used comes from the Go module proxy, as tools/go.mod pins it.

GO       ?= go
FUZZTIME ?= 30s
BENCH    ?= .
COVERAGE := 90
# The race detector needs a C compiler; without one the tests run all the same.
RACE     := $(if $(shell command -v $$($(GO) env CC)),-race)

SOURCES := $(shell find *.go cmd plugin -type f -not -name '*_test.go' -not -path '*/testdata/*') go.mod go.sum

.PHONY: all
all: build/coredns build/failoverctl ## build CoreDNS with failover, and failoverctl, in build/

build/coredns build/failoverctl build/demo: build/%: $(SOURCES)
	$(GO) build -o $@ ./cmd/$*

.PHONY: demo
demo: build/coredns build/demo ## see a failover on 127.0.0.1:1053 (ONCE=1: without a person)
	@build/demo $(if $(ONCE),-once)

.PHONY: test
test: ## run every test with the race detector, and check the coverage of plugin/...
	@mkdir -p build
	@$(if $(RACE),,echo 'There is no C compiler, so the race detector is off.')
	$(GO) test $(RACE) -timeout 30m -coverpkg=./plugin/... -coverprofile=build/cover.out ./...
	@$(GO) tool cover -func=build/cover.out | awk '/^total:/ { covered = $$3 + 0 } \
		END { print "coverage of plugin/...: " covered "%, at least $(COVERAGE)% wanted"; exit covered < $(COVERAGE) }'

.PHONY: test-kubernetes
test-kubernetes: ## test as the DNS of a cluster, with a real API server (Linux; ten minutes the first time)
	$(GO) test -C test/kubernetes -count=1 -timeout 30m ./...

.PHONY: lint
lint: build/golangci-lint ## run golangci-lint, gofumpt included
	build/golangci-lint run ./...

.PHONY: fmt
fmt: build/golangci-lint ## format the code as lint wants it
	build/golangci-lint fmt ./...

.PHONY: bench
bench: build/coredns ## run the benchmarks (BENCH=regexp)
	FAILOVER_COREDNS=$(CURDIR)/build/coredns $(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./...

build/peers: $(shell find bench -name '*.go') go.mod go.sum
	$(GO) build -o $@ ./bench/peers

.PHONY: bench-peers
bench-peers: build/coredns build/peers ## measure beside gdnsd and HAProxy into bench/RESULTS.md (PEERS=flags)
	build/peers $(PEERS)

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

build/go-md2man: tools/go.mod tools/go.sum
	$(GO) build -C tools -o ../$@ github.com/cpuguy83/go-md2man/v2

.PHONY: clean
clean: ## remove what was built
	rm -rf build

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s %s\n", $$1, $$2 }' Makefile
