package test_test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// The rows of the decision table and the options of records, targets and
// checks, each with a record of its own. Down are T1, T5 and T6; up are the web
// servers T2 and T3, and T4, which speaks another protocol. All share a port.
var options = []struct {
	name  string
	lines string
	want  string // $T2 and the like stand for addresses
}{
	{"tcp", `
        primary {$T1}
        secondary {$T2}
        check tcp {$TARGET_PORT} {
            import fast
        }`, "$T2"},
	{"expect", `
        primary {$T2}
        secondary {$T4}
        check tcp {$TARGET_PORT} {
            send "PING\r\n"
            expect "+PONG\x0d"
            import fast
        }`, "$T4"},
	{"address", `
        primary 192.0.2.10
        secondary 192.0.2.20 {
            check none
        }
        check http {
            address {$T2}
            port {$TARGET_PORT}
            import fast
        }`, "192.0.2.10"},
	{"address-down", `
        primary {$T2}
        secondary {$T3} {
            check none
        }
        check http {
            address {$T1}
            port {$TARGET_PORT}
            import fast
        }`, "$T3"},
	{"invert", `
        primary {$T2}
        secondary {$T1}
        check http {
            port {$TARGET_PORT}
            invert
            import fast
        }`, "$T1"},
	{"disabled", `
        primary {$T1} {
            check http {
                port {$TARGET_PORT}
                disabled
            }
        }
        secondary {$T2}
        check tcp {$TARGET_PORT} {
            import fast
        }`, "$T1"},
	{"disabled-inverted", `
        primary {$T2} {
            check http {
                port {$TARGET_PORT}
                disabled
                invert
            }
        }
        secondary {$T3}
        check tcp {$TARGET_PORT} {
            import fast
        }`, "$T3"},
	{"none", `
        primary {$T1}
        secondary 192.0.2.20 {
            check none
        }
        check http {
            port {$TARGET_PORT}
            import fast
        }`, "192.0.2.20"},
	{"require-any", `
        primary {$T4}
        secondary {$T3}
        check http {
            port {$TARGET_PORT}
            import fast
        }
        check tcp {$TARGET_PORT} {
            import fast
        }
        require any`, "$T4"},
	{"require-all", `
        primary {$T4}
        secondary {$T3}
        check http {
            port {$TARGET_PORT}
            import fast
        }
        check tcp {$TARGET_PORT} {
            import fast
        }`, "$T3"},
	{"require-2", `
        primary {$T4} {
            require 1
        }
        primary {$T1} {
            require 2
        }
        check http {
            port {$TARGET_PORT}
            import fast
        }
        check tcp {$TARGET_PORT} {
            import fast
        }
        check tcp {$TARGET_PORT} {
            address {$T2}
            import fast
        }`, "$T4"},
	{"drain", `
        primary {$T2} {
            drain
        }
        primary {$T1}
        secondary {$T3}
        check http {
            port {$TARGET_PORT}
            import fast
        }`, "$T3"},
	{"drain-all-down", `
        primary {$T2} {
            drain
        }
        primary {$T1}
        secondary {$T5}
        check http {
            port {$TARGET_PORT}
            import fast
        }`, "$T1"},
	{"observe", `
        primary {$T1}
        secondary {$T2}
        check http {
            port {$TARGET_PORT}
            import fast
        }
        observe`, "$T1"},
	{"both-active", `
        primary {$T1} {$T2} {$T3}
        secondary {$T4}
        check tcp {$TARGET_PORT} {
            import fast
        }`, "$T2 $T3"},
	{"min-healthy", `
        primary {$T1} {$T2}
        secondary {$T3} {$T4}
        min_healthy 2
        check tcp {$TARGET_PORT} {
            import fast
        }`, "$T3 $T4"},
	{"min-healthy-let-go", `
        primary {$T1} {$T2}
        secondary {$T5} {$T6}
        min_healthy 2
        check tcp {$TARGET_PORT} {
            import fast
        }`, "$T2"},
	{"percent-enough", `
        primary {$T1} {$T2} {$T3}
        secondary {$T4}
        min_healthy 50%
        check tcp {$TARGET_PORT} {
            import fast
        }`, "$T2 $T3"},
	{"percent-short", `
        primary {$T1} {$T2} {$T3}
        secondary {$T4}
        min_healthy 67%
        check tcp {$TARGET_PORT} {
            import fast
        }`, "$T4"},
	{"tier3", `
        primary {$T1}
        secondary {$T5}
        tier 3 {$T3}
        check tcp {$TARGET_PORT} {
            import fast
        }`, "$T3"},
	{"*.wild", `
        primary {$T1}
        secondary {$T2}
        check http {
            port {$TARGET_PORT}
            import fast
        }`, "$T2"},
}

