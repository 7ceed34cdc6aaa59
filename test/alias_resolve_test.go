package test_test

import (
	"testing"

	"github.com/miekg/dns"
)

// An alias is answered with what the name has of the asked type, under the
// record's own name and without a CNAME, wherever the name's data are; and the
// very first question gets it.
func TestAliasSources(t *testing.T) {
	t.Parallel()
	const zoneData = aliasSOA + `
web    20 IN A     192.0.2.1
web    20 IN AAAA  2001:db8::1
chain  20 IN CNAME chain2
chain2 10 IN CNAME web
far    20 IN CNAME far.example.net.
`
	const netData = "$ORIGIN example.net.\n@ 60 IN SOA ns hostmaster 1 7200 3600 1209600 1\n" +
		"far 60 IN CNAME farther\nfarther 15 IN A 192.0.2.1\nfarther 15 IN AAAA 2001:db8::1\n"
	with := vars{"ORG": writeFile(t, "org", zoneData), "NET": writeFile(t, "net", netData)}
	const file, forward = "file {$ORG} example.org\n", "forward . {$ORIGIN}\n"
	for name, one := range map[string]struct {
		keys, lines, more string
		alias, ttl        string
		short             bool
	}{
		"file":                      {lines: file, alias: "web.example.org", ttl: "20"},
		"chain in a file":           {lines: file, alias: "chain.example.org", ttl: "10"},
		"chain to a zone beside it": {keys: "example.org:{$PORT} example.net:{$PORT}", lines: file + "file {$NET} example.net\n", alias: "far.example.org", ttl: "15"},
		"chain to another server block": {
			lines: file, more: block("example.net:{$PORT}", "file {$NET}"), alias: "far.example.org", ttl: "15",
		},
		"hosts":                        {lines: "hosts {\n192.0.2.1 web.example.org\n2001:db8::1 web.example.org\nttl 20\n}\n", alias: "web.example.org", ttl: "20"},
		"chain from a file to forward": {keys: ".:{$PORT}", lines: file + forward, alias: "far.example.org", ttl: "5"},
		"forward":                      {lines: forward, alias: "web.example.org", ttl: "20"},
		"chain at the upstream":        {lines: forward, alias: "chain.example.org", ttl: "10"},
		"chain that stops short":       {lines: forward, alias: "chain.example.org", ttl: "10", short: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			origin := startAliasOrigin(t, zoneData+"far.example.net. 5 IN A 192.0.2.1\nfar.example.net. 5 IN AAAA 2001:db8::1\n")
			origin.set(func() { origin.short = one.short })
			keys := one.keys
			if keys == "" {
				keys = "example.org:{$PORT}"
			}
			s := start(t, block(keys, one.lines+"failover www.example.org {\nprimary "+one.alias+
				"\nsecondary 192.0.2.9\ncheck none\n}")+one.more, with, origin.vars())
			for qtype, want := range map[uint16]string{dns.TypeA: "A 192.0.2.1", dns.TypeAAAA: "AAAA 2001:db8::1"} {
				want = "wWw.example.org. " + one.ttl + " IN " + want
				if got := s.answerOf(t, "wWw.example.org", qtype); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
		})
	}
}

// The TTL is the smaller of the record's and the name's, and what the name has
// is asked for again when that is over.
func TestAliasTTL(t *testing.T) {
	t.Parallel()
	origin := startAliasOrigin(t, "long 600 IN A 192.0.2.1\nshort 2 IN A 192.0.2.2\n")
	s := start(t, zone("forward . {$ORIGIN}\n"+
		"failover long.www.example.org {\nprimary long.example.org\ncheck none\nttl 7s\n}\n"+
		"failover short.www.example.org {\nprimary short.example.org\ncheck none\nttl 7s\n}\n"), origin.vars())
	for name, want := range map[string]string{
		"long.www.example.org":  "long.www.example.org. 7 IN A 192.0.2.1",
		"short.www.example.org": "short.www.example.org. 2 IN A 192.0.2.2",
	} {
		if got := s.answerOf(t, name, dns.TypeA); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	origin.awaitQuestions(t, "short.example.org", dns.TypeA, 3)
	if n := origin.questions("long.example.org", dns.TypeA); n != 1 {
		t.Errorf("a name with a TTL of 600 s has been asked for %d times", n)
	}
}

// Every address of an alias is probed on its own.
func TestAliasEachAddressIsProbed(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 4, ok)
	sites[2].behave(failing)
	origin := startAliasOrigin(t, aliasA("web", sites[1].ip, sites[2].ip, sites[3].ip))
	s := start(t, aliasBehind, sites.vars(), origin.vars())
	s.log.await(t, 1, "target web.example.org ("+sites[2].ip+"), check http", "unknown -> unhealthy", "status 503")
	s.log.await(t, 3, "unknown -> healthy")
	mustAnswer(t, s, "www.example.org", dns.TypeA, sorted([]string{sites[1].ip, sites[3].ip}))

	sites[1].stop()
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[3].ip)
	sites[3].stop()
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
	sites[2].behave(ok)
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[2].ip)
}

