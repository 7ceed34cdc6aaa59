package failover

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns-failover/failover/internal/eventually"
	"github.com/coredns-failover/failover/plugin/corefile"
	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"
)

// handlerOf returns the handler of a server block for zones that holds the
// failover directives of text. Nothing is probed: tests set verdicts.
func handlerOf(t testing.TB, text string, zones ...string) *Failover {
	t.Helper()
	if len(zones) == 0 {
		zones = []string{"example.org."}
	}
	blocks, err := caddyfile.Parse("Corefile", strings.NewReader(strings.Join(zones, " ")+" {\n"+text+"\n}\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := corefile.Parse(slices.Values(blocks[0].Tokens[name]), zones)
	if err != nil {
		t.Fatal(err)
	}
	f := New(block)
	f.Next = end{f}
	return f
}

// set gives every check of the targets with these words a verdict.
func (f *Failover) set(v verdict.Verdict, words ...string) {
	for _, r := range f.records {
		for target := range r.targets.each() {
			if slices.Contains(words, target.Text) {
				for _, a := range target.list() {
					for i := range a.checks {
						a.checks[i] = fixed(v)
					}
				}
			}
		}
		update(r)
	}
}

// nextSays is a next plugin that writes this reply to every question.
func nextSays(rcode int, rrs ...string) plugin.Handler {
	return plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		m := new(dns.Msg).SetRcode(r, rcode)
		for _, text := range rrs {
			rr, err := dns.NewRR(text)
			if err != nil {
				panic(err)
			}
			if rr.Header().Rrtype == dns.TypeSOA {
				m.Ns = append(m.Ns, rr)
			} else {
				m.Answer = append(m.Answer, rr)
			}
		}
		return rcode, w.WriteMsg(m)
	})
}

// ask returns the reply to a question, or nil where none was written, and what
// ServeDNS returned.
func ask(f *Failover, qname string, qtype uint16) (*dns.Msg, int, error) {
	w := dnstest.NewRecorder(&test.ResponseWriter{})
	rcode, err := f.ServeDNS(context.Background(), w, new(dns.Msg).SetQuestion(qname, qtype))
	return w.Msg, rcode, err
}

// summary says in a line what was replied: the code, the answers' data and the
// owner of an SOA.
func summary(m *dns.Msg, rcode int, err error) string {
	if m == nil {
		return fmt.Sprintf("unwritten %s %v", dns.RcodeToString[rcode], err)
	}
	s := dns.RcodeToString[m.Rcode]
	for _, rr := range m.Answer {
		s += " " + strings.TrimPrefix(rr.String(), rr.Header().String())
	}
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			s += fmt.Sprintf(" SOA %s %d/%d", soa.Hdr.Name, soa.Hdr.Ttl, soa.Minttl)
		}
	}
	return s
}

func expectAnswer(t *testing.T, f *Failover, qname string, qtype uint16, want string) {
	t.Helper()
	if got := summary(ask(f, qname, qtype)); got != want {
		t.Errorf("%s %s:\ngot  %s\nwant %s", qname, dns.TypeToString[qtype], got, want)
	}
}

const pair = `failover www.example.org {
	primary 192.0.2.1
	secondary 192.0.2.2
	check http
}`

func TestAnswersByHealth(t *testing.T) {
	f := handlerOf(t, pair)
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 192.0.2.1")
	f.set(verdict.Unhealthy, "192.0.2.1")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 192.0.2.2")
	f.set(verdict.Unhealthy, "192.0.2.2")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 192.0.2.1")
	f.set(verdict.Healthy, "192.0.2.1", "192.0.2.2")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 192.0.2.1")
}

func TestFormOfAnAnswer(t *testing.T) {
	f := handlerOf(t, `failover www.example.org {
		primary 192.0.2.1 192.0.2.2 2001:db8::1
		check http
		ttl 7s
	}`)
	m, _, _ := ask(f, "wWw.eXample.ORG.", dns.TypeA)
	if !m.Response || !m.Authoritative || m.RecursionAvailable || !m.RecursionDesired || len(m.Question) != 1 {
		t.Errorf("header of\n%v", m)
	}
	for _, rr := range m.Answer {
		if got := rr.Header().String(); got != "wWw.eXample.ORG.\t7\tIN\tA\t" {
			t.Errorf("header %q", got)
		}
	}
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 192.0.2.1 192.0.2.2")
	expectAnswer(t, f, "www.example.org.", dns.TypeAAAA, "NOERROR 2001:db8::1")
}

