package test_test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// What the next plugins answer depends on the client as well, where failover
// chose for that client that they do: a resolver must not give it to others.
func TestPolicyScopeOfFailNext(t *testing.T) {
	t.Parallel()
	site := startTargets(t, 1, ok)[0]
	s := start(t, zone("file {$ZONE_FILE}\n"+policyRecord("www.example.org", "clients", webCheck+
		withOptions("primary", "{$T1}: clients 198.51.100.0/24", "192.0.2.2: clients 203.0.113.0/24\ncheck none")+"fail next\n")),
		targets{site}.vars(), vars{"ZONE_FILE": writeFile(t, "db", "$ORIGIN example.org.\n"+signedFile)})
	s.log.await(t, 1, "unknown -> healthy")
	site.stop()
	awaitFor(t, s, "198.51.100.0/24", "192.0.2.99")
	for network, want := range map[string]string{"203.0.113.0/24": "192.0.2.2 1/24/24", "198.51.100.0/24": "192.0.2.99 1/24/24"} {
		answer, scope := s.askFor(t, "www.example.org", dns.TypeA, network)
		if got := answer + " " + scope; got != want {
			t.Errorf("a client of %s gets %s, want %s", network, got, want)
		}
	}
}

// An answer made of what the next plugins say has one OPT, also where they ask a
// server that gives one of its own.
func TestPolicyScopeOfNext(t *testing.T) {
	t.Parallel()
	upstream := start(t, "example.org:{$PORT} {\nbind {$IP}\nfile {$ZONE_FILE}\n}\n",
		vars{"ZONE_FILE": writeFile(t, "db", "$ORIGIN example.org.\n"+signedFile)})
	for name, cached := range map[string]string{"plain": "", "cached": "cache 3600\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, zone(cached+"forward . {$UPSTREAM}\n"+policyRecord("www.example.org", "clients", anyHealthy+
				withOptions("primary", "next: clients 198.51.100.0/24", "192.0.2.2: clients *"))),
				vars{"UPSTREAM": upstream.endpoint()})
			for range 3 {
				for network, want := range map[string]string{
					"198.51.100.0/24": "192.0.2.99 1/24/24", "198.51.101.0/24": "192.0.2.2 1/24/24", "0.0.0.0/0": "192.0.2.2 1/0/0",
				} {
					reply := s.exchange(t, "udp", withSubnet(question("www.example.org", dns.TypeA), network))
					if got := inWords(reply) + " " + scopeInWords(reply); got != want || optsOf(reply) != 1 {
						t.Errorf("a client of %s gets %s with %d OPTs, want %s with one", network, got, optsOf(reply), want)
					}
				}
				if reply := s.exchange(t, "udp", question("www.example.org", dns.TypeA)); optsOf(reply) != 0 {
					t.Errorf("without EDNS the reply has an OPT: %v", reply)
				}
			}
		})
	}
}

// optsOf is how many OPT records a message has; RFC 6891, 6.1.1 allows one.
func optsOf(m *dns.Msg) int {
	n := 0
	for _, rr := range m.Extra {
		if rr.Header().Rrtype == dns.TypeOPT {
			n++
		}
	}
	return n
}

// A CNAME says its scope like an address does.
func TestPolicyScopeOfCNAME(t *testing.T) {
	t.Parallel()
	s := start(t, zone("file {$ZONE_FILE}\n"+policyRecord("cname.example.org", "clients", "check none\n"+
		withOptions("primary", "ns.example.org: cname\nclients 198.51.100.0/24")+
		withOptions("secondary", "www.example.org: cname\nclients *"))),
		vars{"ZONE_FILE": writeFile(t, "db", "$ORIGIN example.org.\n"+signedFile)})
	for network, want := range map[string]string{"198.51.100.0/24": "192.0.2.53 1/24/24", "203.0.113.0/24": "192.0.2.99 1/24/5"} {
		await(t, func() string {
			answer, scope := s.askFor(t, "cname.example.org", dns.TypeA, network)
			if got := answer + " " + scope; got != want {
				return "a client of " + network + " gets " + got + ", want " + want
			}
			return ""
		})
	}
}

// Where dnssec signs, answers are chosen before that, and both have their say:
// the scope stands beside signatures that are right.
func TestPolicyScopeOfSigned(t *testing.T) {
	t.Parallel()
	key := newSigningKey(t, "example.org.")
	s := start(t, zone("cache 3600\ndnssec {\nkey file "+key.file+"\n}\n"+
		policyRecord("www.example.org", "clients", anyHealthy+
			withOptions("primary", "192.0.2.1: clients 198.51.100.0/24", "192.0.2.2: clients *"))))
	for range 3 {
		for network, want := range map[string]string{
			"198.51.100.0/24": "192.0.2.1 1/24/24", "198.51.101.0/24": "192.0.2.2 1/24/24", "0.0.0.0/0": "192.0.2.2 1/0/0",
		} {
			m := withSubnet(question("www.example.org", dns.TypeA), network)
			m.IsEdns0().SetDo()
			reply := s.exchange(t, "udp", m)
			if got := inWords(reply) + " " + scopeInWords(reply); got != want || optsOf(reply) != 1 {
				t.Errorf("a client of %s gets %s with %d OPTs, want %s with one", network, got, optsOf(reply), want)
			}
			if err := key.check("example.org.", reply); err != nil {
				t.Errorf("a client of %s gets what does not validate: %v in\n%v", network, err, strings.TrimSpace(reply.String()))
			}
		}
	}
}
