package test_test

import (
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// A name that is gone, be it denied or without data, has no address,
// once it was said often enough; it is unhealthy then, and comes back by itself.
func TestAliasWithoutData(t *testing.T) {
	t.Parallel()
	for name, without := range map[string]string{"NXDOMAIN": "", "NODATA": `web IN TXT "here"` + "\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sites := startTargets(t, 2, ok)
			origin := startAliasOrigin(t, aliasA("web", sites[1].ip))
			s := start(t, aliasBehind, sites.vars(), origin.vars())
			s.log.await(t, 2, "unknown -> healthy")
			mustAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)

			origin.has(t, without)
			neverAnswer(t, s, "www.example.org", []string{sites[0].ip, sites[1].ip}, func() string {
				if len(s.log.find("has no address")) == 0 {
					return "the name still has an address"
				}
				return ""
			})
			awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
			s.awaitMetric(t, 1, "checks")
			origin.awaitQuestions(t, "web.example.org", dns.TypeA, 3)

			origin.has(t, aliasA("web", sites[1].ip))
			awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
			s.log.mustMatchOnce(t,
				"tier 1, target web.example.org: has no address, was "+sites[1].ip)
			s.log.mustLog(t, 2, "target web.example.org: "+sites[1].ip+", was nothing") // at the start, and now
		})
	}
}

// A single answer without data changes nothing.
func TestAliasWithoutDataOnce(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	origin := startAliasOrigin(t, aliasA("web", sites[1].ip))
	s := start(t, aliasBehind, sites.vars(), origin.vars())
	started := time.Now()
	s.log.await(t, 2, "unknown -> healthy")
	await(t, func() string {
		if time.Since(started) < 10*time.Second {
			return "the process is too young: answers without data do not count"
		}
		return ""
	})
	origin.has(t, "")
	origin.awaitQuestions(t, "web.example.org", dns.TypeA, 1)
	origin.has(t, aliasA("web", sites[1].ip))
	neverAnswer(t, s, "www.example.org", []string{sites[1].ip}, func() string {
		if origin.questions("web.example.org", dns.TypeA) < 15 {
			return "the name has not been asked for often enough"
		}
		return ""
	})
	s.log.mustLog(t, 0, "has no address")
}

// aliasFailures are the ways in which an origin has no answer.
var aliasFailures = map[string]func(*aliasOrigin){
	"SERVFAIL": func(o *aliasOrigin) { o.rcode = dns.RcodeServerFailure },
	"REFUSED":  func(o *aliasOrigin) { o.rcode = dns.RcodeRefused },
	"silence":  func(o *aliasOrigin) { o.mute = true },
}

// No answer is none about the name: it keeps its addresses for stale, and loses
// them then, until there are answers again. Each change is in the log, once.
func TestAliasWithoutAnswer(t *testing.T) {
	t.Parallel()
	for name, fail := range aliasFailures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sites := startTargets(t, 2, ok)
			origin := startAliasOrigin(t, aliasA("web", sites[1].ip))
			s := start(t, aliasBehind+block("settings.example:{$PORT}", "failover {\nstale 5s\n}"), sites.vars(), origin.vars())
			s.log.await(t, 2, "unknown -> healthy")

			origin.set(func() { fail(origin) })
			const silent = "target web.example.org: no answer, it stays "
			s.log.await(t, 1, silent+sites[1].ip+" for now")
			seen := time.Now()
			mustAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
			awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
			if kept := time.Since(seen); kept < 3*time.Second || kept > 15*time.Second {
				t.Errorf("the address is kept for %v, want about 5 s", kept)
			}

			origin.set(func() { origin.rcode, origin.mute = 0, false })
			awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
			s.log.mustLog(t, 1, silent)
			s.log.mustLog(t, 1, "target web.example.org: there has been no answer for too long, it has no address")
			const again = "target web.example.org: resolves again"
			s.log.await(t, 1, again) // when both families do, which may take one look-up more
			s.log.mustLog(t, 1, again)
		})
	}
}