// Handlers above change answers in place, so each query needs its own.
func TestAnswersAreNotShared(t *testing.T) {
	f := handlerOf(t, pair)
	m, _, _ := ask(f, "www.example.org.", dns.TypeA)
	m.Answer[0].Header().Ttl = 1
	copy(m.Answer[0].(*dns.A).A, []byte{9, 9, 9, 9})
	m.Question[0].Name = "changed."
	m, _, _ = ask(f, "www.example.org.", dns.TypeA)
	if m.Answer[0].Header().Ttl != 30 || m.Answer[0].(*dns.A).A.String() != "192.0.2.1" {
		t.Errorf("an earlier query's changes show in\n%v", m)
	}
}

func TestFailModes(t *testing.T) {
	tests := []struct{ fail, want string }{
		{"open", "NOERROR 192.0.2.1"},
		{"closed", "unwritten SERVFAIL <nil>"},
		{"closed REFUSED", "unwritten REFUSED <nil>"},
		{"closed NOTAUTH", "NOTAUTH"},
		{"closed NODATA", "NOERROR SOA example.org. 30/30"},
		{"next", "NOERROR 203.0.113.9"},
	}
	for _, tt := range tests {
		f := handlerOf(t, strings.Replace(pair, "check", "fail "+tt.fail+"\n\tcheck", 1))
		f.Next = nextSays(dns.RcodeSuccess, "www.example.org. 60 IN A 203.0.113.9")
		f.set(verdict.Unhealthy, "192.0.2.1", "192.0.2.2")
		expectAnswer(t, f, "www.example.org.", dns.TypeA, tt.want)
	}
}

func TestLimitIsARandomSubset(t *testing.T) {
	f := handlerOf(t, `failover www.example.org {
		primary 192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4
		check http
		limit 2
	}`)
	f.set(verdict.Unhealthy, "192.0.2.4")
	seen := map[string]bool{}
	for range 200 {
		m, _, _ := ask(f, "www.example.org.", dns.TypeA)
		if len(m.Answer) != 2 {
			t.Fatalf("%d answers", len(m.Answer))
		}
		for _, rr := range m.Answer {
			seen[rr.(*dns.A).A.String()] = true
		}
	}
	if len(seen) != 3 || seen["192.0.2.4"] {
		t.Errorf("answered %v", seen)
	}
}

func TestObserveMeasuresButAnswersAsIfHealthy(t *testing.T) {
	f := handlerOf(t, strings.Replace(pair, "check", "observe\n\tcheck", 1))
	f.set(verdict.Unhealthy, "192.0.2.1")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 192.0.2.1")
	if got := f.records[0].answers[0].Load().actual().Tier; got != 2 {
		t.Errorf("the actual tier is %d, want 2", got)
	}
}

func TestOtherQuestionsGoToTheNextPlugins(t *testing.T) {
	f := handlerOf(t, pair)
	f.Next = nextSays(dns.RcodeSuccess, "www.example.org. 60 IN TXT next")
	want := "NOERROR \"next\""
	expectAnswer(t, f, "www.example.org.", dns.TypeTXT, want)
	expectAnswer(t, f, "www.example.org.", dns.TypeANY, want)
	expectAnswer(t, f, "mail.example.org.", dns.TypeA, want)
	expectAnswer(t, f, "x.www.example.org.", dns.TypeA, want)
	for _, change := range []func(*dns.Msg){
		func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify },
		func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) },
	} {
		r := new(dns.Msg).SetQuestion("www.example.org.", dns.TypeA)
		change(r)
		w := dnstest.NewRecorder(&test.ResponseWriter{})
		if _, err := f.ServeDNS(context.Background(), w, r); err != nil || len(w.Msg.Answer) != 1 {
			t.Errorf("%v: answered %v, %v", r, w.Msg, err)
		}
	}
}

