package failover

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/coredns-failover/failover/plugin/status"
	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"
)

// chaos asks for the status of a record.
func chaos(t *testing.T, addr, name string) *dns.Msg {
	t.Helper()
	m := new(dns.Msg).SetQuestion(name, dns.TypeTXT)
	m.Question[0].Qclass = dns.ClassCHAOS
	reply, err := Exchange(m, addr)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

func TestStatusByDNS(t *testing.T) {
	s := steer(t, twoTiers(deadPort(t)))
	s.await("the switch", func() bool { return s.ask("www.example.org.") == "NOERROR 127.0.0.2" })
	text := summary(chaos(t, s.addr(), "WWW.example.org."), 0, nil)
	for _, words := range []string{
		`"IPv4: failed_over, tier 2 answers: 127.0.0.2"`, `"tier 1, target 127.0.0.1: unhealthy for `, "connection refused", `"tier 2, target 127.0.0.2: healthy"`,
	} {
		if !strings.Contains(text, words) {
			t.Errorf("the status lacks %s:\n%s", words, text)
		}
	}
	if got := chaos(t, s.addr(), "version.bind.").Rcode; got != dns.RcodeRefused {
		t.Errorf("version.bind gets %s", dns.RcodeToString[got])
	}
	if got := chaos(t, s.addr(), "mail.example.org.").Rcode; got != dns.RcodeRefused {
		t.Errorf("another name gets %s", dns.RcodeToString[got])
	}
}

// ede returns the Extended DNS Error of an answer, or nil.
func ede(t *testing.T, addr string, edns bool) *dns.EDNS0_EDE {
	t.Helper()
	m := new(dns.Msg).SetQuestion("www.example.org.", dns.TypeA)
	if edns {
		m.SetEdns0(1232, false)
	}
	reply, err := Exchange(m, addr)
	if err != nil {
		t.Fatal(err)
	}
	if opt := reply.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if e, ok := o.(*dns.EDNS0_EDE); ok {
				return e
			}
		}
	}
	return nil
}

func TestExtendedErrorWhileFailedOver(t *testing.T) {
	s := steer(t, twoTiers(listener(t)))
	s.awaitVerdict()
	if got := ede(t, s.addr(), true); got != nil {
		t.Errorf("while all is well it says %v", got)
	}
	s.must(status.Drain, status.Action{Target: "127.0.0.1", Reason: "new kernel"})
	got := ede(t, s.addr(), true)
	if got == nil || got.InfoCode != dns.ExtendedErrorCodeOther || got.ExtraText != "failed_over, tier 2 answers; target 127.0.0.1: drained by tester: new kernel" {
		t.Errorf("it says %v", got)
	}
	if got := ede(t, s.addr(), false); got != nil {
		t.Errorf("without EDNS it says %v", got)
	}
}

func TestStatusIsForThoseWhoMayKnow(t *testing.T) {
	s := steered{run(t, "example.org:0 {\n bind 127.0.0.1\n failover www.example.org {\n"+twoTiers(listener(t))+"\n }\n failover {\n status_to 192.0.2.0/24\n }\n}\n")}
	s.must(status.Drain, status.Action{Target: "127.0.0.1"})
	if got := ede(t, s.addr(), true); got != nil {
		t.Errorf("somebody else is told %v", got)
	}
	if got := chaos(t, s.addr(), "www.example.org.").Rcode; got != dns.RcodeRefused {
		t.Errorf("somebody else gets %s", dns.RcodeToString[got])
	}
}

// askEDE returns the text of the Extended DNS Error of an answer; "" without.
func askEDE(f *Failover, qname, client string) (text, answer string) {
	w := dnstest.NewRecorder(&test.ResponseWriter{RemoteIP: client})
	m := new(dns.Msg).SetQuestion(qname, dns.TypeA).SetEdns0(1232, false)
	rcode, err := f.ServeDNS(context.Background(), w, m)
	if w.Msg != nil && w.Msg.IsEdns0() != nil {
		for _, o := range w.Msg.IsEdns0().Option {
			if e, ok := o.(*dns.EDNS0_EDE); ok {
				text = e.ExtraText
			}
		}
	}
	return text, summary(w.Msg, rcode, err)
}

