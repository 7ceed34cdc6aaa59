package failover

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-failover/failover/internal/eventually"
	"github.com/coredns-failover/failover/plugin/resolve"

	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// answering is a next plugin that has an IPv4 address for every name, good for
// that many seconds.
func answering(ttl uint32) plugin.Handler {
	return plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		m := new(dns.Msg).SetReply(r)
		if q := r.Question[0]; q.Qtype == dns.TypeA {
			m.Answer = []dns.RR{&dns.A{
				Hdr: dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: q.Qclass, Ttl: ttl},
				A:   []byte{192, 0, 2, 1},
			}}
		}
		return dns.RcodeSuccess, w.WriteMsg(m)
	})
}

// aliases is a Corefile of n records with an alias each.
func aliases(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "failover n%d.example.org {\n primary a%d.example.net\n check none\n}\n", i, i)
	}
	return text.String()
}

// BenchmarkResolving is what it costs to resolve an alias once: both families,
// through the handler. Cores is how many of them 10,000 aliases with a TTL of 30
// seconds keep busy, but for their timers.
func BenchmarkResolving(b *testing.B) {
	f := handlerOf(b, aliases(1))
	f.Next = answering(30)
	ask := background{handler: f, alias: &alias{handler: f, targets: slices.Collect(f.records[0].targets.each())}}
	b.ReportAllocs()
	for b.Loop() {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
			if _, err := resolve.Lookup(context.Background(), ask, nil, "a0.example.net.", qtype); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)*10000/30, "cores")
}

// BenchmarkServeDNSWhileResolving compares an answer with and without 10,000
// aliases being resolved in the background, at a TTL of 5 seconds.
func BenchmarkServeDNSWhileResolving(b *testing.B) {
	for _, n := range []int{0, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f := handlerOf(b, strings.Replace(pair, "check http", "check none", 1)+"\n"+aliases(n))
			f.Next = answering(5)
			start(b, f)
			eventually.Grows(b, "all aliases to be resolved", int64(n), func() (resolved int64) {
				for _, r := range f.records {
					if !r.targets[0].unresolved() {
						resolved++
					}
				}
				return resolved
			})
			benchmark(b, f, "www.example.org.", dns.TypeA)
		})
	}
}
