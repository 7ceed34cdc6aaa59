package test_test

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"
)

// manyClients is how many networks have a client.
const manyClients = 300

// stuck asks for each of the clients, and returns what they are answered.
func (s *server) stuck(t testing.TB) []string {
	t.Helper()
	answers := make([]string, manyClients)
	for n := range answers {
		answers[n], _ = s.askFor(t, "www.example.org", dns.TypeA, clientNetwork(n))
	}
	return answers
}

// mustMove fails unless those clients, and no others, that were at the target
// have come to another.
func mustMove(t testing.TB, before, after []string, from *target) (moved int) {
	t.Helper()
	for n := range before {
		switch {
		case before[n] != from.ip && after[n] != before[n]:
			t.Errorf("client %s is moved from %s to %s", clientNetwork(n), before[n], after[n])
		case after[n] == from.ip || after[n] == "NODATA":
			t.Errorf("client %s is answered with %s", clientNetwork(n), after[n])
		case before[n] == from.ip:
			moved++
		}
	}
	return moved
}

// A client keeps its target. Only those of a target that fails get another, all
// others alike, and they come back with it. Servers agree, and so do restarts
// and reloads.
func TestPolicySticky(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 4, ok)
	corefile := zone(policyRecord("www.example.org", "sticky", webCheck+"primary {$T1} {$T2} {$T3} {$T4}\n"))
	s := start(t, corefile, sites.vars())
	s.log.await(t, 4, "unknown -> healthy")
	before := s.stuck(t)
	shares := map[string]float64{}
	for _, one := range sites {
		shares[one.ip] = manyClients / float64(len(sites))
	}
	counts := make(map[string]int)
	for _, answer := range before {
		counts[answer]++
	}
	for answer, n := range counts {
		// With 300 clients, half of the share is 5 standard deviations.
		if share := shares[answer]; float64(n) < share/2 || float64(n) > share*3/2 {
			t.Errorf("%d of %d clients get %s", n, manyClients, answer)
		}
	}
	mustStay(t, before, s.stuck(t), "asked again")
	mustStay(t, before, start(t, corefile, sites.vars()).stuck(t), "another server is asked")

	sites[1].stop()
	s.log.await(t, 1, sites[1].ip, "healthy -> unhealthy")
	if after := s.stuck(t); mustMove(t, before, after, sites[1]) != counts[sites[1].ip] {
		t.Errorf("not all clients of %s are moved", sites[1].ip)
	}
	s.reload(t, corefile+"\n# changed\n")
	mustMove(t, before, s.stuck(t), sites[1])
	sites[1].start(t)
	s.log.await(t, 1, sites[1].ip, "unhealthy -> healthy")
	mustStay(t, before, s.stuck(t), "the target is back")
}

func mustStay(t testing.TB, before, after []string, when string) {
	t.Helper()
	for n := range before {
		if after[n] != before[n] {
			t.Errorf("when %s, client %s is moved from %s to %s", when, clientNetwork(n), before[n], after[n])
		}
	}
}

// A client is a /24 or a /56, whoever asks for it: neighbours have its target,
// and one without EDNS that of the address it asks from.
func TestPolicyStickyClient(t *testing.T) {
	t.Parallel()
	s := start(t, zone(policyRecord("www.example.org", "sticky", anyHealthy+
		"primary 192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4\n")))
	for n := range 40 {
		mustAgree(t, s, clientNetwork(n), fmt.Sprintf("100.64.%d.1/32", n), fmt.Sprintf("100.64.%d.254/32", n), fmt.Sprintf("100.64.%d.128/25", n))
		mustAgree(t, s, fmt.Sprintf("2001:db8:%x:100::/56", n), fmt.Sprintf("2001:db8:%x:1ff::1/128", n), fmt.Sprintf("2001:db8:%x:180::/64", n))
		from := fmt.Sprintf("127.%d.9.%d", 1+n, 200-n)
		want, _ := s.askFor(t, "www.example.org", dns.TypeA, fmt.Sprintf("127.%d.9.0/24", 1+n))
		if got := s.queryFrom(t, from, "www.example.org", dns.TypeA); got != want {
			t.Errorf("from %s: got %s, want %s", from, got, want)
		}
	}
}

func mustAgree(t testing.TB, s *server, networks ...string) {
	t.Helper()
	want, _ := s.askFor(t, "www.example.org", dns.TypeA, networks[0])
	for _, network := range networks[1:] {
		if got, _ := s.askFor(t, "www.example.org", dns.TypeA, network); got != want {
			t.Errorf("clients of %s get %s, and those of %s get %s", networks[0], want, network, got)
		}
	}
}
