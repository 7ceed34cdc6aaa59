package test_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// nextOfWWW is www.example.org with what the next plugins answer for it.
var nextOfWWW = aliasRecord("www.example.org", "primary next\nsecondary {$T1}")

// The reply of the next plugins is filtered by health, and when nothing is left
// of it the next tier answers.
func TestNextFilters(t *testing.T) {
	t.Parallel()
	for name, record := range map[string]string{"one name": nextOfWWW, "wildcard": nextWildcard("")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sites := startTargets(t, 3, ok)
			both := sorted([]string{sites[1].ip, sites[2].ip})
			origin := startAliasOrigin(t, aliasA("www", sites[1].ip, sites[2].ip))
			s := start(t, zone("forward . {$ORIGIN}\n"+record), sites.vars(), origin.vars())
			mustAnswer(t, s, "www.example.org", dns.TypeA, both)
			s.log.await(t, 3, "unknown -> healthy")
			sites[2].stop()
			awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
			mustAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
			sites[1].stop()
			awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
			mustAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
			sites[1].start(t)
			sites[2].start(t)
			awaitAnswer(t, s, "www.example.org", dns.TypeA, both)
		})
	}
}

// Only the unhealthy addresses are taken out: CNAMEs in front, other sections,
// EDNS and flags stay as they are.
func TestNextKeepsAllElse(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string]string{"file": "file {$ZONE}\n", "forward": "forward . {$ORIGIN}\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sites := startTargets(t, 3, ok)
			data := "@ 600 IN NS ns\nns 600 IN A 192.0.2.53\nwww 600 IN CNAME web\nweb 600 IN CNAME web2\n" +
				"$TTL 600\n" + aliasA("web2", sites[1].ip, sites[2].ip)
			origin := startAliasOrigin(t, data)
			s := startNextPair(t, lines, aliasRecord("www.example.org", "primary next\nsecondary {$T1}\nttl 86400s"),
				sites.vars(), origin.vars(), vars{"ZONE": writeFile(t, "zone", aliasSOA+data)})
			s.log.await(t, 3, "unknown -> healthy")
			compare := func(unwanted ...string) {
				t.Helper()
				for _, network := range []string{"udp", "tcp"} {
					s.mustEqual(t, network, question("www.example.org", dns.TypeA), unwanted...)
					s.mustEqual(t, network, question("wWw.eXample.org", dns.TypeA), unwanted...)
					s.mustEqual(t, network, withDO(question("www.example.org", dns.TypeA)), unwanted...)
				}
			}
			compare()
			sites[2].stop()
			awaitAnswer(t, s.server, "www.example.org", dns.TypeA, sites[1].ip)
			compare(sites[2].ip)
		})
	}
}

// The TTL is the smaller of the record's and the reply's own.
func TestNextTTL(t *testing.T) {
	t.Parallel()
	origin := startAliasOrigin(t, "long 600 IN A 192.0.2.1\nshort 2 IN A 192.0.2.2\n")
	s := start(t, zone("forward . {$ORIGIN}\nfailover long.example.org short.example.org {\nprimary next\ncheck none\nttl 7s\n}\n"), origin.vars())
	for name, want := range map[string]string{
		"long.example.org":  "long.example.org. 7 IN A 192.0.2.1",
		"short.example.org": "short.example.org. 2 IN A 192.0.2.2",
	} {
		if got := s.answerOf(t, name, dns.TypeA); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// The first question for an address that nobody has probed is answered at once,
// and from then on it is probed.
func TestNextFirstQuestion(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	sites[1].stop()
	origin := startAliasOrigin(t, aliasA("any", sites[1].ip))
	s := start(t, zone("forward . {$ORIGIN}\n"+nextWildcard("")), sites.vars(), origin.vars())
	s.awaitMetric(t, 1, "checks")
	if got := s.ask(t, "any.example.org", dns.TypeA); got != sites[1].ip {
		t.Errorf("the first question gets %s, want %s", got, sites[1].ip)
	}
	s.awaitMetric(t, 2, "checks")
	s.log.await(t, 1, "record *.example.org, tier 1, target next ("+sites[1].ip+"), check", "unknown -> unhealthy")
	mustAnswer(t, s, "any.example.org", dns.TypeA, sites[0].ip)
}

// Under a wildcard, denials and referrals pass as they are.
func TestNextWildcardPasses(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string]string{"file": "file {$ZONE}\n", "forward": "forward . {$ORIGIN}\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sites := startTargets(t, 2, ok)
			data := aliasA("www", sites[1].ip) + "deep.ent IN A 192.0.2.1\ntext IN TXT text\n" +
				"sub IN NS ns.sub\nns.sub IN A 192.0.2.53\ndangling IN CNAME nowhere\n"
			origin := startAliasOrigin(t, data)
			s := startNextPair(t, lines, nextWildcard(""),
				sites.vars(), origin.vars(), vars{"ZONE": writeFile(t, "zone", aliasSOA+data)})
			for _, name := range []string{"www", "nowhere", "x.nowhere", "text", "ent", "x.sub", "sub", "ns.sub", "dangling"} {
				for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeTXT} {
					s.mustEqual(t, "udp", question(name+".example.org", qtype))
					s.mustEqual(t, "tcp", withDO(question(name+".example.org", qtype)))
				}
			}
		})
	}
}

