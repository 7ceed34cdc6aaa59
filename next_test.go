package failover

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"
)

const nexts4 = `failover www.example.org {
	primary next
	secondary 127.0.2.2
	probe 127.0.0.0/8
	check tcp 80
}
failover *.zone.example.org {
	primary next
	secondary 127.0.2.3
	probe 127.0.0.0/8
	check tcp 80
}`

// judge gives what has been learned of next verdicts, by address.
func (f *Failover) judge(verdicts map[string]verdict.Verdict) {
	for _, a := range f.learned.all() {
		if v, ok := verdicts[a.Addr.String()]; ok {
			for i := range a.checks {
				a.checks[i] = fixed(v)
			}
		}
	}
}

// silent is a next plugin without a reply.
var silent = plugin.HandlerFunc(func(context.Context, dns.ResponseWriter, *dns.Msg) (int, error) {
	return dns.RcodeServerFailure, nil
})

func TestWhatTheNextPluginsSay(t *testing.T) {
	soa := "example.org. 60 IN SOA ns. me. 1 2 3 4 5"
	tests := []struct {
		name, qname string
		next        plugin.Handler
		want        string
	}{
		{"addresses", "www", nextSays(dns.RcodeSuccess, "www.example.org. 9 IN A 127.0.1.1"), "NOERROR 127.0.1.1"},
		{"NODATA", "www", nextSays(dns.RcodeSuccess, soa), "NOERROR 127.0.2.2"},
		{"NXDOMAIN", "www", nextSays(dns.RcodeNameError, soa), "NOERROR 127.0.2.2"},
		{"SERVFAIL", "www", nextSays(dns.RcodeServerFailure), "NOERROR 127.0.2.2"},
		{"REFUSED", "www", nextSays(dns.RcodeRefused), "NOERROR 127.0.2.2"},
		{"silence", "www", silent, "NOERROR 127.0.2.2"},
		{"addresses", "a.zone", nextSays(dns.RcodeSuccess, "a.zone.example.org. 9 IN A 127.0.1.1"), "NOERROR 127.0.1.1"},
		{"NODATA", "a.zone", nextSays(dns.RcodeSuccess, soa), "NOERROR SOA example.org. 60/5"},
		{"NXDOMAIN", "a.zone", nextSays(dns.RcodeNameError, soa), "NXDOMAIN SOA example.org. 60/5"},
		{"REFUSED", "a.zone", nextSays(dns.RcodeRefused), "REFUSED"},
		{"a referral", "a.zone", nextSays(dns.RcodeSuccess, "zone.example.org. 60 IN NS ns.example.net."), "NOERROR ns.example.net."},
		{"SERVFAIL", "a.zone", nextSays(dns.RcodeServerFailure), "NOERROR 127.0.2.3"},
		{"silence", "a.zone", silent, "NOERROR 127.0.2.3"},
	}
	for _, tt := range tests {
		t.Run(tt.qname+" "+tt.name, func(t *testing.T) {
			f := handlerOf(t, nexts4)
			f.Next = tt.next
			expectAnswer(t, f, tt.qname+".example.org.", dns.TypeA, tt.want)
		})
	}
}

// Where nobody has anything to say, what the next plugins say stands.
func TestFailureOfTheNextPluginsStands(t *testing.T) {
	f := handlerOf(t, "failover www.example.org *.zone.example.org {\n primary next\n probe 127.0.0.0/8\n check tcp 80\n}")
	for _, qname := range []string{"www.example.org.", "a.zone.example.org."} {
		f.Next = silent
		expectAnswer(t, f, qname, dns.TypeA, "unwritten SERVFAIL <nil>")
		f.Next = nextSays(dns.RcodeServerFailure)
		expectAnswer(t, f, qname, dns.TypeA, "SERVFAIL")
	}
}

