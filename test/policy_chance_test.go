package test_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/miekg/dns"
)

// asked is how many questions make a distribution.
const asked = 2000

// counted asks www.example.org over and over, and returns how often each answer
// came.
func (s *server) counted(t testing.TB) map[string]int {
	t.Helper()
	counts := make(map[string]int)
	for range asked {
		counts[s.ask(t, "www.example.org", dns.TypeA)]++
	}
	return counts
}

// alarm are the values that chi-square exceeds with odds below 1e-10, by the
// degrees of freedom: what is right fails less than once in 1e9 times, although
// counts are no normal distribution.
var alarm = map[int]float64{0: 0, 1: 41.9, 2: -2 * math.Log(1e-10)}

// mustShare fails unless the counts are as the shares say; what has no share must
// not have been answered.
func mustShare(t testing.TB, counts map[string]int, shares map[string]float64) {
	t.Helper()
	total, whole, chi := 0, 0.0, 0.0
	for answer, n := range counts {
		total += n
		if shares[answer] == 0 {
			t.Errorf("%s is answered %d times, want never", answer, n)
		}
	}
	for _, share := range shares {
		whole += share
	}
	for answer, share := range shares {
		want := float64(total) * share / whole
		chi += (float64(counts[answer]) - want) * (float64(counts[answer]) - want) / want
	}
	if limit := alarm[len(shares)-1]; chi > limit {
		t.Errorf("chi-square is %.1f, above %.1f: the answers are %v, want shares of %v", chi, limit, counts, shares)
	}
}

// Each target's share is its weight over the sum of all that are healthy; those
// of weight 0 are for when no other is (topic "Weighted routing" of Route 53's
// developer guide).
func TestPolicyWeighted(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 5, ok)
	s := start(t, zone(policyRecord("www.example.org", "weighted", webCheck+withOptions("primary",
		"{$T1}: weight 10", "{$T2}: weight 30", "{$T3}: weight 40", "{$T4} {$T5}: weight 0"))), sites.vars())
	s.log.await(t, 5, "unknown -> healthy")
	share := func(weights ...float64) map[string]float64 {
		shares := make(map[string]float64)
		for i, weight := range weights {
			if weight > 0 {
				shares[sites[i].ip] = weight
			}
		}
		return shares
	}
	stop := func(i int) {
		sites[i].stop()
		s.log.await(t, 1, sites[i].ip, "healthy -> unhealthy")
	}
	mustShare(t, s.counted(t), share(10, 30, 40))
	stop(2)
	mustShare(t, s.counted(t), share(10, 30))
	stop(0)
	mustShare(t, s.counted(t), share(0, 30))
	stop(1)
	mustShare(t, s.counted(t), share(0, 0, 0, 1, 1))
	sites[0].start(t)
	s.log.await(t, 1, sites[0].ip, "unhealthy -> healthy")
	mustShare(t, s.counted(t), share(10))
}

// A share of the questions keeps the standby warm. There is none while it is
// unhealthy, and while it answers itself the next tier gets the share.
func TestPolicyTrickle(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 3, ok)
	s := start(t, zone(policyRecord("www.example.org", "all", webCheck+
		"primary {$T1}\nsecondary {$T2}\ntier 3 {$T3}\ntrickle 20%\n")), sites.vars())
	s.log.await(t, 3, "unknown -> healthy")
	mustShare(t, s.counted(t), map[string]float64{sites[0].ip: 80, sites[1].ip: 20})
	if served := s.metric(t, "answers_total", `tier="2"`); served < 200 || served > 600 {
		t.Errorf("tier 2 has answered %v of %d questions by the metrics", served, asked)
	}
	s.awaitMetric(t, 1, "record_active_tier", `family="IPv4"`)

	sites[1].stop()
	s.log.await(t, 1, sites[1].ip, "healthy -> unhealthy")
	mustShare(t, s.counted(t), map[string]float64{sites[0].ip: 80, sites[2].ip: 20})
	sites[2].stop()
	s.log.await(t, 1, sites[2].ip, "healthy -> unhealthy")
	mustShare(t, s.counted(t), map[string]float64{sites[0].ip: 1})

	sites[2].start(t)
	s.log.await(t, 1, sites[2].ip, "unhealthy -> healthy")
	sites[0].stop()
	s.awaitTier(t, 1, "www.example.org", 3)
	mustShare(t, s.counted(t), map[string]float64{sites[2].ip: 1})
}

// clientNetwork is the n-th of the networks that clients are in.
func clientNetwork(n int) string { return fmt.Sprintf("100.%d.%d.0/24", 64+n/256, n%256) }
