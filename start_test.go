package failover

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coredns-failover/failover/bench/rig"

	"github.com/coredns/caddy"
)

// alike is a server block with records of two targets each, all of which have an
// address, and so a check, of their own.
func alike(records int, check string) string {
	var b strings.Builder
	b.WriteString("example.org:0 {\n bind 127.0.0.1\n")
	for n := range records {
		fmt.Fprintf(&b, " failover n%d.example.org {\n  primary 127.1.%d.%d\n  secondary 127.2.%d.%d\n",
			n, n/250, n%250+1, n/250, n%250+1)
		fmt.Fprintf(&b, "  check %s {\n   interval 1h\n  }\n }\n", check)
	}
	b.WriteString("}\n")
	return b.String()
}

// held returns how much of the heap an instance holds.
func held(tb testing.TB, corefile string) (bytes int) {
	tb.Helper()
	during(tb, alike(1, "tcp 9"), func() {}) // since caddy holds the last instance until there is another
	before := rig.Heap()
	during(tb, corefile, func() { bytes = rig.Heap() - before })
	return bytes
}

// during does something while an instance serves.
func during(tb testing.TB, corefile string, do func()) {
	tb.Helper()
	instance, err := caddy.Start(input(corefile))
	if err != nil {
		tb.Fatal(err)
	}
	defer stop(tb, instance)
	served(tb, instance)
	do()
}

// A record with two checks holds 2,110 bytes, and 2,690 where its checks are like no
// other's, as those of http are, whose host is the record's name. Where the tokens of the
// Corefile stay alive it is 1,000 more, and where each record has a copy of its checks 400.
func TestARecordHoldsLittle(t *testing.T) {
	const records = 2000
	for check, most := range map[string]int{"tcp 9": 2_300, "http /healthz": 2_900} {
		if per := held(t, alike(records, check)) / records; per > most {
			t.Errorf("a record with two checks %s holds %d bytes, want at most %d", check, per, most)
		}
	}
}

// BenchmarkStart reads a Corefile and starts to probe. What a record holds must not
// grow with their number, nor the time that it takes.
func BenchmarkStart(b *testing.B) {
	for _, check := range []string{"tcp 9", "http /healthz"} {
		for _, records := range []int{1_000, 10_000} {
			b.Run(fmt.Sprintf("%s/%d records", strings.Fields(check)[0], records), func(b *testing.B) {
				corefile := alike(records, check)
				b.ReportAllocs()
				bytes := 0
				for b.Loop() {
					bytes = held(b, corefile)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*records), "ns/record")
				b.ReportMetric(float64(bytes)/float64(records), "held-B/record")
			})
		}
	}
}