func TestUnhealthyAddressesAreTakenOutOfTheReply(t *testing.T) {
	f := handlerOf(t, nexts4)
	for _, qname := range []string{"www.example.org.", "a.zone.example.org."} {
		f.Next = nextSays(dns.RcodeSuccess, qname+" 9 IN CNAME c.example.org.",
			"c.example.org. 300 IN A 127.0.1.1", "c.example.org. 300 IN A 127.0.1.2")
		expectAnswer(t, f, qname, dns.TypeA, "NOERROR c.example.org. 127.0.1.1 127.0.1.2")
		f.judge(map[string]verdict.Verdict{"127.0.1.1": verdict.Unhealthy, "127.0.1.2": verdict.Healthy})
		expectAnswer(t, f, qname, dns.TypeA, "NOERROR c.example.org. 127.0.1.2")
		m, _, _ := ask(f, qname, dns.TypeA)
		if cname, a := m.Answer[0].Header().Ttl, m.Answer[1].Header().Ttl; cname != 9 || a != 30 {
			t.Errorf("TTLs %d, %d, want that of the reply and that of the record", cname, a)
		}
		f.judge(map[string]verdict.Verdict{"127.0.1.2": verdict.Unhealthy})
		expectAnswer(t, f, qname, dns.TypeA, map[string]string{
			"www.example.org.":    "NOERROR 127.0.2.2",
			"a.zone.example.org.": "NOERROR 127.0.2.3",
		}[qname])
	}
}

// What was known of the other family says nothing while nobody answers.
func TestFailureOfTheNextPluginsIsOneOfBothFamilies(t *testing.T) {
	f := handlerOf(t, strings.Replace(nexts4, "127.0.2.2", "127.0.2.2 ::2", 1))
	stand(f, "next", "127.0.1.1", "::1")
	for _, next := range []plugin.Handler{
		silent, nextSays(dns.RcodeServerFailure), nextSays(dns.RcodeRefused), nextSays(dns.RcodeNameError),
	} {
		f.Next = next
		expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 127.0.2.2")
		expectAnswer(t, f, "www.example.org.", dns.TypeAAAA, "NOERROR ::2")
	}
	f.Next = nextSays(dns.RcodeSuccess, "www.example.org. 9 IN A 127.0.1.1")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 127.0.1.1")
}

// A resolver keeps a CNAME for as long as it may, and asks nothing meanwhile.
func TestCNAMEsOfNextAreGoodForTheTTLOfTheRecord(t *testing.T) {
	f := handlerOf(t, nexts4)
	f.Next = nextSays(dns.RcodeSuccess, "www.example.org. 3600 IN CNAME c.example.org.", "c.example.org. 3600 IN A 127.0.1.1")
	m, _, _ := ask(f, "www.example.org.", dns.TypeA)
	if cname, a := m.Answer[0].Header().Ttl, m.Answer[1].Header().Ttl; cname != 30 || a != 30 {
		t.Errorf("TTLs %d, %d", cname, a)
	}
}

// One choice is for all types, but next has a reply for each.
func TestNextBesideCNAME(t *testing.T) {
	f := handlerOf(t, `failover www.example.org {
		primary next
		secondary lb.example.net {
			cname
		}
		probe 127.0.0.0/8
		check tcp 80
	}`)
	stand(f, "next", "127.0.1.1", "::1")
	stand(f, "lb.example.net", "127.0.2.7")
	f.records[0].next.find(netip.MustParseAddr("127.0.1.1")).checks[0] = fixed(verdict.Unhealthy)
	update(f.records[0])
	f.Next = newZone(t, "www.example.org. 9 IN A 127.0.1.1", "www.example.org. 9 IN AAAA ::1", "lb.example.net. 9 IN A 127.0.2.7")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR SOA example.org. 30/30")
	expectAnswer(t, f, "www.example.org.", dns.TypeAAAA, "NOERROR ::1")
	f.Next = silent
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR lb.example.net.")
}

