package failover

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// BenchmarkScrape is what a scrape costs with 10,000 records.
func BenchmarkScrape(b *testing.B) {
	f := handlerOf(b, manyRecords(10000))
	f.serve(b)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := registry.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}
