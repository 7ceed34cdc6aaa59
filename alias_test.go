package failover

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/coredns-failover/failover/internal/eventually"
	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"
)

// start has the handler do what it does once its configuration has started.
func start(t testing.TB, f *Failover) {
	t.Helper()
	c := &configuration{handlers: []*Failover{f}}
	f.config = &dnsserver.Config{ListenHosts: []string{"127.0.0.1"}}
	f.keys = []string{"dns://example.org.:53"}
	if err := c.claim(nil); err != nil {
		t.Fatal(err)
	}
	f.start()
	f.resolver.Start()
	t.Cleanup(func() {
		c.stop()
		f.resolver.Wait()
		healthcheck.retain(func(*configuration) bool { return true })
		healthcheck.engine.Wait()
	})
}

// zone is a next plugin that has these records, and that can be changed.
type zone struct {
	mu    sync.Mutex
	rrs   []dns.RR
	rcode int
	asked map[string]int
}

func newZone(t testing.TB, rrs ...string) *zone {
	z := &zone{asked: map[string]int{}}
	z.set(t, dns.RcodeSuccess, rrs...)
	return z
}

func (z *zone) set(t testing.TB, rcode int, rrs ...string) {
	t.Helper()
	z.mu.Lock()
	defer z.mu.Unlock()
	z.rcode, z.rrs = rcode, nil
	for _, text := range rrs {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		z.rrs = append(z.rrs, rr)
	}
}

func (z *zone) Name() string { return "zone" }

// ServeDNS gives what it has, or NXDOMAIN for names that it has nothing of.
func (z *zone) ServeDNS(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	q := r.Question[0]
	z.asked[q.Name+" "+dns.TypeToString[q.Qtype]]++
	m := new(dns.Msg).SetReply(r)
	m.Authoritative, m.Rcode = true, dns.RcodeNameError
	if z.rcode != dns.RcodeSuccess {
		return z.rcode, nil
	}
	for _, rr := range z.rrs {
		if !strings.EqualFold(rr.Header().Name, q.Name) {
			continue
		}
		m.Rcode = dns.RcodeSuccess
		if t := rr.Header().Rrtype; t == q.Qtype || t == dns.TypeCNAME {
			m.Answer = append(m.Answer, dns.Copy(rr))
		}
	}
	return m.Rcode, w.WriteMsg(m)
}

func (z *zone) times(question string) int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.asked[question]
}

const aliased = `failover www.example.org {
	primary lb.example.net
	secondary 127.0.2.2
	types A AAAA MX
	check http {
		disabled
	}
	check http {
		interval 1h
	}
}`

func TestAnAliasIsResolvedForTheFirstQuestion(t *testing.T) {
	f := handlerOf(t, aliased)
	z := newZone(t, "lb.example.net. 7 IN CNAME a.example.net.", "a.example.net. 300 IN A 127.0.0.1", "a.example.net. 9 IN MX 1 mail.")
	f.Next = z
	start(t, f)
	m, _, _ := ask(f, "WWW.example.org.", dns.TypeA)
	if m == nil || len(m.Answer) != 1 || m.Answer[0].String() != "WWW.example.org.\t7\tIN\tA\t127.0.0.1" {
		t.Errorf("got %v", m)
	}
	m, _, _ = ask(f, "WWW.example.org.", dns.TypeMX)
	if m == nil || len(m.Answer) != 1 || m.Answer[0].String() != "WWW.example.org.\t7\tIN\tMX\t1 mail." {
		t.Errorf("got %v", m)
	}
	expectAnswer(t, f, "www.example.org.", dns.TypeAAAA, "NOERROR SOA example.org. 30/30")
	if n := z.times("lb.example.net. A"); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// Nobody knows whether there is data, so there must not be an answer that says
// so.
func TestAnAliasWithoutAnyAnswerIsAFailure(t *testing.T) {
	f := handlerOf(t, strings.Replace(aliased, "secondary 127.0.2.2", "", 1))
	z := newZone(t)
	z.set(t, dns.RcodeRefused)
	f.Next = z
	start(t, f)
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "unwritten SERVFAIL <nil>")
	z.set(t, dns.RcodeSuccess, "lb.example.net. 7 IN A 127.0.0.1")
	eventually.True(t, "an answer", func() bool { return summary(ask(f, "www.example.org.", dns.TypeA)) == "NOERROR 127.0.0.1" })
}