// An answer given while failed over says so, also where only the question told.
func TestExtendedErrorOfAWildcardWithNext(t *testing.T) {
	f := operated(t, "failover *.example.org {\n primary next\n secondary 192.0.2.2 {\n check none\n }\n check tcp 9 {\n interval 24h\n fast_interval 24h\n }\n probe 192.0.2.0/24\n}")
	f.Next = nextSays(dns.RcodeSuccess, "a.example.org. 60 IN A 192.0.2.1")
	ask(f, "a.example.org.", dns.TypeA)
	f.judge(map[string]verdict.Verdict{"192.0.2.1": verdict.Unhealthy})
	text, answer := askEDE(f, "a.example.org.", "10.0.0.1")
	if answer != "NOERROR 192.0.2.2" || !strings.Contains(text, "tier 2") {
		t.Errorf("answered %s, which says %q", answer, text)
	}
}

// And what it says is about this answer.
func TestExtendedErrorIsOfThisClient(t *testing.T) {
	f := operated(t, `failover www.example.org {
		primary 192.0.2.1 {
			clients 10.0.0.0/8
		}
		primary 192.0.2.3 {
			clients *
		}
		secondary 192.0.2.2 {
			clients *
		}
		policy clients
		check tcp 9 {
			interval 24h
			fast_interval 24h
		}
	}`)
	f.set(verdict.Healthy, "192.0.2.1", "192.0.2.2", "192.0.2.3")
	f.set(verdict.Unhealthy, "192.0.2.1", "192.0.2.3")
	f.set(verdict.Healthy, "192.0.2.1")
	text, answer := askEDE(f, "www.example.org.", "198.51.100.1")
	if strings.Contains(answer, "192.0.2.2") != strings.Contains(text, "tier 2") {
		t.Errorf("others: answered %s, which says %q", answer, text)
	}
	f.set(verdict.Unhealthy, "192.0.2.1")
	f.set(verdict.Healthy, "192.0.2.3")
	text, answer = askEDE(f, "www.example.org.", "10.0.0.1")
	if strings.Contains(answer, "192.0.2.2") != strings.Contains(text, "tier 2") {
		t.Errorf("10/8: answered %s, which says %q", answer, text)
	}
}

// RFC 8914, 2: EXTRA-TEXT is UTF-8.
func TestExtendedErrorIsUTF8(t *testing.T) {
	f := operated(t, "failover www.example.org {\n primary 192.0.2.1\n secondary 192.0.2.2\n check tcp 9 {\n interval 24h\n fast_interval 24h\n }\n}")
	for i := range 4 {
		reason := strings.Repeat("x", i) + strings.Repeat("ä", 240)
		if _, err := (source{}).Act("www.example.org", status.Drain, "me", status.Action{Target: "192.0.2.1", Reason: reason}); err != nil {
			t.Fatal(err)
		}
		if text, _ := askEDE(f, "www.example.org.", "10.0.0.1"); !utf8.ValidString(text) {
			t.Errorf("it ends in the middle of a letter: %q", text[len(text)-8:])
		}
	}
}

// What a record that observes says of itself: the tier and the addresses are of
// one decision.
func TestStatusOfObserve(t *testing.T) {
	f := operated(t, "failover www.example.org {\n primary 192.0.2.1\n secondary 192.0.2.2\n check tcp 9 {\n interval 24h\n fast_interval 24h\n }\n observe\n}")
	f.set(verdict.Healthy, "192.0.2.2")
	f.set(verdict.Unhealthy, "192.0.2.1")
	if line := f.records[0].report(time.Now())[0]; strings.Contains(line, "tier 2 answers: 192.0.2.1") {
		t.Errorf("it says %q", line)
	}
	if fam := f.records[0].summary().Families[0]; fam.State == "failed_over" && fam.Tier == 1 {
		t.Errorf("shown as state %s, tier %d", fam.State, fam.Tier)
	}
}