// Where the plugins of the block have no answer, the resolver is asked; where
// they have, be it a denial, it is not.
func TestAliasResolver(t *testing.T) {
	t.Parallel()
	for name, fail := range aliasFailures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sites := startTargets(t, 3, ok)
			origin := startAliasOrigin(t, aliasA("web", sites[1].ip))
			resolver := startAliasOrigin(t, aliasA("web", sites[2].ip))
			s := start(t, aliasBehind+block("settings.example:{$PORT}", "failover {\nresolver {$RESOLVER}\n}"),
				sites.vars(), origin.vars(), vars{"RESOLVER": resolver.address})
			s.log.await(t, 2, "unknown -> healthy")
			if n := resolver.questions("web.example.org", dns.TypeA); n > 0 {
				t.Errorf("the resolver is asked %d times for what the chain answers", n)
			}

			origin.set(func() { fail(origin) })
			s.log.await(t, 1, "("+sites[2].ip+"), check", "unknown -> healthy")
			awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[2].ip)
			s.log.mustLog(t, 1, "target web.example.org: "+sites[2].ip+", was "+sites[1].ip)

			origin.set(func() { origin.rcode, origin.mute = 0, false })
			awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
			origin.has(t, "")
			awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
		})
	}
}

// A block without any plugin that knows names has the resolver for them.
func TestAliasResolverAlone(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	resolver := startAliasOrigin(t, aliasA("web", sites[1].ip))
	s := start(t, zone(aliasOfWeb+"failover {\nresolver {$ORIGIN}\n}\n"), sites.vars(), resolver.vars())
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	s.log.await(t, 1, "("+sites[1].ip+"), check", "unknown -> healthy")
}

// The first question comes before the first resolution: it waits for that.
func TestAliasFirstQuestionWaits(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	origin := startAliasOrigin(t, aliasA("web", sites[1].ip))
	gate := make(chan struct{})
	open := sync.OnceFunc(func() { close(gate) })
	defer open()
	origin.set(func() { origin.gate = gate })
	s := start(t, aliasBehind, sites.vars(), origin.vars())
	conn, err := dns.DialTimeout("udp", s.endpoint(), patience)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if err := conn.WriteMsg(question("www.example.org", dns.TypeA)); err != nil {
		t.Fatal(err)
	}
	open() // the question is on its way
	reply, err := conn.ReadMsg()
	if err != nil {
		t.Fatal(err)
	}
	if got := inWords(reply); got != sites[1].ip {
		t.Errorf("the first question gets %s, want %s", got, sites[1].ip)
	}
}

// Where nobody answers for the name, the first question waits for 2 s, and those
// after it do not wait again.
func TestAliasSilentUpstream(t *testing.T) {
	t.Parallel()
	s := start(t, zone("forward . {$ORIGIN}\nfailover www.example.org {\nprimary web.example.org\ncheck none\n}\n"),
		vars{"ORIGIN": silentUpstream(t)})
	began, answers := time.Now(), 0
	await(t, func() string {
		if got := s.ask(t, "www.example.org", dns.TypeA); got != "SERVFAIL" {
			t.Errorf("got %s, want SERVFAIL", got)
		}
		answers++
		if time.Since(began) < 10*time.Second {
			return "this was not long enough"
		}
		return ""
	})
	if answers < 20 { // if each waited for 2 s there would be 5
		t.Errorf("there are %d answers in %v", answers, time.Since(began))
	}
	s.log.mustLog(t, 1, "target web.example.org: no answer, it stays nothing for now")
}

// While a name is not resolved, the next tier answers.
func TestAliasSilentUpstreamWithSecondary(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 1, ok)
	s := start(t, zone("forward . {$ORIGIN}\n"+aliasOfWeb), sites.vars(), vars{"ORIGIN": silentUpstream(t)})
	if got := s.ask(t, "www.example.org", dns.TypeA); got != sites[0].ip {
		t.Errorf("got %s, want %s", got, sites[0].ip)
	}
	mustAnswer(t, s, "www.example.org", dns.TypeAAAA, "NODATA")
}