// The three ways in which the reply has no address of the type asked for, though
// the decision is one for all types.
func TestNextBesideAddressesAndCNAME(t *testing.T) {
	text := "failover www.example.org {\n primary next %s\n secondary lb.example.net {\n cname\n }\n" +
		" probe 127.0.0.0/8\n check tcp 80\n}"
	for name, tt := range map[string]struct {
		more string
		next plugin.Handler
		want string
	}{
		"silence":      {"", silent, "NOERROR lb.example.net."},
		"NODATA":       {"127.0.2.1", nextSays(dns.RcodeSuccess), "NOERROR 127.0.2.1"},
		"other family": {"::1", nextSays(dns.RcodeSuccess, "www.example.org. 9 IN A 127.0.1.1"), "NOERROR 127.0.1.1"},
	} {
		t.Run(name, func(t *testing.T) {
			f := handlerOf(t, fmt.Sprintf(text, tt.more))
			stand(f, "next", "::2")
			stand(f, "lb.example.net", "127.0.2.5")
			f.Next = tt.next
			expectAnswer(t, f, "www.example.org.", dns.TypeA, tt.want)
		})
	}
}

// Next is asked only where it is chosen.
func TestNextBehindAHealthyPrimary(t *testing.T) {
	for _, more := range []string{"trickle 1%", "policy clients"} {
		f := handlerOf(t, `failover *.zone.example.org {
			primary 127.0.2.1 {
				clients *
			}
			secondary next {
				clients 10.0.0.0/8
			}
			probe 127.0.0.0/8
			check tcp 80
			`+more+`
		}`)
		z := newZone(t)
		f.Next = z
		for range 100 {
			expectAnswer(t, f, "a.zone.example.org.", dns.TypeA, "NOERROR 127.0.2.1")
		}
		if n := z.times("a.zone.example.org. A"); n > 20 {
			t.Errorf("%s: asked %d times", more, n)
		}
	}
}

// Trickle is the same share where the tier that it goes to is next.
func TestTrickleToNext(t *testing.T) {
	f := handlerOf(t, "failover www.example.org {\n primary 127.0.2.1\n secondary next\n probe 127.0.0.0/8\n check tcp 80\n trickle 50%\n}")
	f.Next = newZone(t, "www.example.org. 9 IN A 127.0.1.1")
	n := 0
	for range 1000 {
		if summary(ask(f, "www.example.org.", dns.TypeA)) == "NOERROR 127.0.1.1" {
			n++
		}
	}
	if n < 350 || n > 650 { // 500 +- 9 standard deviations
		t.Errorf("%d of 1000 went to next, want half", n)
	}
}

// truncating is a next plugin whose answer does not fit into a packet.
type truncating struct{ plugin.Handler }

func (tr truncating) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if _, tcp := w.RemoteAddr().(*net.TCPAddr); tcp {
		return tr.Handler.ServeDNS(ctx, w, r)
	}
	m := new(dns.Msg).SetReply(r)
	m.Truncated = true
	return dns.RcodeSuccess, w.WriteMsg(m)
}

func TestTruncatedRepliesAreAskedForAgain(t *testing.T) {
	f := handlerOf(t, nexts4+"\nfailover txt.example.org {\n primary lb.example.net\n types A TXT\n check tcp 80\n}")
	stand(f, "lb.example.net", "127.0.2.7")
	f.Next = truncating{newZone(t, "www.example.org. 9 IN A 127.0.1.1", `lb.example.net. 9 IN TXT "long"`)}
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 127.0.1.1")
	expectAnswer(t, f, "txt.example.org.", dns.TypeTXT, `NOERROR "long"`)
}

// A reply may have addresses of names that nobody asked for.
func TestAddressesOfOthersAreNotLearned(t *testing.T) {
	f := handlerOf(t, nexts4)
	f.Next = nextSays(dns.RcodeSuccess, "victim.example.org. 9 IN A 127.0.1.66")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 127.0.2.2")
	if n := len(f.learned.all()); n != 0 {
		t.Errorf("%d learned", n)
	}
}