// A line of a TXT record arrives as it was said, wherever it is cut.
func TestTextOfBackslashes(t *testing.T) {
	for i := range 4 {
		line := strings.Repeat("x", 252+i) + `\\0123 end`
		m := new(dns.Msg).SetQuestion("www.example.org.", dns.TypeTXT)
		m.Response = true
		m.Answer = txt(m.Question[0], []string{line})
		wire, err := m.Pack()
		if err != nil {
			t.Errorf("%d: %v", i, err)
			continue
		}
		// Behind the header, the question, and what is in front of the data.
		rdata, got := wire[12+17+4+17+10:], ""
		for len(rdata) > 0 {
			n := 1 + int(rdata[0])
			got, rdata = got+string(rdata[1:n]), rdata[n:]
		}
		if got != line {
			t.Errorf("%d: sent %q, want %q", i, got[max(0, len(got)-20):], line[len(line)-20:])
		}
	}
}

// Without the plugin a question of class CHAOS got what the other blocks of the
// listener let through.
func TestChaosBesideABlockWithChaos(t *testing.T) {
	rest := "example.net:0 {\n bind 127.0.0.1\n chaos\n}\n"
	ask := func(corefile string) (rcode int) {
		t.Run("", func(t *testing.T) {
			r := run(t, corefile)
			rcode = chaos(t, r.addr(), "who.example.org.").Rcode
		})
		return rcode
	}
	without := ask("example.org:0 {\n bind 127.0.0.1\n whoami\n}\n" + rest)
	with := ask("example.org:0 {\n bind 127.0.0.1\n whoami\n" + oneRecord + "}\n" + rest)
	if with != without {
		t.Errorf("with the plugin %s, without it %s", dns.RcodeToString[with], dns.RcodeToString[without])
	}
}

// The file says what is said of a record by DNS: also what was learned below a
// wildcard.
func TestStatusByDNSOfWhatWasLearned(t *testing.T) {
	f := operated(t, "failover *.example.org {\n primary next\n secondary 192.0.2.2 {\n check none\n }\n check tcp 9 {\n interval 24h\n fast_interval 24h\n }\n probe 192.0.2.0/24\n}")
	f.Next = nextSays(dns.RcodeSuccess, "a.example.org. 60 IN A 192.0.2.1")
	ask(f, "a.example.org.", dns.TypeA)
	f.judge(map[string]verdict.Verdict{"192.0.2.1": verdict.Unhealthy})
	if text := strings.Join(f.records[0].report(time.Now()), "\n"); !strings.Contains(text, "192.0.2.1") {
		t.Errorf("the status lacks the address that is unhealthy:\n%s", text)
	}
}

// Who is answered an error learns why all the same.
func TestExtendedErrorOfFailClosed(t *testing.T) {
	for _, rcode := range []string{"SERVFAIL", "REFUSED", "NXRRSET"} {
		f := operated(t, "failover www.example.org {\n primary 192.0.2.1\n fail closed "+rcode+"\n check tcp 9 {\n interval 24h\n fast_interval 24h\n }\n}")
		f.set(verdict.Unhealthy, "192.0.2.1")
		text, answer := askEDE(f, "www.example.org.", "10.0.0.1")
		if want := "fail_closed, " + rcode + " is answered; target 192.0.2.1: "; answer != rcode || !strings.HasPrefix(text, want) {
			t.Errorf("answered %s, which says %q, want %q", answer, text, want)
		}
	}
}

// A family without an answer has none behind a colon.
func TestStatusOfAFamilyWithoutData(t *testing.T) {
	f := operated(t, "failover www.example.org {\n primary 192.0.2.1\n check tcp 9 {\n interval 24h\n fast_interval 24h\n }\n}")
	if lines := f.records[0].report(time.Now()); !slices.Contains(lines, "IPv6: normal, no data") {
		t.Errorf("it says %q", lines)
	}
}