func TestTypesLeftOutGoToTheNextPlugins(t *testing.T) {
	f := handlerOf(t, strings.Replace(pair, "check", "types A\n\tcheck", 1))
	f.Next = nextSays(dns.RcodeSuccess, "www.example.org. 60 IN AAAA 2001:db8::9")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 192.0.2.1")
	expectAnswer(t, f, "www.example.org.", dns.TypeAAAA, "NOERROR 2001:db8::9")
}

func TestNamesThatExistAreNeverDenied(t *testing.T) {
	const soa = "example.org. 3600 IN SOA ns1.example.org. admin.example.org. 7 1 2 3 3600"
	f := handlerOf(t, `failover www.deep.example.org *.apps.example.org {
		primary 192.0.2.1
		check http
		ttl 12s
	}`)
	f.Next = nextSays(dns.RcodeNameError, soa)
	expectAnswer(t, f, "www.deep.example.org.", dns.TypeMX, "NOERROR SOA example.org. 12/12")
	expectAnswer(t, f, "x.y.apps.example.org.", dns.TypeMX, "NOERROR SOA example.org. 12/12")
	// These exist because of what is below them.
	expectAnswer(t, f, "deep.example.org.", dns.TypeA, "NOERROR SOA example.org. 30/30")
	expectAnswer(t, f, "apps.example.org.", dns.TypeA, "NOERROR SOA example.org. 30/30")
	expectAnswer(t, f, "example.org.", dns.TypeA, "NOERROR SOA example.org. 30/30")
	// These do not.
	expectAnswer(t, f, "x.www.deep.example.org.", dns.TypeA, "NXDOMAIN SOA example.org. 3600/3600")
	expectAnswer(t, f, "other.example.org.", dns.TypeA, "NXDOMAIN SOA example.org. 3600/3600")
}

func TestTheSOAOfADenialIsKept(t *testing.T) {
	f := handlerOf(t, pair)
	f.Next = nextSays(dns.RcodeNameError, "www.example.org. 3600 IN SOA their.ns. admin. 7 1 2 3 3600")
	m, _, _ := ask(f, "www.example.org.", dns.TypeMX)
	if soa, ok := m.Ns[0].(*dns.SOA); !ok || soa.Ns != "their.ns." || m.Authoritative {
		t.Errorf("replied\n%v", m)
	}
	// One from above the server block's zone could not be signed.
	f.Next = nextSays(dns.RcodeNameError, "org. 3600 IN SOA their.ns. admin. 7 1 2 3 3600")
	expectAnswer(t, f, "www.example.org.", dns.TypeMX, "NOERROR SOA example.org. 30/30")
}

func TestNoReplyOfTheNextPluginsIsNoData(t *testing.T) {
	says := func(rcode int, err error) plugin.Handler {
		return plugin.HandlerFunc(func(context.Context, dns.ResponseWriter, *dns.Msg) (int, error) { return rcode, err })
	}
	tests := []struct {
		next plugin.Handler
		want string
	}{
		{says(dns.RcodeServerFailure, nil), "NOERROR SOA example.org. 30/30"},
		{says(dns.RcodeServerFailure, fmt.Errorf("no healthy upstream")), "unwritten SERVFAIL no healthy upstream"},
		{nextSays(dns.RcodeServerFailure), "SERVFAIL"},
		{nextSays(dns.RcodeRefused), "REFUSED"},
	}
	for _, tt := range tests {
		f := handlerOf(t, pair)
		f.Next = tt.next
		expectAnswer(t, f, "www.example.org.", dns.TypeMX, tt.want)
	}
}

func TestTheEndOfTheChainKnowsOurNamesOnly(t *testing.T) {
	f := handlerOf(t, strings.Replace(pair, "www", "www.deep", 1))
	expectAnswer(t, f, "www.deep.example.org.", dns.TypeMX, "NOERROR SOA example.org. 30/30")
	expectAnswer(t, f, "deep.example.org.", dns.TypeMX, "NOERROR SOA example.org. 30/30")
	const nobody = "unwritten SERVFAIL plugin/failover: no next plugin found"
	expectAnswer(t, f, "mail.example.org.", dns.TypeMX, nobody)
	expectAnswer(t, f, "example.org.", dns.TypeAXFR, nobody)
}