// Where an address is the primary the name exists, whatever next says.
func TestWildcardWithNextAsSecondary(t *testing.T) {
	f := handlerOf(t, `failover *.zone.example.org {
		primary 127.0.2.1
		secondary next
		tier 3 127.0.2.3
		probe 127.0.0.0/8
		check tcp 80
	}`)
	f.set(verdict.Unhealthy, "127.0.2.1")
	for _, next := range []plugin.Handler{nextSays(dns.RcodeNameError), silent, end{f}} {
		f.Next = next
		expectAnswer(t, f, "a.zone.example.org.", dns.TypeA, "NOERROR 127.0.2.3")
	}
}

// What stands in for the record must not hide its recovery.
func TestFailNextIsGoodForTheTTLOfTheRecord(t *testing.T) {
	f := handlerOf(t, strings.Replace(pair, "check", "ttl 7s\n\tfail next\n\tcheck", 1))
	f.set(verdict.Unhealthy, "192.0.2.1", "192.0.2.2")
	f.Next = nextSays(dns.RcodeSuccess, "www.example.org. 7200 IN A 203.0.113.9")
	m, _, _ := ask(f, "www.example.org.", dns.TypeA)
	if ttl := m.Answer[0].Header().Ttl; ttl != 7 {
		t.Errorf("TTL %d", ttl)
	}
	f.Next = nextSays(dns.RcodeSuccess, "example.org. 3600 IN SOA ns. me. 1 2 3 4 3600")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR SOA example.org. 7/7")
}

// A tier may have targets besides next: they are one set of records.
func TestNextBesideAddresses(t *testing.T) {
	f := handlerOf(t, "failover www.example.org {\n primary next 127.0.2.1 127.0.1.1\n probe 127.0.0.0/8\n check tcp 80\n}")
	f.Next = nextSays(dns.RcodeSuccess, "www.example.org. 9 IN CNAME c.example.org.", "c.example.org. 8 IN A 127.0.1.1")
	m, _, _ := ask(f, "www.example.org.", dns.TypeA)
	if len(m.Answer) != 3 || m.Answer[2].String() != "c.example.org.\t8\tIN\tA\t127.0.2.1" {
		t.Errorf("got\n%v", m)
	}
	f.judge(map[string]verdict.Verdict{"127.0.1.1": verdict.Unhealthy})
	f.set(verdict.Unhealthy, "127.0.1.1")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 127.0.2.1")
}

// A signature would not fit what is left of the set that it signs.
func TestSignedRepliesPass(t *testing.T) {
	f := handlerOf(t, nexts4)
	sig := "www.example.org. 300 IN RRSIG A 13 3 300 20300101000000 20200101000000 1 example.org. AAAA"
	f.Next = nextSays(dns.RcodeSuccess, "www.example.org. 300 IN A 127.0.1.1", sig)
	ask(f, "www.example.org.", dns.TypeA)
	f.judge(map[string]verdict.Verdict{"127.0.1.1": verdict.Unhealthy})
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 127.0.2.2")
	w := dnstest.NewRecorder(&test.ResponseWriter{})
	q := new(dns.Msg).SetQuestion("www.example.org.", dns.TypeA).SetEdns0(1232, true)
	if _, err := f.ServeDNS(context.Background(), w, q); err != nil || len(w.Msg.Answer) != 2 || w.Msg.Answer[0].Header().Ttl != 300 {
		t.Errorf("got %v\n%v", err, w.Msg)
	}
}

func TestHintsOfNextGoByHealth(t *testing.T) {
	f := handlerOf(t, nexts4)
	const both = "a.zone.example.org. 9 IN HTTPS 1 . ipv4hint=127.0.1.1,127.0.1.2 mandatory=ipv4hint"
	f.Next = nextSays(dns.RcodeSuccess, "a.zone.example.org. 9 IN A 127.0.1.1", "a.zone.example.org. 9 IN A 127.0.1.2")
	ask(f, "a.zone.example.org.", dns.TypeA)
	f.Next = nextSays(dns.RcodeSuccess, both)
	expectAnswer(t, f, "a.zone.example.org.", dns.TypeHTTPS, `NOERROR 1 . ipv4hint="127.0.1.1,127.0.1.2" mandatory="ipv4hint"`)
	f.judge(map[string]verdict.Verdict{"127.0.1.1": verdict.Unhealthy})
	expectAnswer(t, f, "a.zone.example.org.", dns.TypeHTTPS, `NOERROR 1 . ipv4hint="127.0.1.2" mandatory="ipv4hint"`)
	f.judge(map[string]verdict.Verdict{"127.0.1.2": verdict.Unhealthy})
	expectAnswer(t, f, "a.zone.example.org.", dns.TypeHTTPS, "NOERROR 1 .")
}

