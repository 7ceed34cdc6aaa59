package test_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// recordsInFront are those that the tests of plugins in front ask for.
var recordsInFront = constant("www.example.org", "192.0.2.2") +
	constant("dual.example.org", "192.0.2.3 2001:db8::3")

// Plugins in front of failover, and those that change the server, do to its
// answers what they are there for, and nothing else.
func TestChainInFront(t *testing.T) {
	t.Parallel()
	answers := dialogue{
		"www.example.org A":     "192.0.2.2",
		"www.example.org AAAA":  "NODATA example.org. 7 7",
		"www.example.org MX":    "NODATA example.org. 7 7",
		"dual.example.org AAAA": "2001:db8::3",
		"other.example.org A":   "SERVFAIL",
	}
	for name, one := range map[string]struct {
		lines string
		more  dialogue
	}{
		"any": {"any", dialogue{"www.example.org ANY": `"ANY obsoleted" "See RFC 8482"`}},
		"rewrite": {
			"rewrite name exact old.example.org www.example.org",
			dialogue{"old.example.org A": "192.0.2.2", "old.example.org AAAA": "NODATA example.org. 7 7"},
		},
		"rewrite suffix": {
			"rewrite name suffix .old.example.org .example.org answer auto",
			dialogue{"www.old.example.org A": "192.0.2.2", "dual.old.example.org AAAA": "2001:db8::3"},
		},
		"rewrite type": {"rewrite type TXT A", dialogue{"www.example.org TXT": "192.0.2.2"}},
		"bufsize":      {"bufsize 512", nil},
		"minimal":      {"minimal", nil},
		"multisocket":  {"multisocket 2", nil},
		"loadbalance":  {"loadbalance", nil},
		"nsid":         {"nsid here", nil},
		"header":       {"header {\nresponse set ra\n}", nil},
		"all": {
			"any\nbufsize 1232\nminimal\nmultisocket 2\nloadbalance\nnsid here\ncache 60\nlog\nmetadata\n" +
				"ready {$READY}\nhealth {$HEALTH}\nreload\nloop\nacl {\nallow net 127.0.0.0/8\n}",
			dialogue{"www.example.org ANY": `"ANY obsoleted" "See RFC 8482"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, block("example.org:{$PORT}", one.lines+recordsInFront))
			s.mustSay(t, answers)
			s.mustSay(t, one.more)
		})
	}
}

// rewrite gives the answer back under the name that was asked for, and the
// metadata tell which record answered. log sees both.
func TestChainRewrite(t *testing.T) {
	t.Parallel()
	s := start(t, block("example.org:{$PORT}", `
    metadata
    log . "{name} {type} {rcode} by {/failover/record} {/failover/tier} {/failover/target}"
    rewrite name exact old.example.org www.example.org
`+recordsInFront))
	reply := s.exchange(t, "udp", question("OLD.example.org", dns.TypeA))
	if len(reply.Answer) != 1 || !strings.EqualFold(reply.Answer[0].Header().Name, "old.example.org.") {
		t.Errorf("got %v, want an answer for old.example.org", reply.Answer)
	}
	s.log.await(t, 1, "old.example.org. A NOERROR by www.example.org. 1 192.0.2.2")
	s.mustSay(t, dialogue{"other.example.org A": "SERVFAIL"})
	s.log.await(t, 1, "other.example.org. A SERVFAIL by - - -")
}

// loadbalance changes the order of an answer and rewrite its owner, in place,
// and never those of another answer that is under way.
func TestChainLoadbalance(t *testing.T) {
	t.Parallel()
	s := start(t, block("example.org:{$PORT}", "loadbalance round_robin\n"+
		"rewrite name exact old.example.org www.example.org\n"+
		constant("www.example.org", "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4")))
	var (
		asking sync.WaitGroup
		first  sync.Map // the addresses that came first
	)
	for _, name := range []string{"www.example.org.", "old.example.org.", "WWW.example.org.", "OLD.example.org."} {
		for range 2 {
			asking.Go(func() {
				for range 50 {
					reply := s.exchange(t, "udp", question(name, dns.TypeA))
					if got := said(reply); got != "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4" {
						t.Errorf("%s: got %s", name, got)
						return
					}
					for _, rr := range reply.Answer {
						if !strings.EqualFold(rr.Header().Name, name) {
							t.Errorf("%s is answered with %v", name, rr)
						}
					}
					first.Store(reply.Answer[0].(*dns.A).A.String(), true)
				}
			})
		}
	}
	asking.Wait()
	different := 0
	first.Range(func(_, _ any) bool { different++; return true })
	if different != 4 {
		t.Errorf("in 400 answers, %d addresses come first, want each of the four", different)
	}
}

// queryFrom is query from an address of the client's.
func (s *server) queryFrom(t testing.TB, ip, name string, qtype uint16) string {
	t.Helper()
	client := dns.Client{Timeout: patience, Dialer: &net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(ip)}}}
	reply, _, err := client.Exchange(question(name, qtype), s.endpoint())
	if err != nil {
		t.Fatal(err)
	}
	return said(reply)
}

// A client that acl blocks gets no answer of ours.
func TestChainACL(t *testing.T) {
	t.Parallel()
	friend, stranger := newIP(t), newIP(t)
	s := start(t, block("example.org:{$PORT}", `
    acl {
        allow net {$FRIEND}
        block
    }
`+recordsInFront), vars{"FRIEND": friend})
	for ip, want := range map[string]string{friend: "192.0.2.2", stranger: "REFUSED"} {
		if got := s.queryFrom(t, ip, "www.example.org", dns.TypeA); got != want {
			t.Errorf("%s gets %s, want %s", ip, got, want)
		}
	}
}

// A name may be a record in each view of a zone, with targets and metrics of
// its own.
func TestChainView(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	inside, outside := newIP(t), newIP(t)
	view := func(name, expression string) string {
		return "view " + name + " {\nexpr " + expression + "\n}\n"
	}
	s := start(t, fast+
		block("example.org:{$PORT}", view("inside", "client_ip() == '{$INSIDE}'")+
			switching("www.example.org", "192.0.2.1", "192.0.2.2"))+
		block("example.org:{$PORT}", view("texts", "type() == 'TXT'")+
			"template IN TXT example.org {\nanswer \"{{ .Name }} 60 IN TXT text\"\n}\n"+
			constant("www.example.org", "192.0.2.9"))+
		block("example.org:{$PORT}", switching("www.example.org", "192.0.2.3", "192.0.2.4")),
		sites.vars(), vars{"INSIDE": inside})
	mustSay := func(ip string, qtype uint16, want string) {
		t.Helper()
		if got := s.queryFrom(t, ip, "www.example.org", qtype); got != want {
			t.Errorf("%s gets %s, want %s", ip, got, want)
		}
	}
	mustSay(inside, dns.TypeA, "192.0.2.1")
	mustSay(outside, dns.TypeA, "192.0.2.3")
	mustSay(outside, dns.TypeTXT, `"text"`)

	sites[0].stop()
	s.awaitTier(t, 2, "www.example.org", 2) // in both views
	mustSay(inside, dns.TypeA, "192.0.2.2")
	mustSay(outside, dns.TypeA, "192.0.2.4")
	mustSay(outside, dns.TypeA, "192.0.2.4")

	m := s.metrics(t)
	for _, one := range []struct {
		view, target string
		healthy      float64
		answers      float64 // of tier 2
	}{
		{"inside", "192.0.2.1", 0, 1},
		{"inside", "192.0.2.2", 1, 1},
		{"texts", "192.0.2.9", 1, 0},
		{"", "192.0.2.3", 0, 2},
		{"", "192.0.2.4", 1, 2},
	} {
		view, target := fmt.Sprintf("view=%q", one.view), fmt.Sprintf("target=%q", one.target)
		if got := m.sum("coredns_failover_target_healthy", view, target); got != one.healthy {
			t.Errorf("in view %q, the health of %s is %v, want %v", one.view, one.target, got, one.healthy)
		}
		if got := m.sum("coredns_failover_answers_total", view, `tier="2"`); got != one.answers {
			t.Errorf("in view %q, tier 2 has had %v answers, want %v", one.view, got, one.answers)
		}
	}
}

// The metrics are named as Prometheus advises, and their number does not grow
// with what is asked.
func TestChainMetrics(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	s := start(t, fast+block("example.org:{$PORT}", switching("*.example.org", "192.0.2.1", "192.0.2.2")), sites.vars())
	s.log.await(t, 2, "unknown -> healthy")
	s.query(t, "first.example.org", dns.TypeA)
	_, body := s.get(t, "METRICS", "/metrics")
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		if strings.HasPrefix(problem.Metric, "coredns_failover_") {
			t.Errorf("%s: %s", problem.Metric, problem.Text)
		}
	}
	series := func() (n int) {
		for _, line := range s.metrics(t) {
			if strings.HasPrefix(line, "coredns_failover_") {
				n++
			}
		}
		return n
	}
	before := series()
	for n := range 100 {
		s.query(t, fmt.Sprintf("n%d.example.org", n), dns.TypeA)
	}
	if after := series(); after != before || before == 0 {
		t.Errorf("%d series have become %d after a hundred names", before, after)
	}
}

// nsid adds the server's name to a question with EDNS that asks for it.
func TestChainNSID(t *testing.T) {
	t.Parallel()
	s := start(t, block("example.org:{$PORT}", "nsid here\n"+recordsInFront))
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeMX} {
		m := withDO(question("www.example.org", qtype))
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID}}
		reply := s.exchange(t, "udp", m)
		if opt := reply.IsEdns0(); opt == nil || !strings.Contains(opt.String(), "NSID: 68657265 ") {
			t.Errorf("%s: got %v, want the NSID", dns.TypeToString[qtype], opt)
		}
	}
}

// dns64 makes IPv6 addresses of our IPv4 addresses, of those that answer now.
func TestChainDNS64(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	s := start(t, fast+block("example.org:{$PORT}", "dns64 {\nallow_ipv4\n}\n"+
		switching("www.example.org", "192.0.2.1", "192.0.2.2")+
		switching("dual.example.org", "192.0.2.3 2001:db8::3", "192.0.2.4 2001:db8::4")), sites.vars())
	s.mustSay(t, dialogue{
		"www.example.org A":     "192.0.2.1",
		"www.example.org AAAA":  "64:ff9b::c000:201",
		"dual.example.org AAAA": "2001:db8::3",
	})
	sites[0].stop()
	for _, name := range []string{"www.example.org", "dual.example.org"} {
		s.awaitTier(t, 1, name, 2)
	}
	s.mustSay(t, dialogue{
		"www.example.org A":     "192.0.2.2",
		"www.example.org AAAA":  "64:ff9b::c000:202",
		"dual.example.org AAAA": "2001:db8::4",
	})
}
