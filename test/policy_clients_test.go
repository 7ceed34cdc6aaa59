package test_test

import (
	"testing"

	"github.com/miekg/dns"
)

// webCheck is a check of targets that startTargets gave.
const webCheck = `
        check http {
            port {$TARGET_PORT}
            import fast
        }
`

// A client gets the target of the smallest network that it is in. Its network is
// what its resolver tells, else the address that it asks from.
func TestPolicyClientsByNetwork(t *testing.T) {
	t.Parallel()
	near, far := newIP(t), newIP(t)
	s := start(t, zone(policyRecord("www.example.org", "clients", anyHealthy+withOptions("primary",
		"192.0.2.1: clients {$NEAR}/32 198.51.100.64/26 2001:db8:1::/48",
		"192.0.2.2: clients 127.0.0.0/8 198.51.100.0/24 2001:db8::/32",
		"192.0.2.3: clients *"))), vars{"NEAR": near})
	if got := s.queryFrom(t, near, "www.example.org", dns.TypeA); got != "192.0.2.1" {
		t.Errorf("from %s: got %s, want 192.0.2.1", near, got)
	}
	if got := s.queryFrom(t, far, "www.example.org", dns.TypeA); got != "192.0.2.2" {
		t.Errorf("from %s: got %s, want 192.0.2.2", far, got)
	}
	for network, want := range map[string]string{
		"198.51.100.65/32":  "192.0.2.1",
		"198.51.100.64/26":  "192.0.2.1",
		"198.51.100.0/24":   "192.0.2.2", // not all of it is in the smaller network
		"198.51.100.128/25": "192.0.2.2",
		"203.0.113.0/24":    "192.0.2.3",
		"2001:db8:1:2::/56": "192.0.2.1",
		"2001:db8:2::/48":   "192.0.2.2",
		"2001:db9::/32":     "192.0.2.3",
		near + "/32":        "192.0.2.1",
	} {
		if got, _ := s.askFor(t, "www.example.org", dns.TypeA, network); got != want {
			t.Errorf("a client of %s gets %s, want %s", network, got, want)
		}
	}
}

// A resolver may tell an IPv4 client in IPv6's form (RFC 4291, 2.5.5.2). The
// scope is one of IPv6 then: any shorter one would be for other clients, too.
func TestPolicyClientsByMappedNetwork(t *testing.T) {
	t.Parallel()
	s := start(t, zone(policyRecord("www.example.org", "clients", anyHealthy+
		withOptions("primary", "192.0.2.1: clients 198.51.100.0/24", "192.0.2.2: clients *"))))
	for network, want := range map[string]string{
		"::ffff:c633:6441/128": "192.0.2.1 2/128/120", // 198.51.100.65
		"::ffff:c633:6400/120": "192.0.2.1 2/120/120",
		"::ffff:cb00:7101/128": "192.0.2.2 2/128/101", // 203.0.113.1
		"::/24":                "192.0.2.2 2/24/0",
	} {
		answer, scope := s.askFor(t, "www.example.org", dns.TypeA, network)
		if got := answer + " " + scope; got != want {
			t.Errorf("a client of %s gets %s, want %s", network, got, want)
		}
	}
}

// Who matches nothing gets no data, and the log warns of that at the start. No
// warning where a target takes everybody.
func TestPolicyClientsWithoutMatch(t *testing.T) {
	t.Parallel()
	s := start(t, zone(
		policyRecord("some.example.org", "clients", anyHealthy+withOptions("primary", "192.0.2.1: clients 198.51.100.0/24")+
			withOptions("secondary", "192.0.2.2: clients 203.0.113.0/24"))+
			policyRecord("every.example.org", "clients", anyHealthy+withOptions("primary", "192.0.2.1: clients 198.51.100.0/24")+
				withOptions("secondary", "192.0.2.2: clients *"))))
	const warning = `[WARNING] plugin/failover: record some.example.org: no target has "clients *", so clients that match none get no data`
	s.log.await(t, 1, warning)
	if warned := s.log.find(`no target has "clients *"`); len(warned) != 1 {
		t.Errorf("got %q, want one warning", warned)
	}
	for network, want := range map[string]string{
		"198.51.100.0/24": "192.0.2.1", "203.0.113.0/24": "192.0.2.2", "192.0.2.0/24": "NODATA",
	} {
		if got, _ := s.askFor(t, "some.example.org", dns.TypeA, network); got != want {
			t.Errorf("a client of %s gets %s, want %s", network, got, want)
		}
	}
	if got := s.query(t, "some.example.org", dns.TypeA); got != "NODATA example.org. 7 7" {
		t.Errorf("without EDNS a client that matches nothing gets %s", got)
	}
	if got := s.ask(t, "every.example.org", dns.TypeA); got != "192.0.2.2" {
		t.Errorf("everybody gets %s, want 192.0.2.2", got)
	}
}

// A client whose target fails gets that of the next larger network, then the one
// for everybody, then the next tier. Nobody else is moved.
func TestPolicyClientsFallBack(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 4, ok)
	s := start(t, zone(policyRecord("www.example.org", "clients", webCheck+withOptions("primary",
		"{$T1}: clients 198.51.100.64/26", "{$T2}: clients 198.51.100.0/24", "{$T3}: clients *")+
		withOptions("secondary", "{$T4}: clients 198.51.100.0/24"))), sites.vars())
	s.log.await(t, 4, "unknown -> healthy")
	inner, outer, other := "198.51.100.65/32", "198.51.100.1/32", "203.0.113.1/32"
	mustGet := func(want map[string]*target) {
		t.Helper()
		for network, one := range want {
			awaitFor(t, s, network, one.ip)
		}
	}
	mustGet(map[string]*target{inner: sites[0], outer: sites[1], other: sites[2]})
	sites[0].stop()
	mustGet(map[string]*target{inner: sites[1], outer: sites[1], other: sites[2]})
	sites[1].stop()
	mustGet(map[string]*target{inner: sites[2], outer: sites[2], other: sites[2]})
	sites[2].stop()
	mustGet(map[string]*target{inner: sites[3], outer: sites[3], other: sites[2]}) // the last fails open
	sites[1].start(t)
	mustGet(map[string]*target{inner: sites[1], outer: sites[1], other: sites[2]})
	sites[0].start(t)
	mustGet(map[string]*target{inner: sites[0], outer: sites[1], other: sites[2]})
}

// awaitFor waits until clients of a network get an answer at www.example.org.
func awaitFor(t testing.TB, s *server, network, want string) {
	t.Helper()
	await(t, func() string {
		if got, _ := s.askFor(t, "www.example.org", dns.TypeA, network); got != want {
			return "a client of " + network + " gets " + got + ", want " + want
		}
		return ""
	})
}
