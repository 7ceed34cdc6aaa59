package failover

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/hosts"
	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"
)

// sink is a writer that does nothing with a reply.
type sink struct{ test.ResponseWriter }

func (*sink) WriteMsg(*dns.Msg) error { return nil }

// hostsHandler is the hosts plugin with one name, as its own setup makes it.
func hostsHandler(b *testing.B) plugin.Handler {
	b.Helper()
	c := caddy.NewTestController("dns", "hosts {\n 192.0.2.1 www.example.org\n}")
	c.ServerBlockKeys = []string{"example.org."}
	setup, err := caddy.DirectiveAction("dns", "hosts")
	if err != nil {
		b.Fatal(err)
	}
	if err := setup(c); err != nil {
		b.Fatal(err)
	}
	h := dnsserver.GetConfig(c).Plugin[0](nil)
	if _, ok := h.(hosts.Hosts); !ok {
		b.Fatalf("hosts is a %T", h)
	}
	return h
}

func benchmark(b *testing.B, h plugin.Handler, qname string, qtype uint16) {
	b.Helper()
	r := new(dns.Msg).SetQuestion(qname, qtype)
	var w dns.ResponseWriter = new(sink)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.ServeDNS(ctx, w, r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkServeDNS compares an answer with that of the hosts plugin in the
// same run.
func BenchmarkServeDNS(b *testing.B) {
	b.Run("hosts", func(b *testing.B) {
		benchmark(b, hostsHandler(b), "www.example.org.", dns.TypeA)
	})
	b.Run("failover", func(b *testing.B) {
		benchmark(b, handlerOf(b, pair), "www.example.org.", dns.TypeA)
	})
	b.Run("failover-AAAA-nodata", func(b *testing.B) {
		benchmark(b, handlerOf(b, pair), "www.example.org.", dns.TypeAAAA)
	})
	b.Run("failover-100000-records", func(b *testing.B) {
		benchmark(b, handlerOf(b, manyRecords(100000)), "n99999.example.org.", dns.TypeA)
	})
	b.Run("failover-8-of-64", func(b *testing.B) {
		var addrs strings.Builder
		for i := range 64 {
			fmt.Fprintf(&addrs, " 192.0.2.%d", i+1)
		}
		f := handlerOf(b, "failover www.example.org {\n primary"+addrs.String()+"\n check http\n limit 8\n}")
		benchmark(b, f, "www.example.org.", dns.TypeA)
	})
}

// manyRecords is a Corefile of n records with two targets each.
func manyRecords(n int) string {
	var s strings.Builder
	for i := range n {
		fmt.Fprintf(&s, "failover n%d.example.org {\n primary 192.0.2.1\n secondary 192.0.2.2\n check http\n}\n", i)
	}
	return s.String()
}

// BenchmarkOtherNames compares what a question for another name costs with
// failover in the chain, and without.
func BenchmarkOtherNames(b *testing.B) {
	next := plugin.HandlerFunc(func(context.Context, dns.ResponseWriter, *dns.Msg) (int, error) {
		return dns.RcodeSuccess, nil
	})
	without := plugin.HandlerFunc(func(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		return plugin.NextOrFailure("other", next, ctx, w, r)
	})
	run := func(name string, f *Failover) {
		f.Next = next
		b.Run(name, func(b *testing.B) { benchmark(b, f, "kubernetes.default.svc.cluster.local.", dns.TypeA) })
	}
	b.Run("without", func(b *testing.B) {
		benchmark(b, without, "kubernetes.default.svc.cluster.local.", dns.TypeA)
	})
	run("ten-records", handlerOf(b, manyRecords(10), ".", "example.org."))
	run("and-a-wildcard", handlerOf(b, manyRecords(10)+"failover *.apps.example.org {\n primary 192.0.2.1\n check http\n}", ".", "example.org."))
}

// BenchmarkUpdate is what a change of verdict costs a record.
func BenchmarkUpdate(b *testing.B) {
	f := handlerOf(b, pair)
	f.set(verdict.Unhealthy, "192.0.2.1")
	b.ReportAllocs()
	for b.Loop() {
		update(f.records[0])
	}
}

// An answer of one address takes no more allocations than the message, its
// question, the list and the record.
func TestAllocationsOfAnAnswer(t *testing.T) {
	f := handlerOf(t, pair)
	r := new(dns.Msg).SetQuestion("www.example.org.", dns.TypeA)
	var w dns.ResponseWriter = new(sink)
	n := testing.AllocsPerRun(100, func() {
		if _, err := f.ServeDNS(context.Background(), w, r); err != nil {
			t.Error(err)
		}
	})
	if n > 4 {
		t.Errorf("%v allocations, want at most 4", n)
	}
}
