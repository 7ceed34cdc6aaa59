package test_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// holding is a record of three tiers that fails back after a while.
func holding(after string) string {
	return `
    failover www.example.org {
        primary {$T1}
        secondary {$T2}
        tier 3 {$T3}
        failback after ` + after + `
` + webCheck + `
    }
`
}

// A better tier that is back must stay eligible for that long before it answers.
// The time goes on over a reload, and begins anew when the tier fails meanwhile.
func TestPolicyFailbackAfter(t *testing.T) {
	t.Parallel()
	const hold = 8 * time.Second
	sites := startTargets(t, 3, ok)
	s := start(t, zone(holding("8s")), sites.vars())
	s.log.await(t, 3, "unknown -> healthy")
	sites[0].stop()
	s.awaitTier(t, 1, "www.example.org", 2)

	sites[0].start(t)
	s.log.await(t, 1, sites[0].ip, "unhealthy -> healthy")
	sites[0].stop() // this is a break
	s.log.await(t, 2, sites[0].ip, "healthy -> unhealthy")
	before := time.Now()
	sites[0].start(t)
	s.log.await(t, 2, sites[0].ip, "unhealthy -> healthy")
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	s.reload(t, strings.Replace(zone(holding("8s")), "primary", "ttl 9s\nprimary", 1))
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
	if held := time.Since(before); held < hold {
		t.Errorf("the record fails back after %v, want %v at least", held, hold)
	}
	s.awaitTier(t, 1, "www.example.org", 1)
	if changes := s.log.changes(); len(changes) != 2 {
		t.Errorf("got %q, want two changes", changes)
	}
}

// Failing over never waits: when the held tier fails, the search starts from the
// top, and the hold is gone.
func TestPolicyHeldTierFails(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 3, ok)
	s := start(t, zone(holding("1h")), sites.vars())
	s.log.await(t, 3, "unknown -> healthy")
	sites[0].stop()
	s.awaitTier(t, 1, "www.example.org", 2)
	sites[0].start(t)
	s.log.await(t, 1, sites[0].ip, "unhealthy -> healthy")
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)

	sites[1].stop() // the primary takes over, not tier 3
	s.awaitTier(t, 1, "www.example.org", 1)
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
	sites[1].start(t)
	s.log.await(t, 1, sites[1].ip, "unhealthy -> healthy")
	sites[0].stop() // and there is nothing to wait for
	s.awaitTier(t, 2, "www.example.org", 2)
	sites[1].stop()
	s.awaitTier(t, 1, "www.example.org", 3)
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[2].ip)
}

// A reload keeps a hold, whatever else of the record it changes; without failback
// in the new Corefile it ends at once. A start holds nothing.
func TestPolicyReloadKeepsHold(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 3, ok)
	s := start(t, zone(holding("1h")), sites.vars())
	s.log.await(t, 3, "unknown -> healthy")
	sites[0].stop()
	s.awaitTier(t, 1, "www.example.org", 2)
	sites[0].start(t)
	s.log.await(t, 1, sites[0].ip, "unhealthy -> healthy")
	for n, change := range []string{"ttl 9s", "limit 1", "failback after 2h"} {
		text := strings.Replace(holding("1h"), "failback after 1h", change, 1)
		if !strings.HasPrefix(change, "failback") {
			text = strings.Replace(holding("1h"), "failback", change+"\nfailback", 1)
		}
		s.reload(t, zone(text))
		if n == 0 {
			s.reload(t, zone(text+extraHold))
		}
		mustAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	}
	if changes := s.log.changes(); len(changes) != 1 {
		t.Errorf("got %q, want the failover alone", changes)
	}
	s.reload(t, zone(strings.Replace(holding("1h"), "failback after 1h", "", 1)))
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
	fresh := start(t, zone(holding("1h")), sites.vars())
	mustAnswer(t, fresh, "www.example.org", dns.TypeA, sites[0].ip)
}

// extraHold is a second record, which shares the checks of the first.
const extraHold = `
    failover other.example.org {
        primary {$T1}
        secondary {$T2}
        check http {
            port {$TARGET_PORT}
            host www.example.org
            import fast
        }
    }
`

// A tier answers while enough of its targets are healthy: of four, half.
func TestPolicyMinHealthyShare(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 7, ok)
	s := start(t, zone(policyRecord("www.example.org", "all", webCheck+`
        primary {$T1} {$T2} {$T3} {$T4}
        secondary {$T5} {$T6}
        tier 3 {$T7}
        min_healthy 50%
        limit 3
`)), sites.vars())
	s.log.await(t, 7, "unknown -> healthy")
	mustAnswerSome(t, s, 3, "$T1 $T2 $T3 $T4", sites)
	for _, one := range []struct {
		stop int
		n    int
		want string
	}{
		{1, 3, "$T2 $T3 $T4"},
		{2, 2, "$T3 $T4"},
		{3, 2, "$T5 $T6"}, // a quarter of the primary is too little
		{5, 1, "$T6"},     // half of the secondary will do
		{6, 1, "$T7"},
		{7, 1, "$T4"}, // nobody has enough: the first tier that has anything
	} {
		sites[one.stop-1].stop()
		s.log.await(t, 1, "target "+sites[one.stop-1].ip+",", "healthy -> unhealthy")
		mustAnswerSome(t, s, one.n, one.want, sites)
	}
	sites[0].start(t)
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites.expand("$T1 $T4"))
}

// mustAnswerSome fails unless n of the targets are answered.
func mustAnswerSome(t testing.TB, s *server, n int, from string, sites targets) {
	t.Helper()
	awaitSome := func() string {
		words := strings.Fields(s.ask(t, "www.example.org", dns.TypeA))
		if len(words) != n || !containsAll(sites.expand(from), words) {
			return fmt.Sprintf("the answer is %v, want %d of %s", words, n, sites.expand(from))
		}
		return ""
	}
	await(t, awaitSome)
	for range 20 {
		if problem := awaitSome(); problem != "" {
			t.Error(problem)
		}
	}
}
