package corefile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/caddy/caddyfile"

	"github.com/coredns-failover/failover/plugin/corefile"
)

// BenchmarkParse: the time per record must not grow with their number.
func BenchmarkParse(b *testing.B) {
	for _, records := range []int{1_000, 10_000} {
		b.Run(fmt.Sprint(records, " records"), func(b *testing.B) {
			benchmark(b, manyRecords(records), records)
		})
	}
	b.Run("10000 names of one record", func(b *testing.B) {
		benchmark(b, oneRecord(10_000, 1, 1), 10_000)
	})
	b.Run("1 record with 10000 targets and checks", func(b *testing.B) {
		benchmark(b, oneRecord(1, 10_000, 10_000), 10_000)
	})
}

func benchmark(b *testing.B, text string, parts int) {
	servers, err := caddyfile.Parse("Corefile", strings.NewReader(text), nil)
	if err != nil {
		b.Fatal(err)
	}
	tokens := servers[0].Tokens["failover"]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := corefile.Parse(slices.Values(tokens), []string{"example.org."}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*parts), "ns/part")
}

// manyRecords is a Corefile as a generator would write it.
func manyRecords(n int) string {
	var text strings.Builder
	text.WriteString("example.org {\n")
	for i := range n {
		fmt.Fprintf(&text, "failover r%d.example.org {\n", i)
		fmt.Fprintf(&text, "primary 10.%d.%d.1\nsecondary 10.%d.%d.2\n", i/256, i%256, i/256, i%256)
		text.WriteString("check https /healthz {\nport 8443\ninterval 5s\nheader X-Probe dns\n}\ncheck tcp 22\nttl 10s\n}\n")
	}
	text.WriteString("}\n")
	return text.String()
}

func oneRecord(names, targets, checks int) string {
	var text strings.Builder
	text.WriteString("example.org {\nfailover")
	for i := range names {
		fmt.Fprintf(&text, " r%d.example.org", i)
	}
	text.WriteString(" {\n")
	for i := range targets {
		fmt.Fprintf(&text, "primary 10.0.%d.%d\n", i/256, i%256)
	}
	for i := range checks {
		fmt.Fprintf(&text, "check tcp %d\n", i+1)
	}
	text.WriteString("}\n}\n")
	return text.String()
}