// Under a wildcard only the next plugins know which names and types exist.
func TestOtherTypesUnderAWildcardPass(t *testing.T) {
	f := handlerOf(t, nexts4)
	f.Next = nextSays(dns.RcodeNameError, "example.org. 60 IN SOA ns. me. 1 2 3 4 5")
	expectAnswer(t, f, "a.zone.example.org.", dns.TypeMX, "NXDOMAIN SOA example.org. 60/5")
	expectAnswer(t, f, "www.example.org.", dns.TypeMX, "NOERROR SOA example.org. 30/30")
	f.Next = end{f}
	expectAnswer(t, f, "a.zone.example.org.", dns.TypeMX, `unwritten SERVFAIL plugin/failover: no next plugin found`)
}

// Whoever controls names must not be able to make a server learn without bound;
// what is asked for stays.
func TestLearnedAddressesAreBounded(t *testing.T) {
	f := handlerOf(t, nexts4)
	next := f.records[1].next
	kept := learnedKey{next, "", netip.MustParseAddr("127.0.1.1")}
	f.learned.add(kept)
	addr := netip.MustParseAddr("127.10.0.0")
	for i := range 2 * mostLearned {
		f.learned.add(learnedKey{next, "", addr})
		addr = addr.Next()
		if i%1000 == 0 {
			for _, a := range f.learned.all() {
				a.learned.seen.Add(-1) // a second later
			}
			f.learned.find(kept)
		}
	}
	if n := len(f.learned.all()); n > mostLearned || n < mostLearned*9/10 || n != f.learned.count {
		t.Errorf("%d addresses, counted as %d", n, f.learned.count)
	}
	if f.learned.find(kept) == nil {
		t.Error("the one that was asked for is gone")
	}
}

func TestLearnedAddressesAreForgotten(t *testing.T) {
	f := handlerOf(t, nexts4)
	f.learned.start()
	defer f.learned.end()
	for i := range 3 {
		key := learnedKey{f.records[1].next, "", netip.MustParseAddr(fmt.Sprintf("127.0.1.%d", i))}
		f.learned.add(key).learned.seen.Add(-int64(i) * int64(unseen.Seconds()) * 2 / 3)
	}
	f.learned.sweep()
	if n := len(f.learned.all()); n != 2 {
		t.Errorf("%d are left, want those that were seen in the last hour", n)
	}
}

// A check of a wildcard that names no host is made by the name asked for.
func TestChecksOfAWildcardGoByTheNameAskedFor(t *testing.T) {
	f := handlerOf(t, "failover *.example.org {\n primary next\n probe 127.0.0.0/8\n check https {\n disabled\n }\n check https\n}")
	f.Next = newZone(t, "a.example.org. 9 IN A 127.0.1.1", "b.example.org. 9 IN A 127.0.1.1")
	ask(f, "A.example.org.", dns.TypeA)
	ask(f, "b.example.org.", dns.TypeA)
	learned := f.learned.all()
	if len(learned) != 2 {
		t.Fatalf("%d addresses, want one for each name", len(learned))
	}
	for _, a := range learned {
		m := newClaims(new(configuration), "").model(a, 1)
		if m.Host != a.host() || m.TLS.ServerName != a.host() || (a.host() != "a.example.org" && a.host() != "b.example.org") {
			t.Errorf("%+v is checked as %s and %s", a, m.Host, m.TLS.ServerName)
		}
	}
}
