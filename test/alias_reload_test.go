package test_test

import (
	"testing"

	"github.com/miekg/dns"
)

// A reload keeps what aliases stand for and the verdicts of that: no question in
// between gets another answer, and nothing is learned anew.
func TestAliasReload(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 3, ok)
	origin := startAliasOrigin(t, "$TTL 60\n"+aliasA("web", sites[1].ip, sites[2].ip))
	s := start(t, aliasBehind, sites.vars(), origin.vars())
	s.log.await(t, 3, "unknown -> healthy")
	sites[1].stop()
	s.log.await(t, 1, "("+sites[1].ip+"), check", "healthy -> unhealthy")

	f := startFlood(t, s, "www.example.org", 2000)
	for range 3 {
		f.awaitAnswers(t, 500)
		s.reload(t, s.readCorefile()+"\n# again\n")
	}
	f.awaitAnswers(t, 500)
	for answer, n := range f.stop(t) {
		if answer != sites[2].ip {
			t.Errorf("%d answers are %s, want %s", n, answer, sites[2].ip)
		}
	}
	s.log.mustLog(t, 4, " -> ") // 3 at the start, and 1
	s.log.mustLog(t, 1, "target web.example.org: ", ", was nothing")
	if n := origin.questions("web.example.org", dns.TypeA); n != 1 {
		t.Errorf("the name with a TTL of 60 s has been asked for %d times", n)
	}
}

// The same where nobody answers for the name just then.
func TestAliasReloadWhileSilent(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	origin := startAliasOrigin(t, aliasA("web", sites[1].ip))
	s := start(t, aliasBehind, sites.vars(), origin.vars())
	s.log.await(t, 2, "unknown -> healthy")
	origin.set(func() { origin.mute = true })
	s.log.await(t, 1, "target web.example.org: no answer, it stays")

	f := startFlood(t, s, "www.example.org", 1000)
	f.awaitAnswers(t, 200)
	s.reload(t, s.readCorefile()+"\n# again\n")
	f.awaitAnswers(t, 2000)
	for answer, n := range f.stop(t) {
		if answer != sites[1].ip {
			t.Errorf("%d answers are %s, want %s", n, answer, sites[1].ip)
		}
	}
	s.log.mustLog(t, 1, "target web.example.org: no answer, it stays")

	origin.set(func() { origin.mute = false })
	s.log.await(t, 1, "target web.example.org: resolves again")
	origin.has(t, aliasA("web", sites[0].ip)) // and the new configuration follows the name
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
}

// After a reload the next plugins are new ones: those are asked.
func TestAliasReloadAsksNewPlugins(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 3, ok)
	old := startAliasOrigin(t, aliasA("web", sites[1].ip))
	other := startAliasOrigin(t, aliasA("web", sites[2].ip))
	s := start(t, zone("forward . {$ORIGIN}\n"+aliasOfWeb), sites.vars(), old.vars(), vars{"OTHER": other.address})
	s.log.await(t, 2, "unknown -> healthy")
	s.reload(t, zone("forward . {$OTHER}\n"+aliasOfWeb))
	neverAnswer(t, s, "www.example.org", []string{sites[1].ip, sites[2].ip}, func() string {
		if len(s.log.find("target web.example.org: "+sites[2].ip+", was "+sites[1].ip)) == 0 {
			return "the name is not resolved anew"
		}
		return ""
	})
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[2].ip)
	asked := old.questions("web.example.org", dns.TypeA)
	other.awaitQuestions(t, "web.example.org", dns.TypeA, 3)
	if more := old.questions("web.example.org", dns.TypeA) - asked; more > 0 {
		t.Errorf("the old upstream is asked %d times more", more)
	}
}
