package failover

import (
	"maps"
	"slices"
	"testing"

	"github.com/coredns-failover/failover/plugin/status"

	"github.com/prometheus/client_golang/prometheus"
)

// scraped returns how many samples each metric of a scrape has, which a registry
// finds nothing wrong with that compares each of them with its description.
func scraped(t testing.TB) map[string]int {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector{})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	samples := make(map[string]int)
	for _, family := range families {
		samples[family.GetName()] = len(family.GetMetric())
	}
	return samples
}

func TestScrapeIsAsDescribed(t *testing.T) {
	s := steered{run(t, "example.org:0 {\n bind 127.0.0.1\n"+
		" failover www.example.org {\n"+twoTiers(listener(t), "failback manual")+"\n }\n"+
		" failover alias.example.org {\n primary elsewhere.example.org\n check none\n }\n}\n")}
	s.awaitVerdict()
	s.must("drain", status.Action{Target: "127.0.0.2"})

	samples := scraped(t)
	want := map[string]int{
		"checks": 1, "checks_broken": 1, "watched_connections": 1, "guard_state": 5, "configuration_info": 1,
		"answers_total": 3 + 2, "record_active_tier": 2 + 2, "record_state": 5 + 5, "record_held": 2,
		"target_healthy": 2 + 1, "target_addresses": 2 + 1, "target_addresses_healthy": 2 + 1,
		"target_transitions_total": 4 + 2, "target_last_probe_age_seconds": 1, "target_forced": 1,
		"target_resolved": 1, "target_resolve_silent_seconds": 1,
	}
	for metric, n := range want {
		if got := samples["coredns_failover_"+metric]; got != n {
			t.Errorf("%d samples of %s, want %d", got, metric, n)
		}
	}
	if len(samples) != len(want) {
		t.Errorf("metrics are %q, want those and no more", slices.Sorted(maps.Keys(samples)))
	}
}

// Samples about the same thing share their labels: a scrape makes a few objects for
// each, of which the registry makes most.
func TestAllocationsOfAScrape(t *testing.T) {
	handlerOf(t, manyRecords(1000)).serve(t)
	total := 0
	for _, n := range scraped(t) {
		total += n
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{})
	all := testing.AllocsPerRun(10, func() { _, _ = registry.Gather() })
	if each := all / float64(total); each > 7 {
		t.Errorf("%.1f allocations for each of %d samples, want at most 7", each, total)
	}
}

// BenchmarkScrape is what a scrape costs with 10,000 records.
func BenchmarkScrape(b *testing.B) {
	handlerOf(b, manyRecords(10000)).serve(b)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := registry.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}