// Under a wildcard, failure and silence go to the next tier.
func TestNextWildcardFailures(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*aliasOrigin){
		"SERVFAIL": func(o *aliasOrigin) { o.rcode = dns.RcodeServerFailure },
		"silence":  func(o *aliasOrigin) { o.mute = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sites := startTargets(t, 2, ok)
			origin := startAliasOrigin(t, aliasA("www", sites[1].ip))
			s := start(t, zone("forward . {$ORIGIN} {\nmax_fails 0\n}\n"+nextWildcard("")), sites.vars(), origin.vars())
			mustAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
			origin.set(func() { fail(origin) })
			if got := s.ask(t, "www.example.org", dns.TypeA); got != sites[0].ip {
				t.Errorf("got %s, want %s", got, sites[0].ip)
			}
			origin.set(func() { origin.rcode, origin.mute = 0, false })
			awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
		})
	}
}

// A record of one name exists, so denials mean no candidates.
func TestNextDeniedName(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 1, ok)
	origin := startAliasOrigin(t, "text IN TXT text\n")
	s := start(t, zone("forward . {$ORIGIN}\n"+
		aliasRecord("gone.example.org", "primary next\nsecondary {$T1}")+
		aliasRecord("text.example.org", "primary next\nsecondary {$T1}")+
		"failover alone.example.org {\nprimary next\ncheck none\nttl 7s\n}\n"), sites.vars(), origin.vars())
	for _, name := range []string{"gone.example.org", "text.example.org"} {
		mustAnswer(t, s, name, dns.TypeA, sites[0].ip)
		mustAnswer(t, s, name, dns.TypeAAAA, "NODATA")
	}
	s.mustSay(t, dialogue{"alone.example.org A": "NODATA example.org. 7 7", "text.example.org TXT": `"text"`})
}

// Checks of a wildcard go by the name asked for.
func TestNextHostIsTheNameAskedFor(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	origin := startAliasOrigin(t, aliasA("one", sites[1].ip)+aliasA("two", sites[1].ip))
	s := start(t, zone("forward . {$ORIGIN}\n"+nextWildcard("")), sites.vars(), origin.vars())
	for _, name := range []string{"oNe.example.org", "two.example.org"} {
		mustAnswer(t, s, name, dns.TypeA, sites[1].ip)
	}
	s.awaitMetric(t, 3, "checks")
	want := []string{"one.example.org:" + sites[1].port, "two.example.org:" + sites[1].port}
	var seen []string
	await(t, func() string {
		if r := sites[1].request(); r != nil && !slices.Contains(seen, r.Host) {
			seen = append(seen, r.Host)
		}
		if len(seen) < len(want) {
			return fmt.Sprintf("the hosts asked for are %q", seen)
		}
		return ""
	})
	if slices.Sort(seen); !slices.Equal(seen, want) {
		t.Errorf("the hosts asked for are %q, want %q", seen, want)
	}
}