func TestOptions(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 6, ok)
	for _, down := range []int{0, 4, 5} {
		sites[down].stop()
	}
	sites[3].behave(replies("PING\r\n", "+PONG\r\n"))
	lines := ""
	for _, one := range options {
		lines += "failover " + one.name + ".example.org {" + one.lines + "\n}\n"
	}
	s := start(t, zone(lines), sites.vars())
	for _, one := range options {
		name := strings.Replace(one.name, "*", "a.b", 1) + ".example.org"
		awaitAnswer(t, s, name, dns.TypeA, sites.expand(one.want))
	}
	// All verdicts are in: now they stay.
	s.awaitMetric(t, 0, "probes_total", `result="broken"`)
	sites[1].awaitProbes(t, 30)
	for _, one := range options {
		t.Run(one.name, func(t *testing.T) {
			name := strings.Replace(one.name, "*", "c", 1) + ".example.org"
			mustAnswer(t, s, name, dns.TypeA, sites.expand(one.want))
		})
	}

	m := s.metrics(t)
	if active := m.sum("coredns_failover_record_active_tier", `record="observe.example.org"`, `family="IPv4"`); active != 2 {
		t.Errorf("the record that observes would answer tier %v, want 2", active)
	}
	s.log.await(t, 1, "record observe.example.org, IPv4: failed_over, tier 2")
}

// expand puts the addresses of targets in the place of $T1 and so on, in the
// order that inWords has.
func (ts targets) expand(want string) string {
	var words []string
	for word := range strings.FieldsSeq(want) {
		if name, isTarget := strings.CutPrefix(word, "$"); isTarget {
			word = ts.vars()[name]
		}
		words = append(words, word)
	}
	return sorted(words)
}

// Every address is answered in turn where limit leaves some out.
func TestLimit(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 3, ok)
	s := start(t, zone(`
    failover www.example.org {
        primary {$T1} {$T2} {$T3}
        limit 2
        ttl 5s
        check tcp {$TARGET_PORT} {
            import fast
        }
    }
`), sites.vars())
	sites[0].stop()
	pair := sorted([]string{sites[1].ip, sites[2].ip})
	s.log.await(t, 1, sites[0].ip, "-> unhealthy")
	mustAnswer(t, s, "www.example.org", dns.TypeA, pair)

	sites[0].start(t)
	s.log.await(t, 1, sites[0].ip, "unhealthy -> healthy")
	seen := make(map[string]bool)
	await(t, func() string {
		answer := s.ask(t, "www.example.org", dns.TypeA)
		if n := len(strings.Fields(answer)); n != 2 {
			t.Fatalf("%d addresses are answered, want 2: %s", n, answer)
		}
		seen[answer] = true
		if len(seen) < 3 {
			return "not every pair has been answered"
		}
		return ""
	})
	if ttl := s.exchange(t, "udp", question("www.example.org", dns.TypeA)).Answer[0].Header().Ttl; ttl != 5 {
		t.Errorf("the TTL is %d, want 5", ttl)
	}
}

// Each family has an active tier of its own.
func TestIPv6(t *testing.T) {
	t.Parallel()
	primary := startTargetsAt(t, []string{"::1"}, nil, ok)[0]
	s := start(t, zone(`
    failover www.example.org {
        primary ::1
        secondary 2001:db8::1 192.0.2.20 {
            check none
        }
        check http {
            port {$TARGET_PORT}
            import fast
        }
    }
`), targets{primary}.vars())
	s.log.await(t, 1, "target ::1, check http", "unknown -> healthy")
	mustAnswer(t, s, "www.example.org", dns.TypeAAAA, "::1")
	mustAnswer(t, s, "www.example.org", dns.TypeA, "NODATA") // the primary is eligible, over IPv6
	if got := primary.request().Host; got != "www.example.org:"+primary.port {
		t.Errorf("the Host is %s", got)
	}

	primary.stop()
	awaitAnswer(t, s, "www.example.org", dns.TypeAAAA, "2001:db8::1")
	mustAnswer(t, s, "www.example.org", dns.TypeA, "192.0.2.20")
}

// What a probe sends is what the Corefile says.
func TestRequest(t *testing.T) {
	t.Parallel()
	plain, special := startTargets(t, 1, ok)[0], startTargets(t, 1, ok)[0]
	s := start(t, zone(`
    failover plain.example.org {
        primary {$PLAIN}
        check http {
            port {$PLAIN_PORT}
            import fast
        }
    }
    failover special.example.org {
        primary {$SPECIAL}
        check http /healthz?full=1 {
            port {$SPECIAL_PORT}
            method POST
            host health.example.net
            header X-Token "a b"
            header X-Token c
            header User-Agent tester
            import fast
        }
    }
`), vars{
		"PLAIN": plain.ip, "PLAIN_PORT": plain.port,
		"SPECIAL": special.ip, "SPECIAL_PORT": special.port,
	})
	s.log.await(t, 2, "unknown -> healthy")

	got := plain.request()
	if got.Method != "GET" || got.RequestURI != "/" || got.Host != "plain.example.org:"+plain.port ||
		got.UserAgent() != "coredns-failover" {
		t.Errorf("the plain request is %s %s to %s by %s", got.Method, got.RequestURI, got.Host, got.UserAgent())
	}
	got = special.request()
	if got.Method != "POST" || got.RequestURI != "/healthz?full=1" || got.Host != "health.example.net:"+special.port ||
		got.UserAgent() != "tester" || strings.Join(got.Header["X-Token"], "|") != "a b|c" {
		t.Errorf("the special request is %s %s to %s with %v", got.Method, got.RequestURI, got.Host, got.Header)
	}
}
