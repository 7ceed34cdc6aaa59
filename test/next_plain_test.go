package test_test

import (
	"testing"

	"github.com/miekg/dns"
)

// nextPair is one CoreDNS with the same plugins at two ports: behind failover,
// and plain.
type nextPair struct {
	*server
	plain *server
}

// startNextPair starts a server with lines in both server blocks, and records in
// front of them in one.
func startNextPair(t testing.TB, lines, records string, with ...vars) nextPair {
	t.Helper()
	ip := newIP(t)
	ports := freePorts(t, ip, 3)
	with = append(with, vars{"IP": ip, "PORT": ports[0], "PLAIN": ports[1], "METRICS": ip + ":" + ports[2]})
	s := start(t, fast+block("example.org:{$PORT}", lines+records)+block("example.org:{$PLAIN}", lines), with...)
	return nextPair{s.at(ip, ports[0]), s.at(ip, ports[1])}
}

// mustEqual asks both, and fails unless they reply the same in every bit but
// for the answers that are not wanted.
func (p nextPair) mustEqual(t testing.TB, network string, m *dns.Msg, unwanted ...string) {
	t.Helper()
	want, got := p.plain.exchange(t, network, m), p.exchange(t, network, m)
	var left []dns.RR
	for _, rr := range want.Answer {
		keep := true
		for _, one := range unwanted {
			keep = keep && inWords(&dns.Msg{Answer: []dns.RR{rr}}) != one
		}
		if keep {
			left = append(left, rr)
		}
	}
	want.Answer = left
	if got, want := got.String(), want.String(); got != want {
		t.Errorf("with failover:\n%s\nwithout, and less %q:\n%s", got, unwanted, want)
	}
}

// nextWildcard is a wildcard in front of the next plugins, with lines of its own.
func nextWildcard(lines string) string {
	return aliasRecord("*.example.org", "primary next\nsecondary {$T1}\nttl 86400s\n"+lines)
}