// The chain of aliases is none that a Corefile shows: it leads through what the
// next plugins answer.
func TestAliasesThatLeadBack(t *testing.T) {
	tests := map[string]string{
		"to itself": "failover www.example.org {\n primary x.example.net\n types A MX\n check http\n}",
		"through another record": "failover www.example.org {\n primary x.example.net\n types A MX\n check http\n}\n" +
			"failover api.example.org {\n primary y.example.net\n types A MX\n check http\n}",
		"with cname": "failover www.example.org {\n primary x.example.net {\n cname\n }\n check http\n}",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			f := handlerOf(t, text)
			x := "x.example.net. 1 IN CNAME www.example.org."
			if strings.Contains(text, "api") {
				x = "x.example.net. 1 IN CNAME api.example.org."
			}
			f.Next = newZone(t, x, "y.example.net. 1 IN CNAME www.example.org.")
			stand(f, "x.example.net", "127.0.2.1") // from better times
			stand(f, "y.example.net", "127.0.2.1")
			start(t, f)
			eventually.True(t, "the end of what was known", func() bool {
				return f.records[0].targets[0].naming.name.State().Err != nil
			})
			if qtype := dns.TypeMX; !strings.Contains(text, "cname") {
				expectAnswer(t, f, "www.example.org.", qtype, "unwritten SERVFAIL <nil>")
			}
		})
	}
}

// Only what leads back now is a loop.
func TestALoopThatIsNoneAnyMore(t *testing.T) {
	f := handlerOf(t, "failover www.example.org {\n primary x.example.net\n check http\n}\n"+
		"failover api.example.org {\n primary y.example.net\n check http\n}")
	z := newZone(t, "x.example.net. 1 IN CNAME api.example.org.", "y.example.net. 1 IN A 127.0.2.1")
	f.Next = z
	start(t, f)
	awaitSummary(t, f, "www.example.org.", "NOERROR 127.0.2.1")
	z.set(t, 0, "x.example.net. 1 IN A 127.0.2.7", "y.example.net. 1 IN A 127.0.2.1")
	awaitSummary(t, f, "www.example.org.", "NOERROR 127.0.2.7")
	z.set(t, 0, "x.example.net. 1 IN A 127.0.2.7", "y.example.net. 1 IN CNAME www.example.org.")
	awaitSummary(t, f, "api.example.org.", "NOERROR 127.0.2.7")
}

func TestCNAME(t *testing.T) {
	f := handlerOf(t, `failover www.example.org {
		primary lb.example.net {
			cname
		}
		secondary 127.0.2.2
		check http
	}`)
	z := newZone(t, "lb.example.net. 7 IN A 127.0.2.7")
	f.Next = z
	stand(f, "lb.example.net", "127.0.2.7")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR lb.example.net. 127.0.2.7")
	expectAnswer(t, f, "www.example.org.", dns.TypeAAAA, "NOERROR lb.example.net.")
	expectAnswer(t, f, "www.example.org.", dns.TypeCNAME, "NOERROR lb.example.net.")
	z.set(t, dns.RcodeServerFailure)
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR lb.example.net.")
	z.set(t, dns.RcodeSuccess)
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NXDOMAIN lb.example.net.") // RFC 6604
	f.set(verdict.Unhealthy, "lb.example.net")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 127.0.2.2")
	expectAnswer(t, f, "www.example.org.", dns.TypeAAAA, "NOERROR SOA example.org. 30/30")
	expectAnswer(t, f, "www.example.org.", dns.TypeCNAME, "NOERROR SOA example.org. 30/30")
}

// A tree as Route 53 nests them: weighted records of failover records.
func TestRecordsAsTargets(t *testing.T) {
	f := handlerOf(t, `failover www.example.org {
		policy weighted
		primary eu.example.org {
			weight 0
			evaluate_target_health
		}
		primary us.example.org {
			evaluate_target_health
		}
	}
	failover eu.example.org {
		primary 127.0.2.1
		secondary 127.0.2.2
		ttl 7s
		check http
	}
	failover us.example.org {
		primary 127.0.2.3
		check http
	}`)
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 127.0.2.3")
	f.set(verdict.Unhealthy, "127.0.2.3")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 127.0.2.1")
	m, _, _ := ask(f, "www.example.org.", dns.TypeA)
	if ttl := m.Answer[0].Header().Ttl; ttl != 7 {
		t.Errorf("TTL %d, want that of the record within", ttl)
	}
	f.set(verdict.Unhealthy, "127.0.2.1")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 127.0.2.2")
}

// A record's own checks hold for the addresses of a record that it has as a
// target, besides those that the other has.
func TestChecksOfARecordAsTarget(t *testing.T) {
	f := handlerOf(t, `failover www.example.org {
		primary eu.example.org {
			evaluate_target_health
			check tcp 443
		}
		secondary 127.0.2.9
		check none
	}
	failover eu.example.org {
		primary 127.0.2.1
		secondary 127.0.2.2
		check http
	}`)
	eu := &f.records[0].targets[0]
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 127.0.2.1")
	eu.list()[0].checks[0] = fixed(verdict.Unhealthy)
	update(f.records[0])
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 127.0.2.2")
	f.set(verdict.Unhealthy, "127.0.2.2")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 127.0.2.9")
	expectAnswer(t, f, "eu.example.org.", dns.TypeA, "NOERROR 127.0.2.1")
}