// What is outside of probe is never probed, and healthy; without it, loopback
// addresses that were learned are not probed either.
func TestNextProbe(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		probe string
		left  []int // of the targets that are down
	}{
		"inside and outside": {"probe {$T2}/32", []int{2}},
		"outside":            {"probe 192.0.2.0/24", []int{1, 2}},
		"default":            {"", []int{1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sites := startTargets(t, 3, failing)
			sites[0].behave(ok)
			origin := startAliasOrigin(t, aliasA("www", sites[1].ip, sites[2].ip))
			s := start(t, zone("forward . {$ORIGIN}\nfailover www.example.org {\nprimary next\nsecondary {$T1}\n"+one.probe+
				"\ncheck http {\nport {$TARGET_PORT}\nimport fast\n}\n}\n"), sites.vars(), origin.vars())
			var want []string
			for _, i := range one.left {
				want = append(want, sites[i].ip)
			}
			awaitAnswer(t, s, "www.example.org", dns.TypeA, sorted(want))
			sites[0].awaitProbes(t, 3)
			for _, i := range one.left {
				if n := sites[i].probes(); n > 0 {
					t.Errorf("%s has had %d probes", sites[i].ip, n)
				}
			}
			mustAnswer(t, s, "www.example.org", dns.TypeA, sorted(want))
		})
	}
}

// What next has replied with is kept over a reload, with its health.
func TestNextReload(t *testing.T) {
	t.Parallel()
	for name, record := range map[string]string{"one name": nextOfWWW, "wildcard": nextWildcard("")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sites := startTargets(t, 3, ok)
			origin := startAliasOrigin(t, aliasA("www", sites[1].ip, sites[2].ip))
			s := start(t, zone("forward . {$ORIGIN}\n"+record), sites.vars(), origin.vars())
			s.ask(t, "www.example.org", dns.TypeA)
			s.log.await(t, 3, "unknown -> healthy")
			sites[1].stop()
			s.log.await(t, 1, "("+sites[1].ip+"), check", "healthy -> unhealthy")
			f := startFlood(t, s, "www.example.org", 1000)
			for range 3 {
				f.awaitAnswers(t, 300)
				s.reload(t, s.readCorefile()+"\n# again\n")
			}
			f.awaitAnswers(t, 300)
			for answer, n := range f.stop(t) {
				if answer != sites[2].ip {
					t.Errorf("%d answers are %s, want %s", n, answer, sites[2].ip)
				}
			}
			s.log.mustLog(t, 4, " -> ")
		})
	}
}

// next is answered out of the cache, health or not.
func TestNextBehindCache(t *testing.T) {
	t.Parallel()
	for name, record := range map[string]string{"one name": nextOfWWW, "wildcard": nextWildcard("")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sites := startTargets(t, 3, ok)
			origin := startAliasOrigin(t, "$TTL 600\n"+aliasA("www", sites[1].ip, sites[2].ip))
			s := start(t, zone("cache 3600\nforward . {$ORIGIN}\n"+record), sites.vars(), origin.vars())
			mustAnswer(t, s, "www.example.org", dns.TypeA, sorted([]string{sites[1].ip, sites[2].ip}))
			s.log.await(t, 3, "unknown -> healthy")
			sites[1].stop()
			awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[2].ip)
			sites[2].stop()
			awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
			sites[1].start(t)
			awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
			if n := origin.questions("www.example.org", dns.TypeA); n > 3 { // with DO and without, and twice at once in the beginning
				t.Errorf("upstream is asked %d times", n)
			}
		})
	}
}

// A silent upstream does not keep the other tiers from answering for longer
// than the upstream itself takes.
func TestNextSilentUpstream(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 1, ok)
	s := start(t, zone("forward . {$ORIGIN}\n"+nextOfWWW), sites.vars(), vars{"ORIGIN": silentUpstream(t)})
	began := time.Now()
	if got := s.ask(t, "www.example.org", dns.TypeA); got != sites[0].ip {
		t.Errorf("got %s, want %s", got, sites[0].ip)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("that took %v", took)
	}
}
