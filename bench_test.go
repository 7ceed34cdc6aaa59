package failover

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
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

// sink is a writer that does nothing with a reply. Its client is there already, as
// a server's is.
type sink struct{ test.ResponseWriter }

func (*sink) WriteMsg(*dns.Msg) error { return nil }

func (*sink) RemoteAddr() net.Addr { return fromClient }

var fromClient = net.UDPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.200:40000"))

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

// withSubnet adds the client's network to a question (RFC 7871).
func withSubnet(r *dns.Msg) *dns.Msg {
	r.SetEdns0(1232, false)
	opt := r.IsEdns0()
	opt.Option = append(opt.Option, &dns.EDNS0_SUBNET{
		Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: net.IP{198, 51, 100, 0},
	})
	return r
}

func benchmark(b *testing.B, h plugin.Handler, qname string, qtype uint16) {
	b.Helper()
	benchmarkMsg(b, h, new(dns.Msg).SetQuestion(qname, qtype))
}

func benchmarkMsg(b *testing.B, h plugin.Handler, r *dns.Msg) {
	b.Helper()
	var w dns.ResponseWriter = new(sink)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.ServeDNS(ctx, w, r); err != nil {
			b.Fatal(err)
		}
	}
}

// asked is a question that is measured: how long the answer takes by benchmark, and
// how many allocations by a test.
type asked struct {
	name     string
	corefile string // of the failover directives
	qname    string
	qtype    uint16
	subnet   bool // the question tells the client's network

	allocations float64 // at most, without those of the next plugins
}

// record is a question for the A records of one with a policy and three targets,
// which may have options.
func (a asked) record(properties string, options ...string) asked {
	a.corefile, a.qname, a.qtype = "failover www.example.org {\n "+properties+"\n check http\n", "www.example.org.", dns.TypeA
	for i, option := range options {
		a.corefile += fmt.Sprintf(" tier 1 192.0.2.%d {\n %s\n }\n", i+1, option)
	}
	a.corefile += "}"
	return a
}

// many is a tier of 64 addresses.
func many() string {
	tier := "primary"
	for i := range 64 {
		tier += fmt.Sprintf(" 192.0.2.%d", i+1)
	}
	return tier
}

var (
	weights   = []string{"weight 1", "weight 2", "weight 3"}
	networks  = []string{"clients 192.0.2.0/24", "clients 198.51.100.0/24", "clients *"}
	locations = []string{"location 52.5 13.4", "location 40.7 -74", "location 35.7 139.7"}
	wildcard  = strings.Replace(pair, "www", "*.apps", 1)
)

// questions are answered with a message that has its record in it, or with a message, a
// list of records and the records, each an allocation. Where the answer depends on the
// client it takes one more for who that is; and where that has told its network, two
// for telling how much of it the answer is good for.
var questions = []asked{
	{"one", pair, "www.example.org.", dns.TypeA, false, 1},
	{"one-subnet", pair, "www.example.org.", dns.TypeA, true, 1},
	{"nodata", pair, "www.example.org.", dns.TypeAAAA, false, 3},
	{"wildcard", wildcard, "a.b.apps.example.org.", dns.TypeA, false, 1},
	asked{name: "8-of-64", allocations: 3}.record("limit 8\n " + many()),
	asked{name: "weighted", allocations: 1}.record("policy weighted", weights...),
	asked{name: "weighted-subnet", subnet: true, allocations: 1}.record("policy weighted", weights...),
	asked{name: "sticky", allocations: 2}.record("policy sticky", weights...),
	asked{name: "sticky-subnet", subnet: true, allocations: 4}.record("policy sticky", weights...),
	asked{name: "clients", allocations: 2}.record("policy clients", networks...),
	asked{name: "clients-subnet", subnet: true, allocations: 4}.record("policy clients", networks...),
	asked{name: "nearest", allocations: 4}.record("policy nearest", locations...),
	asked{name: "fastest", allocations: 1}.record("policy fastest", weights...),
	{"passed-name", pair, "www.example.net.", dns.TypeA, false, 1},
	{"passed-below-wildcards", wildcard, "www.example.net.", dns.TypeA, false, 1},
	{"passed-type", pair, "www.example.org.", dns.TypeMX, false, 2},
}

// free is a next plugin that costs nothing: what is measured is how a question comes
// to it, which takes CoreDNS an allocation.
var free = plugin.HandlerFunc(func(context.Context, dns.ResponseWriter, *dns.Msg) (int, error) {
	return dns.RcodeSuccess, nil
})

// handler is what answers the question.
func (a asked) handler(t testing.TB) *Failover {
	t.Helper()
	f := handlerOf(t, a.corefile)
	if strings.HasPrefix(a.name, "passed") {
		f.Next = free
	}
	return f
}

// msg is the question as a message.
func (a asked) msg() *dns.Msg {
	r := new(dns.Msg).SetQuestion(a.qname, a.qtype)
	if a.subnet {
		withSubnet(r)
	}
	return r
}

// BenchmarkServeDNS compares answers with that of the hosts plugin in the same run.
func BenchmarkServeDNS(b *testing.B) {
	b.Run("hosts", func(b *testing.B) { benchmark(b, hostsHandler(b), "www.example.org.", dns.TypeA) })
	for _, q := range questions {
		b.Run(q.name, func(b *testing.B) { benchmarkMsg(b, q.handler(b), q.msg()) })
	}
}

// manyRecords is a Corefile of n records with two targets each.
func manyRecords(n int) string {
	var s strings.Builder
	for i := range n {
		fmt.Fprintf(&s, "failover n%d.example.org {\n primary 192.0.2.1\n secondary 192.0.2.2\n check http\n}\n", i)
	}
	return s.String()
}

// BenchmarkServeDNSOfMany asks for the same of 100,000 records each time, and for
// another one at random, which the processor's caches do not have.
func BenchmarkServeDNSOfMany(b *testing.B) {
	const n = 100000
	f := handlerOf(b, manyRecords(n))
	b.Run("same", func(b *testing.B) { benchmark(b, f, "n99999.example.org.", dns.TypeA) })
	b.Run("random", func(b *testing.B) {
		// Made in the order of the questions, so that they lie side by side: a
		// server has just read the one that it answers.
		var qnames []string
		for _, i := range rand.Perm(n) {
			qnames = append(qnames, fmt.Sprintf("n%d.example.org.", i))
		}
		r := new(dns.Msg).SetQuestion(".", dns.TypeA)
		var w dns.ResponseWriter = new(sink)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			r.Question[0].Name = qnames[i%n]
			if _, err := f.ServeDNS(context.Background(), w, r); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkOtherNames compares what a question for another name costs with
// failover in the chain, and without.
func BenchmarkOtherNames(b *testing.B) {
	without := plugin.HandlerFunc(func(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		return plugin.NextOrFailure("other", free, ctx, w, r)
	})
	run := func(name string, f *Failover) {
		f.Next = free
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

// An answer takes no more allocations than it must.
func TestAllocationsOfAnAnswer(t *testing.T) {
	for _, q := range questions {
		f, r := q.handler(t), q.msg()
		var w dns.ResponseWriter = new(sink)
		n := testing.AllocsPerRun(100, func() {
			if _, err := f.ServeDNS(context.Background(), w, r); err != nil {
				t.Error(err)
			}
		})
		if n > q.allocations {
			t.Errorf("%s: %v allocations, want at most %v", q.name, n, q.allocations)
		}
	}
}