// An address that stays keeps its verdict, one that appears begins anew, and one
// that vanishes is probed no more. The log tells of it once.
func TestAliasAddressesComeAndGo(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 4, ok)
	origin := startAliasOrigin(t, aliasA("web", sites[1].ip, sites[2].ip))
	s := start(t, aliasBehind, sites.vars(), origin.vars())
	s.log.await(t, 3, "unknown -> healthy")
	sites[2].behave(failing)
	s.log.await(t, 1, "("+sites[2].ip+"), check", "healthy -> unhealthy")

	origin.has(t, aliasA("web", sites[2].ip, sites[3].ip))
	neverAnswer(t, s, "www.example.org", []string{sites[1].ip, sites[3].ip}, func() string {
		if len(s.log.find("("+sites[3].ip+"), check", "unknown -> healthy")) == 0 {
			return "the new address has no verdict"
		}
		return ""
	})
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[3].ip)
	probed := sites[1].probes()
	sites[3].awaitProbes(t, 3)
	if more := sites[1].probes() - probed; more > 1 {
		t.Errorf("the address that has vanished is probed %d times more", more)
	}
	was := sorted([]string{sites[1].ip, sites[2].ip})
	is := sorted([]string{sites[2].ip, sites[3].ip})
	s.log.mustLog(t, 1, ": "+was+", was nothing")
	s.log.mustLog(t, 1, ": "+is+", was "+was)
	s.log.mustLog(t, 2, "("+sites[2].ip+"), check", " -> ")
	s.awaitMetric(t, 3, "checks")

	origin.has(t, aliasA("web", sites[1].ip, sites[2].ip)) // back, and unknown again
	s.log.await(t, 2, "("+sites[1].ip+"), check", "unknown -> healthy")
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
}

// A name with addresses of one family has no data in the other, as long as its
// tier is eligible; then the next tier answers both.
func TestAliasFamilies(t *testing.T) {
	t.Parallel()
	sites := startTargetsAt(t, []string{newIP(t), newIP(t), "::1"}, nil, ok)
	origin := startAliasOrigin(t, aliasA("web", sites[1].ip)+"six IN AAAA ::1\n"+aliasA("both", sites[1].ip)+"both IN AAAA ::1\n")
	s := start(t, zone("forward . {$ORIGIN}\n"+
		aliasRecord("four.www.example.org", "primary web.example.org\nsecondary {$T1} ::1")+
		aliasRecord("six.www.example.org", "primary six.example.org\nsecondary {$T1}")+
		aliasRecord("both.www.example.org", "primary both.example.org\nsecondary {$T1}")), sites.vars(), origin.vars())
	s.log.await(t, 3, "unknown -> healthy")
	mustAnswer(t, s, "four.www.example.org", dns.TypeA, sites[1].ip)
	mustAnswer(t, s, "four.www.example.org", dns.TypeAAAA, "NODATA")
	mustAnswer(t, s, "six.www.example.org", dns.TypeA, "NODATA")
	mustAnswer(t, s, "six.www.example.org", dns.TypeAAAA, "::1")
	mustAnswer(t, s, "both.www.example.org", dns.TypeA, sites[1].ip)
	mustAnswer(t, s, "both.www.example.org", dns.TypeAAAA, "::1")

	sites[1].stop()
	awaitAnswer(t, s, "four.www.example.org", dns.TypeA, sites[0].ip)
	awaitAnswer(t, s, "four.www.example.org", dns.TypeAAAA, "::1")
	awaitAnswer(t, s, "both.www.example.org", dns.TypeA, sites[0].ip)
	mustAnswer(t, s, "both.www.example.org", dns.TypeAAAA, "::1")
}
