package resolve_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	. "github.com/coredns-failover/failover/plugin/resolve"
)

// ipOf is an address as it may stand in a record: 4 bytes, 16 or none.
func ipOf(text string) net.IP {
	ip := net.ParseIP(text)
	if strings.Contains(text, ":") || ip == nil {
		return ip
	}
	return ip.To4()
}

// Whatever a reply contains, a look-up ends, and what it takes from the reply
// has the owner that the question or a CNAME has led to.
func FuzzLookup(f *testing.F) {
	q := new(dns.Msg).SetQuestion("a.example.", dns.TypeA)
	for _, test := range lookups {
		for _, text := range test.chain {
			f.Add(packed(says(q, text)), true)
		}
	}
	f.Fuzz(func(t *testing.T, p []byte, fit bool) {
		chain := askFunc(func(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
			m := new(dns.Msg)
			if err := m.Unpack(p); err != nil {
				return nil, err
			}
			if fit { // or the fuzzer would have to find that out each time
				m.Response, m.Question = true, q.Question
			}
			return m, nil
		})
		a, err := Lookup(t.Context(), chain, nil, "a.example.", dns.TypeA)
		if err != nil {
			if strings.Contains(err.Error(), "panic") {
				t.Fatal(err)
			}
			return
		}
		expectOwned(t, a)
	})
}

func expectOwned(t *testing.T, a Answer) {
	t.Helper()
	led := "a.example."
	for _, rr := range a.CNAMEs {
		if !strings.EqualFold(rr.Header().Name, led) {
			t.Fatalf("%v does not follow from %s", rr, led)
		}
		led = rr.(*dns.CNAME).Target
	}
	if !strings.EqualFold(led, a.Name) || len(a.CNAMEs) > 10 || a.TTL < 0 {
		t.Fatalf("ended at %s, %d CNAMEs from %s, TTL %v", a.Name, len(a.CNAMEs), led, a.TTL)
	}
	if slices.ContainsFunc(a.RRs, func(rr dns.RR) bool {
		h := rr.Header()
		return h.Rrtype != dns.TypeA || h.Class != dns.ClassINET || !strings.EqualFold(h.Name, a.Name)
	}) {
		t.Fatalf("%v are not of %s", a.RRs, a.Name)
	}
}