// Hints are addresses like any others: those that are not answered are not given
// by another record either.
func TestHintsOfAnAliasGoByHealth(t *testing.T) {
	f := handlerOf(t, "failover www.example.org {\n primary lb.example.net\n types A HTTPS\n check tcp 443\n}")
	f.Next = newZone(t, "lb.example.net. 300 IN HTTPS 1 . alpn=h2 ipv4hint=127.0.2.1,127.0.2.2 ipv6hint=::1 mandatory=ipv6hint")
	stand(f, "lb.example.net", "127.0.2.1", "127.0.2.2")
	f.records[0].targets[0].find(netip.MustParseAddr("127.0.2.1")).checks[0] = fixed(verdict.Unhealthy)
	update(f.records[0])
	expectAnswer(t, f, "www.example.org.", dns.TypeHTTPS, `NOERROR 1 . alpn="h2" ipv4hint="127.0.2.2"`)
}

func TestOtherTypesOfNextAreGoodForTheTTLOfTheRecord(t *testing.T) {
	f := handlerOf(t, "failover www.example.org {\n primary next\n types A MX\n ttl 7s\n check tcp 25\n}")
	f.Next = newZone(t, "www.example.org. 300 IN MX 1 mail.")
	m, _, _ := ask(f, "www.example.org.", dns.TypeMX)
	if len(m.Answer) != 1 || m.Answer[0].Header().Ttl != 7 {
		t.Errorf("got\n%v", m)
	}
}

// What is no address has none, more often than not.
func TestTypesOfANameWithoutAddresses(t *testing.T) {
	f := handlerOf(t, "failover _sip._tcp.example.org {\n primary _sip._tcp.example.net\n types SRV\n check none\n}")
	f.Next = newZone(t, "_sip._tcp.example.net. 9 IN SRV 1 2 5060 sip.example.net.")
	start(t, f)
	expectAnswer(t, f, "_sip._tcp.example.org.", dns.TypeSRV, "NOERROR 1 2 5060 sip.example.net.")
	expectAnswer(t, f, "_sip._tcp.example.org.", dns.TypeA, "NOERROR SOA example.org. 30/30")
}

// There is nothing beside a CNAME, and it is good for the client for whom what
// is behind it was chosen.
func TestTypesAndClientsBehindACNAME(t *testing.T) {
	f := handlerOf(t, `failover www.example.org {
		primary eu.example.org {
			cname
		}
		secondary 127.0.2.9
		check none
	}
	failover eu.example.org {
		policy clients
		primary 127.0.2.1 {
			clients 10.1.0.0/16
		}
		primary 127.0.2.2 {
			clients *
		}
		check tcp 80
	}`)
	f.Next = newZone(t, "www.example.org. 9 IN MX 1 mail.", "eu.example.org. 9 IN MX 2 mail.")
	expectAnswer(t, f, "www.example.org.", dns.TypeMX, "NOERROR eu.example.org. 2 mail.")
	q := new(dns.Msg).SetQuestion("www.example.org.", dns.TypeA).SetEdns0(1232, false)
	q.IsEdns0().Option = append(q.IsEdns0().Option, &dns.EDNS0_SUBNET{
		Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: net.IPv4(10, 1, 2, 0),
	})
	w := dnstest.NewRecorder(&test.ResponseWriter{})
	if _, err := f.ServeDNS(context.Background(), w, q); err != nil {
		t.Fatal(err)
	}
	if got := summary(w.Msg, 0, nil); got != "NOERROR eu.example.org. 127.0.2.1" {
		t.Errorf("got %s", got)
	}
	if subnet := subnetOf(w.Msg); subnet == nil || subnet.SourceScope != 16 {
		t.Errorf("good for %v", subnet)
	}
}

// Two names may stand for the same address.
func TestAnAddressIsAnsweredOnce(t *testing.T) {
	f := handlerOf(t, "failover www.example.org {\n primary a.example.net b.example.net\n check http\n}")
	stand(f, "a.example.net", "127.0.2.1", "127.0.2.2")
	stand(f, "b.example.net", "127.0.2.2", "127.0.2.3")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 127.0.2.1 127.0.2.2 127.0.2.3")
}

func TestWarnings(t *testing.T) {
	f := handlerOf(t, `failover www.example.org {
		policy clients
		primary lb.example.net {
			clients 127.0.2.0/24
			evaluate_target_health
		}
	}`)
	near := handlerOf(t, `failover near.example.org {
		policy nearest
		primary 127.0.2.1
		check tcp 80
	}`)
	got := strings.Join(append(f.records[0].warnings(), near.records[0].warnings()...), "\n")
	for _, want := range []string{`no target has "clients *"`, "healthy means here that the name resolves", "nobody knows where clients"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
}

var _ plugin.Handler = new(zone)