func TestDenialAtTheEndOfACNAMEChainPasses(t *testing.T) {
	f := handlerOf(t, pair)
	f.Next = nextSays(dns.RcodeNameError, "www.example.org. 60 IN CNAME gone.example.org.")
	expectAnswer(t, f, "www.example.org.", dns.TypeMX, "NXDOMAIN gone.example.org.")
}

func TestHintsAreTakenOut(t *testing.T) {
	f := handlerOf(t, pair)
	const hinted = `www.example.org. 60 IN HTTPS 1 . alpn="h2" ipv4hint="192.0.2.9" ipv6hint="2001:db8::9"`
	f.Next = nextSays(dns.RcodeSuccess, hinted)
	expectAnswer(t, f, "www.example.org.", dns.TypeHTTPS, `NOERROR 1 . alpn="h2"`)
	expectAnswer(t, f, "other.example.org.", dns.TypeHTTPS, `NOERROR 1 . alpn="h2" ipv4hint="192.0.2.9" ipv6hint="2001:db8::9"`)
	f.Next = nextSays(dns.RcodeSuccess, hinted,
		"www.example.org. 60 IN RRSIG HTTPS 13 3 60 20300101000000 20200101000000 1 example.org. aaaa")
	m, _, _ := ask(f, "www.example.org.", dns.TypeHTTPS)
	if !strings.Contains(m.Answer[0].String(), "ipv4hint") {
		t.Errorf("a signed reply was changed:\n%v", m)
	}
}

// A key that is listed as mandatory but missing makes the record malformed.
func TestHintsAreTakenOutOfMandatoryToo(t *testing.T) {
	f := handlerOf(t, pair)
	f.Next = nextSays(dns.RcodeSuccess,
		`www.example.org. 60 IN HTTPS 1 . mandatory="alpn,ipv4hint" alpn="h2" ipv4hint="192.0.2.9"`,
		`www.example.org. 60 IN HTTPS 2 . mandatory="ipv6hint" alpn="h2" ipv6hint="2001:db8::9"`)
	expectAnswer(t, f, "www.example.org.", dns.TypeHTTPS, `NOERROR 1 . mandatory="alpn" alpn="h2" 2 . alpn="h2"`)
}

func TestAdditionalAddressesOfOurNamesAreTakenOut(t *testing.T) {
	f := handlerOf(t, strings.Replace(pair, "check", "types A\n\tcheck", 1))
	f.Next = plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		m := new(dns.Msg).SetReply(r)
		m.Answer = []dns.RR{test.MX("example.org. 60 IN MX 10 www.example.org.")}
		m.Extra = []dns.RR{
			test.A("WWW.example.org. 60 IN A 203.0.113.9"),
			test.AAAA("www.example.org. 60 IN AAAA 2001:db8::9"), // not a type of the record
			test.A("mail.example.org. 60 IN A 203.0.113.25"),
		}
		return dns.RcodeSuccess, w.WriteMsg(m)
	})
	for _, qname := range []string{"www.example.org.", "example.org."} {
		m, _, _ := ask(f, qname, dns.TypeMX)
		if len(m.Extra) != 2 || m.Extra[0].Header().Rrtype != dns.TypeAAAA || m.Extra[1].Header().Name != "mail.example.org." {
			t.Errorf("%s: replied\n%v", qname, m)
		}
	}
}

func TestNegativeAnswerOfALongNameIsWellFormed(t *testing.T) {
	long := strings.Repeat("a.", 118) + "example.org" // 247 characters
	f := handlerOf(t, strings.Replace(pair, "www.example.org", long, 1), ".")
	m, _, _ := ask(f, long+".", dns.TypeAAAA)
	wire, err := m.Pack()
	if err == nil {
		err = new(dns.Msg).Unpack(wire)
	}
	if err != nil {
		t.Errorf("%v in\n%v", err, m)
	}
}

func TestAnUpstreamThatFailsDoesNotChangeTheSOA(t *testing.T) {
	var c soaCache
	c.learn(nil)
	if c.known.Load().soa != nil {
		t.Error("there was none")
	}
	theirs := new(dns.SOA)
	c.learn(theirs)
	c.learn(nil)
	if known := c.known.Load(); known.soa != theirs || time.Until(known.until) > missed {
		t.Errorf("known is %+v", known)
	}
}

func TestNoDataAsksTheNextPluginsForTheSOAOnce(t *testing.T) {
	f := handlerOf(t, pair)
	asked := 0
	f.Next = plugin.HandlerFunc(func(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		asked++
		if q := r.Question[0]; q.Name != "www.example.org." || q.Qtype != dns.TypeSOA {
			t.Errorf("asked %v", q)
		}
		return nextSays(dns.RcodeNameError, "example.org. 3600 IN SOA their.ns. admin. 7 1 2 3 3600").ServeDNS(ctx, w, r)
	})
	theirs := func(m *dns.Msg) bool {
		return m.Rcode == 0 && len(m.Answer) == 0 && len(m.Ns) == 1 && m.Ns[0].(*dns.SOA).Ns == "their.ns." && m.Ns[0].Header().Ttl == 30
	}
	eventually.True(t, "theirs, which is waited for 20 ms only", func() bool {
		m, _, _ := ask(f, "www.EXAMPLE.org.", dns.TypeAAAA)
		return theirs(m)
	})
	for range 10 {
		if m, _, _ := ask(f, "www.EXAMPLE.org.", dns.TypeAAAA); !theirs(m) {
			t.Fatalf("replied\n%v", m)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

func TestNoDataDoesNotWaitForAnUpstreamThatHangs(t *testing.T) {
	f := handlerOf(t, pair)
	release := make(chan struct{})
	f.Next = plugin.HandlerFunc(func(context.Context, dns.ResponseWriter, *dns.Msg) (int, error) {
		<-release
		return dns.RcodeServerFailure, fmt.Errorf("timeout")
	})
	for range 10 {
		expectAnswer(t, f, "www.example.org.", dns.TypeAAAA, "NOERROR SOA example.org. 30/30")
	}
	close(release)
}

func TestNoDataSurvivesAPanicOfTheNextPlugins(t *testing.T) {
	f := handlerOf(t, pair)
	f.Next = plugin.HandlerFunc(func(context.Context, dns.ResponseWriter, *dns.Msg) (int, error) { panic("a bug") })
	expectAnswer(t, f, "www.example.org.", dns.TypeAAAA, "NOERROR SOA example.org. 30/30")
}

func TestOwnSOAInABlockForTheRoot(t *testing.T) {
	f := handlerOf(t, strings.Replace(pair, "www.example.org", "www.example.org *.example.net", 1), ".")
	expectAnswer(t, f, "www.example.org.", dns.TypeAAAA, "NOERROR SOA www.example.org. 30/30")
	expectAnswer(t, f, "a.example.net.", dns.TypeAAAA, "NOERROR SOA example.net. 30/30")
	expectAnswer(t, f, "org.", dns.TypeAAAA, "NOERROR SOA org. 30/30")
}

func TestWhichRecordAnswers(t *testing.T) {
	record := func(name, addr string) string {
		return fmt.Sprintf("failover %s {\n primary %s\n check http\n}\n", name, addr)
	}
	f := handlerOf(t, record("example.org", "192.0.2.1")+record("*.example.org", "192.0.2.2")+
		record("www.example.org", "192.0.2.3")+record("a.deep.example.org", "192.0.2.4")+
		record("*.sub.example.org", "192.0.2.5"))
	f.Next = nextSays(dns.RcodeNameError)
	tests := map[string]string{
		"example.org.":         "NOERROR 192.0.2.1",
		"x.example.org.":       "NOERROR 192.0.2.2",
		"x.y.z.example.org.":   "NOERROR 192.0.2.2",
		"www.example.org.":     "NOERROR 192.0.2.3",
		"x.www.example.org.":   "NXDOMAIN", // below a name that exists
		"a.deep.example.org.":  "NOERROR 192.0.2.4",
		"deep.example.org.":    "NOERROR SOA example.org. 30/30",
		"x.deep.example.org.":  "NXDOMAIN", // deep exists too
		"sub.example.org.":     "NOERROR SOA example.org. 30/30",
		"x.sub.example.org.":   "NOERROR 192.0.2.5",
		"x.y.sub.example.org.": "NOERROR 192.0.2.5",
		"*.example.org.":       "NOERROR 192.0.2.2",
		"\\052.example.org.":   "NOERROR 192.0.2.2",
		"ghost.*.example.org.": "NXDOMAIN", // "*" is a name that exists (RFC 4592, 2.2.1)
		"example.com.":         "NXDOMAIN",
		".":                    "NXDOMAIN",
	}
	for qname, want := range tests {
		expectAnswer(t, f, qname, dns.TypeA, want)
	}
}

// A name is found whatever its length, and the names that exist above it, and none that
// only begins like it.
func TestNamesOfEveryLength(t *testing.T) {
	const most = 63
	block := "failover"
	for n := range most {
		block += " a." + strings.Repeat("x", n+1) + ".example.org"
	}
	f := handlerOf(t, block+" {\n primary 192.0.2.1\n check http\n}")
	f.Next = nextSays(dns.RcodeNameError)
	for n := range most {
		above := strings.Repeat("x", n+1) + ".example.org."
		expectAnswer(t, f, "a."+above, dns.TypeA, "NOERROR 192.0.2.1")
		expectAnswer(t, f, above, dns.TypeA, "NOERROR SOA example.org. 30/30")
		expectAnswer(t, f, "b."+above, dns.TypeA, "NXDOMAIN")
		expectAnswer(t, f, "y"+above[1:], dns.TypeA, "NXDOMAIN")
		expectAnswer(t, f, "aa."+above, dns.TypeA, "NXDOMAIN")
	}
}

// Where a place has no name, no name is found, not even one of no letters.
func TestNoNameIsNone(t *testing.T) {
	var none ownName
	if none.is(nil) || none.is([]byte(".")) {
		t.Error("a place without a name has one")
	}
}

// A wildcard does not reach into another zone (RFC 4592, 2.1.3 and 4.2).
func TestWildcardEndsAtAZoneOfTheBlock(t *testing.T) {
	f := handlerOf(t, "failover *.example.org {\n primary 192.0.2.1\n check http\n}", "example.org.", "sub.example.org.")
	f.Next = nextSays(dns.RcodeRefused)
	expectAnswer(t, f, "x.example.org.", dns.TypeA, "NOERROR 192.0.2.1")
	expectAnswer(t, f, "sub.example.org.", dns.TypeA, "REFUSED")
	expectAnswer(t, f, "x.sub.example.org.", dns.TypeA, "REFUSED")
}

func TestSuffixesForCache(t *testing.T) {
	f := handlerOf(t, `failover www.example.org a.www.example.org *.apps.example.org b.apps.example.org example.net {
		primary 192.0.2.1
		check http
	}`, "example.org.", "example.net.")
	if got, want := fmt.Sprint(f.suffixes()), "[apps.example.org. example.net. www.example.org.]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if f.CacheBypassZones() != nil {
		t.Error("in front of cache there is nothing to bypass")
	}
	f.signed = true
	if len(f.CacheBypassZones()) != 3 {
		t.Error("behind cache all names bypass it")
	}
	many := "failover"
	for i := range mostBypassed + 1 {
		many += fmt.Sprintf(" n%d.example.org", i)
	}
	f = handlerOf(t, many+" {\n primary 192.0.2.1\n check http\n}")
	f.signed = true
	if f.CacheBypassZones() != nil {
		t.Error("a long list would slow every query down")
	}
	f = handlerOf(t, "failover *. {\n primary 192.0.2.1\n check http\n}", ".")
	if got := f.suffixes(); len(got) != 0 {
		t.Errorf("bypasses %v", got)
	}
}

func TestIPv6AnswerBytes(t *testing.T) {
	f := handlerOf(t, "failover www.example.org {\n primary 2001:db8::1 2001:db8::2\n check http\n}")
	m, _, _ := ask(f, "www.example.org.", dns.TypeAAAA)
	got, _ := netip.AddrFromSlice(m.Answer[1].(*dns.AAAA).AAAA)
	if got.String() != "2001:db8::2" {
		t.Errorf("answered %v", got)
	}
}
